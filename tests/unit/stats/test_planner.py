"""The planner against the design's table, textbook formulas, and simulated power."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from llmexp_tui.stats import ComparisonPlan, MetricData, MetricSpec, Samples, compare_arms, measure_floor
from llmexp_tui.stats.engine import mean_model
from llmexp_tui.stats.planner import (
    MarginClaim,
    Variance,
    detectable_effect,
    forecast,
    noise_floor_at,
    rows_for_effect,
    variance_assumed,
    variance_from_aa,
    variance_from_pilot,
)

MARGINS = (0.02, 0.03, 0.05, 0.08, 0.10)


@pytest.mark.parametrize(
    ("variance", "rows"), [(0.10, (1566, 707, 266, 114, 78)), (0.20, (3102, 1384, 505, 203, 133))]
)
def test_rows_for_a_margin_are_the_tabled_ones(variance: float, rows: tuple[int, ...]) -> None:
    assert tuple(MarginClaim(margin, width=1.0).rows(variance) for margin in MARGINS) == rows


def test_planned_rows_deliver_the_planned_power() -> None:
    claim = MarginClaim(0.05, width=1.0)
    rows = claim.rows(0.04)
    assert rows is not None
    rng = np.random.default_rng(1)
    passed = [
        mean_model(rng.normal(0, 0.2, rows), np.ones(rows), width=1.0).p_above(-0.05) <= 0.05 for _ in range(2000)
    ]
    assert 0.78 <= np.mean(passed) <= 0.88
    assert claim.chance(0.04, rows) == pytest.approx(0.80, abs=0.005)


def test_detectable_effect_is_found_with_the_stated_power() -> None:
    effect = detectable_effect(0.25, 100)
    assert effect == pytest.approx((1.959964 + 0.841621) * 0.05, rel=1e-4)
    assert rows_for_effect(0.25, effect) == pytest.approx(100, abs=1)


def test_a_worse_candidate_needs_more_rows_and_one_beyond_the_margin_never_passes() -> None:
    claim = MarginClaim(0.05, width=1.0)
    assert (claim.rows(0.1, -0.02) or 0) > (claim.rows(0.1) or 0) > (claim.rows(0.1, 0.03) or 0)
    assert claim.rows(0.1, -0.05) is None


def test_repeats_help_only_against_sampling_noise() -> None:
    claim = MarginClaim(0.05, width=1.0)
    assert claim.repeats(Variance(0.001, 0.10), 200) == 3
    assert claim.repeats(Variance(0.1, 0.05), 200) is None
    assert claim.repeats(Variance(0.0, 0.0), 40) is None


def test_clusters_raise_the_rows() -> None:
    assert MarginClaim(0.05, 1.0, design_effect=5).least_rows == 5 * 59
    assert (MarginClaim(0.05, 1.0, design_effect=5).rows(0.001) or 0) >= 5 * 59


def test_variances_from_measurements() -> None:
    times, scores = MetricSpec("t", "latency"), MetricSpec("s", "binary")
    assert variance_from_aa(times, 0.1).at(2) == pytest.approx(0.2)
    assert variance_from_aa(times, 0.0) == Variance(0.25, 0.0, "assumed")
    assert variance_from_pilot(times, 0.3, 50, 1.0, 0.1).rows == pytest.approx(0.1)
    assert variance_from_pilot(times, 0.1, 50, 1.0, 0.1).rows == 0.0
    split = variance_from_pilot(times, 0.3, 50, 1.0, None)
    assert (split.rows, split.call, split.at(1)) == pytest.approx((0.1, 0.1, 0.3))
    assert variance_from_pilot(scores, 0.0, 19, 1.0, None).at(1) == pytest.approx(1 / 20)
    assert variance_assumed(MetricSpec("a", "binary")).at(1) == pytest.approx(0.2)


def test_an_impossible_gate_is_said_before_any_call() -> None:
    spec = MetricSpec("accuracy", "binary", margin=0.02)
    outlook = forecast(spec, 50, 1, variance_assumed(spec))
    assert outlook.impossible is not None and "149" in outlook.impossible
    assert outlook.power == 0.0
    assert outlook.rows_needed == 3102


def test_a_margin_below_the_floor_is_warned_about() -> None:
    spec = MetricSpec("accuracy", "binary", margin=0.05)
    outlook = forecast(spec, 200, 1, Variance(0.1, 0.1, "aa"))
    assert outlook.impossible is None
    assert outlook.warning is not None and "noise floor" in outlook.warning


def test_too_few_clusters_are_impossible_however_many_rows() -> None:
    spec = MetricSpec("accuracy", "binary", margin=0.05)
    few = forecast(spec, 400, 1, Variance(0.05, 0.05), cluster_size=80, icc=0.0)
    assert few.impossible is not None and "5 independent clusters" in few.impossible
    tight = forecast(spec, 400, 1, Variance(0.05, 0.05), cluster_size=20, icc=0.5)
    assert tight.impossible is not None and "at least 620" in tight.impossible


def test_ratio_sizes_come_back_as_ratios() -> None:
    spec = MetricSpec("latency", "latency")
    outlook = forecast(spec, 200, 1, variance_from_aa(spec, 0.05), effect=0.1)
    assert outlook.noise_floor == pytest.approx(math.expm1(1.96 * math.sqrt(0.1 / 200)))
    assert outlook.rows_for_effect == rows_for_effect(0.15, math.log(1.1))
    assert outlook.impossible is None


def test_repeats_for_an_effect_find_it_that_often() -> None:
    spec, variance = MetricSpec("score"), Variance(0.02, 0.1)
    needed = forecast(spec, 100, 1, variance, effect=0.1).repeats_for_effect
    assert needed is not None
    mde = [forecast(spec, 100, repeats, variance).mde or 0.0 for repeats in (needed, needed - 1)]
    assert mde[0] <= 0.1 < mde[1]
    assert forecast(spec, 100, 1, variance, effect=0.01).repeats_for_effect is None


def found(spec: MetricSpec, effect: float, rows: int, *, anytime: bool = False) -> float:
    """Share of 300 comparisons of scores with an SD of 0.12 that call this effect an improvement, or pass."""
    rng, hits, plan = np.random.default_rng(2), 0, ComparisonPlan(anytime=anytime)
    arms = {"A": Samples(np.arange(rows), np.full(rows, 0.4))}
    for _ in range(300):
        arms["B"] = Samples(np.arange(rows), rng.normal(0.4 + effect, 0.12, rows).clip(0, 1))
        data = MetricData(spec, arms, rows)
        judged = compare_arms([data], baseline="A", candidates=["B"], plan=plan, details=False).metrics[0]
        hits += judged.verdict == "improved" if effect else judged.gate == "pass"
    return hits / 300


@pytest.mark.parametrize("spec", [MetricSpec("m", margin=0.05), MetricSpec("m", margin=0.05, min_effect=0.02)])
def test_a_wished_effect_is_found_as_often_as_planned(spec: MetricSpec) -> None:
    """The phantom pair and a gain too small to count both ask for rows."""
    rows = forecast(spec, 100, 1, Variance(0.12**2, 0.0), effect=0.06).rows_for_effect
    assert rows is not None
    assert 0.77 <= found(spec, 0.06, rows) <= 0.95
    assert forecast(replace(spec, min_effect=0.06), 100, 1, Variance(0.01, 0.0), effect=0.06).rows_for_effect is None


@pytest.mark.parametrize(("strict", "anytime"), [(True, False), (False, True)])
def test_what_rests_on_bets_is_planned_with_their_price(strict: bool, anytime: bool) -> None:
    spec = MetricSpec("m", margin=0.05, strict=strict)
    outlook = forecast(spec, 100, 1, Variance(0.12**2, 0.0), anytime=anytime)
    assert outlook.rows_needed is not None
    assert 0.77 <= found(spec, 0.0, outlook.rows_needed, anytime=anytime) <= 0.98


def test_a_tail_is_planned_as_it_turns_out() -> None:
    """The design's figures for p95: a margin of 25 % on 400 rows passes 70 % of equal variants, 10 % on 200 15 %."""
    passes = {}
    for rows, margin in ((400, 0.25), (200, 0.10)):
        spec = MetricSpec("latency", "latency", statistic="p95", margin=margin)
        passes[rows] = forecast(spec, rows, 1, variance_assumed(spec)).power
    assert passes == {400: pytest.approx(0.70, abs=0.04), 200: pytest.approx(0.15, abs=0.04)}
    short = forecast(MetricSpec("latency", "latency", statistic="p95", margin=3.0), 199, 1, Variance(0.01, 0.01))
    assert (short.power, short.rows_needed) == (0.0, 200)
    assert short.warning is None
    assert short.impossible is not None and "199 rows are too few" in short.impossible


def test_a_tails_variance_is_read_off_its_own_floor() -> None:
    """What an A/A of 400 rows says of p95 is what equal arms then do."""
    rng = np.random.default_rng(3)
    spec = MetricSpec("latency", "latency", statistic="p95")
    sides = [Samples(np.arange(400), rng.lognormal(0, 0.7, 400)) for _ in range(2)]
    floor = measure_floor(spec, *sides, 400)
    assert floor.variance is not None
    assert 2 * floor.variance == pytest.approx(variance_assumed(spec).at(1), rel=0.5)
    assert noise_floor_at(Variance(0.0, floor.variance), 400, 1) == pytest.approx(floor.value)


def test_a_slice_without_a_row_cannot_pass_and_shows_nothing() -> None:
    for spec in (MetricSpec("m", "binary"), MetricSpec("m", "latency"), MetricSpec("m", role="must_improve")):
        found = forecast(spec, 0, 1, variance_assumed(spec), effect=0.05)
        assert (found.mde, found.noise_floor) == (None, None)
        assert found.impossible == "0 rows are too few for any verdict; 6 is the least"

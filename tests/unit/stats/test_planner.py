"""The planner against the design's table, textbook formulas, and simulated power."""

from __future__ import annotations

import math

import numpy as np
import pytest

from llmexp_tui.stats import MetricSpec
from llmexp_tui.stats.engine import mean_model
from llmexp_tui.stats.planner import (
    MarginClaim,
    Variance,
    best_repeats,
    clustered_rows,
    detectable_effect,
    forecast,
    repeats_for_effect,
    repeats_for_fixed_rows,
    rows_for_effect,
    rows_for_flips,
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


def test_flips_follow_mcnemars_sample_size() -> None:
    """Discordant share .20 and a difference of .10: 155 pairs (Connor 1987)."""
    assert rows_for_flips(0.20, 0.10) == 155
    assert rows_for_flips(0.05, 0.10) is None


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
    assert clustered_rows(100, 5, 0.3) == 220
    assert MarginClaim(0.05, 1.0, design_effect=5).least_rows == 5 * 59
    assert (MarginClaim(0.05, 1.0, design_effect=5).rows(0.001) or 0) >= 5 * 59


def test_best_repeats_trade_rows_against_calls() -> None:
    assert best_repeats(Variance(0.1, 0.1), row_cost=0.0, call_cost=1.0) == 1
    assert best_repeats(Variance(0.1, 0.2), row_cost=4.0, call_cost=1.0) == 4
    assert repeats_for_fixed_rows(Variance(0.1, 0.1)) == 4
    assert repeats_for_fixed_rows(Variance(0.1, 0.0)) == 1


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
    assert few.impossible is not None and "5 clusters" in few.impossible
    tight = forecast(spec, 400, 1, Variance(0.05, 0.05), cluster_size=20, icc=0.5)
    assert tight.impossible is not None and "at least 620" in tight.impossible


def test_ratio_sizes_come_back_as_ratios() -> None:
    spec = MetricSpec("latency", "latency")
    outlook = forecast(spec, 200, 1, variance_from_aa(spec, 0.05), effect=0.1)
    assert outlook.noise_floor == pytest.approx(math.expm1(1.96 * math.sqrt(0.1 / 200)))
    assert outlook.rows_for_effect == rows_for_effect(0.15, math.log(1.1))
    assert outlook.impossible is None


def test_repeats_for_an_effect_find_it_that_often() -> None:
    variance = Variance(0.02, 0.1)
    needed = repeats_for_effect(variance, 100, 0.1)
    assert needed is not None
    assert detectable_effect(variance.at(needed), 100) <= 0.1 < detectable_effect(variance.at(needed - 1), 100)
    assert repeats_for_effect(variance, 100, 0.01) is None

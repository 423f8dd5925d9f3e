"""The noise floor: its size, its states, its health, and when a stored one may be used."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from llmexp_tui.stats import FloorKey, FloorRecord, MetricSpec, Samples, measure_floor
from llmexp_tui.stats.floor import (
    NoiseShares,
    change_shares,
    drift_between,
    drift_variance,
    floor_from_repeats,
    judge_share,
)
from llmexp_tui.stats.pairs import pair
from tests.unit.stats.tables import column, flipped, zero_one

BINARY = MetricSpec("m", "binary")
KEY = FloorKey("variant", "dataset", "scorer", "model", "m")
DAY = 86400.0


def test_the_floor_is_196_sd_of_random_signs() -> None:
    a = zero_one(200, 150)
    floor = measure_floor(BINARY, column(a), column(flipped(a, 6, 4)), 200)
    assert floor.state == "measured"
    assert floor.value == pytest.approx(1.96 * np.sqrt(10) / 200)
    assert floor.flip_rate == pytest.approx(0.05)
    assert floor.variance == pytest.approx(0.05 / 2)
    assert floor.delta == pytest.approx(0.01)


def test_the_floor_holds_the_aa_itself_95_times_in_100() -> None:
    rng = np.random.default_rng(1)
    inside = []
    for _ in range(400):
        a, copy = (rng.random(200) < 0.7).astype(float), (rng.random(200) < 0.7).astype(float)
        floor = measure_floor(BINARY, column(a), column(copy), 200)
        inside.append(abs(floor.delta or 0.0) <= (floor.value or 0.0))
    assert np.mean(inside) == pytest.approx(0.95, abs=0.035)


def test_no_row_moving_is_deterministic_and_bounded() -> None:
    a = zero_one(50, 30)
    floor = measure_floor(BINARY, column(a), column(a), 50)
    assert (floor.state, floor.value) == ("deterministic", 0.0)
    assert floor.flip_rate_bound == pytest.approx(0.058, abs=1e-3)


def test_a_cached_copy_is_invalid_and_not_deterministic() -> None:
    a = zero_one(50, 30)
    floor = measure_floor(BINARY, column(a), column(a, cached=np.arange(50) == 3), 50)
    assert floor.state == "invalid"
    assert floor.reason is not None and "cache" in floor.reason


def test_a_copy_of_some_rows_sizes_the_floor() -> None:
    a = zero_one(200, 100)
    part = np.arange(0, 200, 5)
    floor = measure_floor(BINARY, column(a), Samples(part, flipped(a, 10, 10)[part]), 200)
    assert (floor.state, floor.rows) == ("measured", 40)
    assert floor.at(200, 1) == pytest.approx(1.96 * np.sqrt(4) / 40 * np.sqrt(40 / 200))


def test_it_shrinks_with_rows_and_repeats() -> None:
    floor = FloorRecord("measured", 0.04, rows=100, repeats=1)
    assert floor.at(400, 1) == pytest.approx(0.02)
    assert floor.at(100, 4) == pytest.approx(0.02)
    assert FloorRecord("unmeasured").at(100, 1) is None


def test_clusters_move_together() -> None:
    rng = np.random.default_rng(2)
    clusters = np.repeat(np.arange(20), 10)
    a, copy = (rng.normal(0.5, 0.1, 20)[clusters].clip(0, 1) for _ in range(2))
    spec = MetricSpec("m", "bounded")
    alone = measure_floor(spec, column(a), column(copy), 200)
    together = measure_floor(spec, column(a), column(copy), 200, clusters=clusters)
    assert together.value == pytest.approx((alone.value or 0) * np.sqrt(10))


def test_ratios_are_measured_on_the_log_scale() -> None:
    rng = np.random.default_rng(3)
    row = rng.lognormal(0, 0.5, 400)
    a, copy = row * rng.lognormal(0, 0.1, 400), row * rng.lognormal(0, 0.1, 400)
    expected = 1.96 * np.sqrt(2) * 0.1 / 20
    assert measure_floor(MetricSpec("m", "latency"), column(a), column(copy), 400).value == pytest.approx(
        expected, rel=0.1
    )
    total = measure_floor(MetricSpec("m", "ratio"), column(a), column(copy), 400).value
    swaps = [np.log(np.where(s, a, copy).sum() / np.where(s, copy, a).sum()) for s in rng.random((4000, 400)) < 0.5]
    assert total == pytest.approx(1.96 * np.std(swaps), rel=0.05)


def test_quantiles_take_the_95th_percentile_of_swaps() -> None:
    rng = np.random.default_rng(4)
    a, copy = rng.lognormal(0, 0.5, 300), rng.lognormal(0, 0.5, 300)
    floor = measure_floor(MetricSpec("m", "latency", statistic="p50"), column(a), column(copy), 300)
    keep = rng.random((4000, 300)) < 0.5
    swaps = np.abs(np.log(np.median(np.where(keep, a, copy), 1) / np.median(np.where(keep, copy, a), 1)))
    assert floor.value == pytest.approx(np.quantile(swaps, 0.95), rel=0.1)


def test_repeats_of_the_baseline_are_a_free_aa() -> None:
    rng = np.random.default_rng(5)
    scores = rng.normal(0.5, 0.05, (300, 1)) + rng.normal(0, 0.1, (300, 4))
    samples = Samples(np.repeat(np.arange(300), 4), scores.ravel().clip(0, 1), repeats=np.tile(np.arange(4), 300))
    spec = MetricSpec("m", "bounded")
    floor = floor_from_repeats(spec, pair(spec, samples, samples, 300))
    assert (floor.state, floor.source) == ("measured", "repeats")
    assert floor.variance == pytest.approx(0.01, rel=0.1)
    assert floor.at(300, 4) == pytest.approx(1.96 * np.sqrt(2 * 0.01 / 1200), rel=0.06)


def test_equal_repeats_are_deterministic_and_single_calls_say_nothing() -> None:
    spec = MetricSpec("m", "bounded")
    equal = Samples(np.repeat(np.arange(50), 3), np.repeat(np.full(50, 0.1), 3), repeats=np.tile(np.arange(3), 50))
    assert floor_from_repeats(spec, pair(spec, equal, equal, 50)).state == "deterministic"
    once = column(np.full(50, 0.1))
    assert floor_from_repeats(spec, pair(spec, once, once, 50)).state == "unmeasured"


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"state": "invalid"}, "invalid"),
        ({"key": FloorKey("other", "dataset", "scorer", "model", "m")}, "another variant"),
        ({"measured_at": -8 * DAY}, "seven days"),
        ({"measured_at": None}, "seven days"),
        ({"rows": 60}, "fewer than 100"),
        ({"p_value": 0.001}, "found a difference"),
    ],
)
def test_a_stored_floor_is_refused_with_the_reason(change: dict[str, Any], word: str) -> None:
    good = FloorRecord("measured", 0.03, rows=200, p_value=0.4, key=KEY, measured_at=0.0)
    assert good.refusal(KEY, 6 * DAY) is None
    refusal = replace(good, **change).refusal(KEY, 6 * DAY)
    assert refusal is not None and word in refusal


def test_drift_needs_five_runs_and_exceeds_the_floor() -> None:
    assert drift_variance([0.1, -0.1, 0.1, -0.1], 0.0) == 0.0
    deltas = [0.10, -0.08, 0.05, -0.12, 0.09]
    assert drift_variance(deltas, 0.0) == pytest.approx(np.var(deltas, ddof=1))
    assert drift_variance(deltas, 1.0) == 0.0


def test_the_judges_share_is_split_off() -> None:
    rng = np.random.default_rng(6)
    quality = rng.normal(0, 1, 2000)
    first, again = (column(quality + rng.normal(0, 0.1, 2000)) for _ in range(2))
    shares = judge_share(0.04, first, again)
    assert shares.judge == pytest.approx(0.01, rel=0.1)
    assert shares.judge + shares.generation == pytest.approx(0.04)
    assert shares.judge_share == pytest.approx(0.25, abs=0.03)
    with pytest.raises(ValueError, match="same calls"):
        judge_share(0.04, first, column(quality[:10]))


def test_a_changes_uncertainty_splits_into_judge_generation_and_rows() -> None:
    noise = NoiseShares(total=0.04, judge=0.01, generation=0.03, judge_share=0.25)
    # One call: 2 * .01 and 2 * .03 of .16; four calls quarter both, and leave the rows more.
    assert change_shares(noise, 0.16, 1.0) == pytest.approx((0.125, 0.375, 0.5))
    assert change_shares(noise, 0.10, 4.0) == pytest.approx((0.05, 0.15, 0.8))
    assert change_shares(noise, 0.02, 1.0) == pytest.approx((0.25, 0.75, 0.0)), "rows cannot have less than nothing"
    assert change_shares(NoiseShares(0.0, 0.0, 0.0, None), 0.0, 1.0) is None


def test_drift_is_what_runs_differ_by_beyond_their_own_noise() -> None:
    rng = np.random.default_rng(7)
    rows = rng.lognormal(0, 0.5, 200)
    spec = MetricSpec("m", "latency")

    def runs(shock: float, count: int = 30) -> list[Samples]:
        return [column(rows * rng.lognormal(0, 0.1, 200) * np.exp(rng.normal(0, shock))) for _ in range(count)]

    assert drift_between(spec, runs(0.1), 200) == pytest.approx(2 * 0.01, rel=0.6)
    assert drift_between(spec, runs(0.0), 200) < 1e-4
    assert drift_between(spec, runs(0.1, 5), 200) == 0.0

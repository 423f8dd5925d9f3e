"""Edges that cost a run its verdict: hardly one cluster, an unhealthy stored A/A, an A/A beside three runs."""

from __future__ import annotations

import math

import numpy as np
import pytest

from llmexp_tui.stats import ComparisonPlan, FloorRecord, MetricData, MetricSpec, Samples, compare_arms


def arm(scores: np.ndarray, **columns: np.ndarray) -> Samples:
    return Samples(np.arange(len(scores)), scores, **columns)


@pytest.mark.parametrize("kind", ["latency", "ratio", "binary", "unbounded"])
def test_hardly_one_cluster_gives_no_bound_and_no_crash(kind: str) -> None:
    rng = np.random.default_rng(1)
    n = 200
    clusters = np.zeros(n, dtype=np.int64)
    clusters[-2:] = [1, 2]
    scores = [rng.integers(0, 2, n) * 1.0 if kind == "binary" else rng.lognormal(size=n) for _ in range(2)]
    data = MetricData(MetricSpec("m", type=kind), {"A": arm(scores[0]), "B": arm(scores[1])}, n, clusters)
    result = compare_arms([data], baseline="A", candidates=["B"]).metrics[0]
    assert result.verdict == "inconclusive"
    bounds = (result.ci_low, result.ci_high, result.baseline_low, result.baseline_high)
    assert all(value is None or math.isfinite(value) for value in bounds)
    if kind == "binary":
        assert result.ci_low is not None and result.ci_low >= -1.0
        assert result.ci_high is not None and result.ci_high <= 1.0


def test_a_stored_floor_that_found_a_difference_is_no_floor() -> None:
    rng = np.random.default_rng(2)
    sides = {name: arm(rng.integers(0, 2, 300) * 1.0) for name in "AB"}
    stored = FloorRecord("measured", value=0.02, rows=300, p_value=1e-9)
    data = MetricData(MetricSpec("m", type="binary", margin=0.2), sides, 300, floor=stored)
    outcome = compare_arms([data], baseline="A", candidates=["B"], plan=ComparisonPlan(aa_required=True))
    assert (outcome.status, outcome.metrics[0].noise_floor_state) == ("invalid", "invalid")


def test_the_copy_is_held_against_the_run_that_it_was_interleaved_with() -> None:
    rng = np.random.default_rng(3)
    n, shock = 300, (0.0, 0.4, -0.4)
    rows = np.tile(np.arange(n), 3)
    runs = np.repeat(np.arange(3), n)
    base = rng.normal(size=n)
    noise = [rng.normal(scale=0.1, size=3 * n) for _ in range(2)]
    shocks = np.repeat(shock, n)
    sides = {
        name: Samples(rows, np.exp(base[rows] + shocks + noise[i]), repeats=np.zeros(3 * n, dtype=int), runs=runs)
        for i, name in enumerate("AB")
    }
    sides["aa"] = arm(np.exp(base + rng.normal(scale=0.1, size=n)), runs=np.zeros(n, dtype=int))
    data = MetricData(MetricSpec("latency", type="latency"), sides, n)
    outcome = compare_arms([data], baseline="A", candidates=["B"], aa="aa", plan=ComparisonPlan(runs=3))
    assert outcome.metrics[0].noise_floor_state == "measured"

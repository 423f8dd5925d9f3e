"""Edges that cost a run its verdict: hardly one cluster, an unhealthy stored A/A, an A/A beside three runs."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from llmexp_tui.errors import UnknownNameError, UsageError
from llmexp_tui.stats import (
    ComparisonPlan,
    FloorRecord,
    MetricData,
    MetricSpec,
    Samples,
    compare_arms,
    compare_scores,
    to_json,
)


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


def test_a_variant_has_one_part_only() -> None:
    table = {"row_id": [1, 1], "variant": ["A", "B"], "score": [0, 1]}
    for candidates, aa in ((["B", "B"], None), (["B"], "A"), (["B"], "B")):
        with pytest.raises(UsageError):
            compare_scores(table, baseline="A", candidates=candidates, aa=aa, metrics=[MetricSpec("m", "binary")])


@pytest.mark.parametrize("kind", ["unbounded", "ratio", "latency"])
def test_a_score_too_large_to_square_is_no_score(kind: Any) -> None:
    rows = list(range(50)) * 2
    table = {"row_id": rows, "variant": ["A"] * 50 + ["B"] * 50, "score": [1.0 + i for i in range(50)] + [1e300] * 50}
    found = compare_scores(table, baseline="A", candidates=["B"], metrics=[MetricSpec("m", kind, margin=0.1)])
    assert found.status == "invalid"


def test_preferences_need_no_scores_of_the_baseline() -> None:
    table = {"row_id": list(range(60)), "variant": ["B"] * 60, "score": [1] * 40 + [-1] * 10 + [0] * 10}
    spec = MetricSpec("better", "pairwise")
    m = compare_scores(table, baseline="A", candidates=["B"], metrics=[spec]).metrics[0]
    assert (m.wins, m.losses, m.ties, m.verdict) == (40, 10, 10, "improved")
    with pytest.raises(UnknownNameError):
        compare_scores(table, baseline="A", candidates=["B"], metrics=[spec, MetricSpec("m", "binary")])


def test_a_reason_names_the_slice_that_it_is_about() -> None:
    table = {"row_id": [1, 2, 1, 2], "variant": ["A", "A", "B", "B"], "score": [0, 1, 0, 1], "lang": ["en", "de"] * 2}
    spec = MetricSpec("m", "binary", slice="lang=en")
    found = compare_scores(table, baseline="A", candidates=["B"], metrics=[spec])
    assert found.reasons[0].startswith("B, m lang=en:")


ODD: dict[str, tuple[Any, Any]] = {
    "equal": ([0.5] * 20, [0.5] * 20),
    "all better": ([0.0] * 20, [1.0] * 20),
    "none": ([math.nan] * 20, [math.nan] * 20),
    "infinite": ([math.inf] + [1.0] * 19, [1.0] * 20),
    "true or false": ([True, False] * 10, [False, True] * 10),
    "tiny": ([1e-300, 2e-300] * 10, [2e-300, 3e-300] * 10),
    "huge": ([1e99, 2e99] * 10, [2e99, 3e99] * 10),
    "beyond numbers": ([10**300] * 20, [10**301] * 20),
    "of many sizes": ([10.0**e for e in range(-10, 10)], [10.0**e for e in range(10, -10, -1)]),
    "objects": (np.array([1, None, 0.5, "0.25", ""] + [1] * 15, dtype=object), [1] * 20),
    "all cost in one row": ([0.0] * 17 + [5.0, 0.0, 0.0], [0.0] * 17 + [7.0, 0.0, 0.0]),
    "one row": ([1.0], [0.0]),
    "five rows": ([1.0] * 5, [0.0] * 5),
}
ODD_SPECS = [
    MetricSpec("m", "binary"), MetricSpec("m", "bounded"), MetricSpec("m", "bounded", range=(-1e6, 1e6), strict=True),
    MetricSpec("m", "ordinal"), MetricSpec("m", "pairwise"), MetricSpec("m", "latency"),
    MetricSpec("m", "latency", statistic="p50"), MetricSpec("m", "ratio"), MetricSpec("m", "share", threshold=0.5),
    MetricSpec("m", "errors"), MetricSpec("m", "unbounded"), MetricSpec("m", "unbounded", statistic="p50"),
]  # fmt: skip


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("shape", ["rows", "clusters", "repeats", "three runs", "live", "unplanned"])
@pytest.mark.parametrize("spec", ODD_SPECS, ids=lambda spec: f"{spec.type} {spec.statistic}")
def test_no_column_of_numbers_breaks_a_comparison(spec: MetricSpec, shape: str) -> None:
    plans = {
        "three runs": ComparisonPlan(runs=3), "live": ComparisonPlan(anytime=True),
        "unplanned": ComparisonPlan(unplanned=True),
    }  # fmt: skip
    for name, (a, b) in ODD.items():
        n, repeated = len(a), shape in ("repeats", "three runs")
        rows = [i // 3 for i in range(n)] if repeated else list(range(n))
        table: dict[str, Any] = {"row_id": rows * 2, "variant": ["A"] * n + ["B"] * n, "score": [*a, *b]}
        if repeated:
            table["repeat"] = [i % 3 for i in range(n)] * 2
        if shape == "clusters":
            table["cluster"] = [i // 3 for i in range(n)] * 2
        found = compare_scores(table, baseline="A", candidates=["B"], metrics=[spec], plan=plans.get(shape))
        metric = found.metrics[0]
        json.dumps(to_json(found), allow_nan=False)
        assert metric.verdict == "inconclusive" or (n >= 6 and not metric.invalid), name
        if shape == "unplanned":
            assert (metric.verdict, metric.p_value) == ("inconclusive", None), name


@pytest.mark.parametrize("kind", ["errors", "ratio"])
def test_no_change_is_a_zero_without_a_sign(kind: Any) -> None:
    same = arm(np.ones(100) if kind == "ratio" else np.zeros(100))
    data = MetricData(MetricSpec("m", type=kind, direction="lower"), {"A": same, "B": same}, 100)
    delta = compare_arms([data], baseline="A", candidates=["B"]).metrics[0].delta
    assert delta == 0.0
    assert math.copysign(1.0, delta) == 1.0

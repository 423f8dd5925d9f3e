"""What must hold for every table: the arms' names, the order of rows and copies of rows must not matter."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmexp_tui.stats import Comparison, MetricResult, MetricSpec, compare_scores

ROWS = st.integers(12, 60)
SEEDS = st.integers(0, 10_000)
QUICK = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
SPECS = {
    "binary": MetricSpec("m", "binary", margin=0.1),
    "bounded": MetricSpec("m", "bounded", margin=0.1),
    "ordinal": MetricSpec("m", "ordinal", margin=0.1, range=(1, 5)),
    "latency": MetricSpec("m", "latency"),
    "ratio": MetricSpec("m", "ratio"),
    "p50": MetricSpec("m", "latency", statistic="p50"),
    "unbounded": MetricSpec("m", "unbounded", margin=1.0),
}


def scores(kind: str, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    row = rng.random(n)
    noise = rng.normal(rng.normal(0, 0.1), 0.15, n) * (rng.random(n) < 0.7)
    a, b = row, np.clip(row + noise, 0, 1)
    if kind == "binary":
        return (a > 0.4).astype(float), (b > 0.4).astype(float)
    if kind == "ordinal":
        return np.ceil(5 * a).clip(1), np.ceil(5 * b).clip(1)
    if kind in ("latency", "ratio", "p50"):
        return 0.5 + a, 0.5 + b
    return a, b


def table(a: np.ndarray, b: np.ndarray, clusters: np.ndarray | None = None) -> dict[str, Any]:
    n = len(a)
    columns: dict[str, Any] = {
        "row_id": [f"row {i:04d}" for i in range(n)] * 2,
        "variant": ["A"] * n + ["B"] * n,
        "score": [*a, *b],
    }
    if clusters is not None:
        columns["cluster"] = [*clusters, *clusters]
    return columns


def compared(columns: dict[str, Any], spec: MetricSpec, baseline: str = "A", candidate: str = "B") -> MetricResult:
    return judged(columns, spec, baseline, candidate).metrics[0]


def judged(columns: dict[str, Any], spec: MetricSpec, baseline: str, candidate: str) -> Comparison:
    return compare_scores(columns, baseline=baseline, candidates=[candidate], metrics=[spec])


@pytest.mark.parametrize("kind", SPECS)
@QUICK
@given(n=ROWS, seed=SEEDS)
def test_swapping_the_labels_flips_the_sign_and_keeps_the_p_value(kind: str, n: int, seed: int) -> None:
    columns = table(*scores(kind, n, seed))
    one, other = compared(columns, SPECS[kind]), compared(columns, SPECS[kind], "B", "A")
    assert one.delta is not None and other.delta is not None
    if SPECS[kind].is_ratio:
        assert math.log1p(one.delta) == pytest.approx(-math.log1p(other.delta), abs=1e-12)
    else:
        assert one.delta == pytest.approx(-other.delta, abs=1e-12)
    assert one.p_value == other.p_value
    assert (one.wins, one.losses, one.ties) == (other.losses, other.wins, other.ties)
    if kind != "p50":  # the bootstrap draws other rows
        assert one.ci_low == pytest.approx(mirrored(other.ci_high, SPECS[kind]), abs=1e-9)


def mirrored(end: float | None, spec: MetricSpec) -> float:
    assert end is not None
    return math.expm1(-math.log1p(end)) if spec.is_ratio else -end


@pytest.mark.parametrize("kind", SPECS)
@QUICK
@given(n=ROWS, seed=SEEDS)
def test_the_order_of_rows_does_not_matter(kind: str, n: int, seed: int) -> None:
    columns = table(*scores(kind, n, seed))
    order = np.random.default_rng(seed + 1).permutation(2 * n)
    shuffled = {name: [column[i] for i in order] for name, column in columns.items()}
    assert compared(shuffled, SPECS[kind]) == compared(columns, SPECS[kind])


@pytest.mark.parametrize("kind", SPECS)
@QUICK
@given(n=ROWS, seed=SEEDS)
def test_clusters_and_repeats_change_none_of_that(kind: str, n: int, seed: int) -> None:
    a, b = scores(kind, 2 * n, seed)
    clusters = np.random.default_rng(seed).integers(0, n // 2, n)
    columns = table(a, b, np.repeat(clusters, 2))
    columns |= {"row_id": [f"row {i // 2}" for i in range(2 * n)] * 2, "repeat": [0, 1] * (2 * n)}
    order = np.random.default_rng(seed + 1).permutation(4 * n)
    shuffled = {name: [column[i] for i in order] for name, column in columns.items()}
    one = compared(columns, SPECS[kind])
    assert compared(shuffled, SPECS[kind]) == one
    assert compared(columns, SPECS[kind], "B", "A").p_value == one.p_value


@pytest.mark.parametrize("kind", ["binary", "bounded", "latency", "ratio", "unbounded"])
@QUICK
@given(n=ROWS, seed=SEEDS)
def test_copies_of_rows_inside_their_cluster_add_no_certainty(kind: str, n: int, seed: int) -> None:
    a, b = scores(kind, n, seed)
    clusters = (np.arange(n) * 2 / 3).astype(int)
    once = compared(table(a, b, clusters), SPECS[kind])
    copied = compared(table(np.tile(a, 3), np.tile(b, 3), np.tile(clusters, 3)), SPECS[kind])
    assert copied.p_value == once.p_value
    assert copied.delta == pytest.approx(once.delta)
    assert once.ci_low is not None and once.ci_high is not None
    assert copied.ci_low is not None and copied.ci_high is not None
    assert copied.ci_high - copied.ci_low == pytest.approx(once.ci_high - once.ci_low)
    assert copied.p_noninferiority == pytest.approx(once.p_noninferiority)


@QUICK
@given(n=ROWS, seed=SEEDS, constant=st.floats(0.0, 0.2))
def test_the_verdict_never_contradicts_the_numbers(n: int, seed: int, constant: float) -> None:
    a, b = scores("bounded", n, seed)
    m = compared(table(a, np.clip(b + constant, 0, 1)), SPECS["bounded"])
    assert m.delta is not None and m.ci_low is not None and m.ci_high is not None
    assert m.ci_low <= m.delta <= m.ci_high
    if m.verdict == "improved":
        assert m.ci_low > 0 and m.p_value is not None and m.p_value <= 0.05
    if m.verdict == "regressed":
        assert m.ci_high < 0
    if m.verdict == "no_regression":
        assert m.ci90_low is not None and m.ci90_low > -0.1
    assert m.wins + m.losses + m.ties == m.n_pairs


@QUICK
@given(n=ROWS, seed=SEEDS, broken=st.lists(st.integers(0, 23), max_size=6))
def test_broken_scores_never_leave_the_package(n: int, seed: int, broken: list[int]) -> None:
    a, b = scores("bounded", n, seed)
    for i, position in enumerate(broken):
        (a if i % 2 else b)[position % n] = (math.nan, math.inf, -math.inf)[i % 3]
    m = compared(table(a, b), SPECS["bounded"])
    for value in (m.delta, m.ci_low, m.ci_high, m.p_value, m.p_noninferiority, m.mde):
        assert value is None or math.isfinite(value)
    assert m.n_pairs + m.n_dropped == n

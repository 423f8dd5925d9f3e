"""Slices: judged as the whole is, one family, found where they are real and not where chance made them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from llmexp_tui.stats import ComparisonPlan, MetricData, MetricSpec, Samples, compare_arms, compare_slices
from llmexp_tui.stats.multiplicity import benjamini_hochberg
from llmexp_tui.stats.result import MetricResult, is_small, stands_out
from tests.unit.stats.tables import column

BINARY = MetricSpec("m", "binary", margin=0.05)


def slices(data: list[MetricData], **groups: np.ndarray) -> tuple[MetricResult, ...]:
    return compare_slices(data, groups, baseline="A", candidates=["B"], aa="A2")


def arms(rng: np.random.Generator, n: int, better: np.ndarray) -> dict[str, Samples]:
    chance = rng.beta(4, 2, n)
    scores = {"A": chance, "A2": chance, "B": np.clip(chance + 0.4 * better, 0, 1)}
    return {name: column((rng.random(n) < p).astype(float)) for name, p in scores.items()}


def test_a_slice_is_judged_as_the_whole_is_on_its_rows_alone() -> None:
    """Repeats, clusters, failed calls, the A/A copy and the mask all come along."""
    rng = np.random.default_rng(1)
    n, group = 120, np.repeat(["x", "y"], 60)
    rows, repeats = np.repeat(np.arange(n), 2), np.tile([0, 1], n)
    clusters, mask = np.arange(n) // 3, np.arange(n) % 10 != 0

    def arm() -> Samples:
        failed = rng.random(2 * n) < 0.05
        return Samples(rows, np.where(failed, np.nan, rng.random(2 * n) < 0.7), failed, repeats)

    sides = {name: arm() for name in ("A", "B", "A2")}
    sliced = slices([MetricData(BINARY, sides, n, clusters, mask)], group=group)
    kept = {name: side.select(rows < 60) for name, side in sides.items()}
    spec = replace(BINARY, role="exploratory", slice="group=x")
    alone = compare_arms(
        [MetricData(spec, kept, n, clusters, mask)], baseline="A", candidates=["B"], aa="A2"
    ).metrics[0]
    first = next(m for m in sliced if m.slice == "group=x")
    assert first.n_pairs == 54 and first.repeats == 2 and first.clusters == alone.clusters == 20
    for name in ("delta", "ci_low", "ci_high", "p_value", "noise_floor", "n_failed_candidate"):
        assert getattr(first, name) == pytest.approx(getattr(alone, name)), name


def test_all_slices_of_all_metrics_are_one_family_and_none_gates() -> None:
    rng = np.random.default_rng(2)
    better = np.arange(400) < 100
    group = np.where(better, "new", rng.choice(["a", "b", "c"], 400))
    data = [MetricData(replace(BINARY, name=name), arms(rng, 400, better), 400) for name in ("m1", "m2")]
    found = slices(data, group=group, half=rng.choice(["l", "r"], 400))
    assert len(found) == 2 * (4 + 2)
    assert [m.q_value for m in found] == pytest.approx(benjamini_hochberg([m.p_value or 0.0 for m in found]))
    assert {m.slice for m in found if stands_out(m)} == {"group=new"}
    assert not any(m.registered or m.gate for m in found)


def test_few_rows_are_shown_and_never_stand_out() -> None:
    rng = np.random.default_rng(3)
    sides = {"A": column(np.zeros(100)), "B": column(np.ones(100))}
    found = slices([MetricData(BINARY, sides, 100)], group=np.where(np.arange(100) < 20, "few", "many"))
    assert [(m.slice, is_small(m), stands_out(m)) for m in found] == [
        ("group=many", False, True), ("group=few", True, False),
    ]  # fmt: skip
    assert slices([MetricData(BINARY, sides, 100)]) == ()
    ids = np.array([f"id{i}" for i in range(100)])
    assert len(slices([MetricData(BINARY, sides, 100)], group=ids)) == 30
    quantile = MetricSpec("t", "latency", statistic="p50")
    assert slices([MetricData(quantile, {k: column(rng.random(100) + 1) for k in "AB"}, 100)], group=ids) == ()


def test_of_equal_variants_hardly_any_slice_stands_out() -> None:
    """Ten slices each of 150 equal pairs of variants: uncorrected, about a third would show one."""
    rng = np.random.default_rng(4)
    shown = uncorrected = 0
    for seed in range(150):
        sides = {name: column((rng.random(400) < 0.7).astype(float)) for name in "AB"}
        found = compare_slices(
            [MetricData(BINARY, sides, 400)], {"g": rng.integers(0, 10, 400).astype(str)},
            baseline="A", candidates=["B"], plan=ComparisonPlan(seed=seed),
        )  # fmt: skip
        shown += any(stands_out(m) for m in found)
        uncorrected += any((m.p_value or 1.0) <= 0.05 for m in found)
    assert shown <= 0.10 * 150 + 3 * np.sqrt(0.09 * 150) and uncorrected > 0.15 * 150

"""The fewest swapped rows against trying them one by one."""

from __future__ import annotations

import numpy as np
import pytest

from llmexp_tui.stats import ComparisonPlan, MetricData, MetricResult, MetricSpec, compare_arms
from llmexp_tui.stats.fragility import fewest_swaps
from llmexp_tui.stats.result import Verdict
from tests.bench.calibration import repeated
from tests.unit.stats.tables import compared, flipped, zero_one

SPEC = MetricSpec("m", "binary", margin=0.05)


@pytest.mark.parametrize(("wins", "losses"), [(22, 8), (30, 4), (14, 12), (9, 8), (6, 26)])
def test_swapping_that_many_rows_changes_the_verdict_and_one_fewer_does_not(wins: int, losses: int) -> None:
    a = zero_one(200, 150)
    found = compared(SPEC, A=a, B=flipped(a, wins, losses))
    assert found.fragility is not None

    def after(count: int, *, worse: bool) -> str:
        moved = -count if worse else count
        return compared(SPEC, A=a, B=flipped(a, wins + moved, losses - moved)).verdict

    fewest = found.fragility
    changed = [after(fewest, worse=w) for w in (True, False) if (wins if w else losses) >= fewest]
    kept = [after(fewest - 1, worse=w) for w in (True, False) if (wins if w else losses) >= fewest - 1]
    assert any(verdict != found.verdict for verdict in changed)
    assert all(verdict == found.verdict for verdict in kept)


@pytest.mark.parametrize("seed", [0, 5, 10])
def test_the_worst_run_counts_among_three(seed: int) -> None:
    """These would be said to hang on another number of rows by the pooled verdict alone."""
    rng = np.random.default_rng(seed)
    chance = rng.beta(4, 1.5, 150)[:, None]
    shift = rng.choice([0, 0.05, 0.08, -0.06])
    a = (rng.random((150, 3)) < chance).astype(float)
    b = (rng.random((150, 3)) < np.clip(chance + shift, 0, 1)).astype(float)

    def judged(swap: np.ndarray) -> MetricResult:
        arms = {name: arm.copy() for name, arm in (("A", a), ("B", b))}
        arms["A"][swap], arms["B"][swap] = b[swap], a[swap]
        one = MetricData(SPEC, {name: repeated(arm) for name, arm in arms.items()}, 150)
        plan = ComparisonPlan(runs=3)
        return compare_arms([one], baseline="A", candidates=["B"], plan=plan).metrics[0]

    found = judged(np.zeros(0, dtype=int))
    gain = (b - a).mean(axis=1)
    ways = ((np.argsort(-gain, kind="stable"), gain > 0), (np.argsort(gain, kind="stable"), gain < 0))
    needed = [
        next((k for k in range(1, int(there.sum()) + 1) if judged(order[:k]).verdict != found.verdict), 150)
        for order, there in ways
    ]
    assert found.fragility == min(needed)


def test_nothing_to_swap_is_none() -> None:
    def never(mask: np.ndarray) -> Verdict:
        raise AssertionError("no verdict is needed without a difference")

    assert fewest_swaps(np.zeros(20), "no_regression", never) is None


def test_the_rows_with_the_largest_say_go_first() -> None:
    differences = np.array([0.1, 0.9, 0.2, -0.5])

    def verdict(mask: np.ndarray) -> Verdict:
        return "inconclusive" if mask[1] else "improved"

    assert fewest_swaps(differences, "improved", verdict) == 1

"""The fewest swapped rows against trying them one by one."""

from __future__ import annotations

import numpy as np
import pytest

from llmexp_tui.stats import MetricSpec
from llmexp_tui.stats.fragility import fewest_swaps
from llmexp_tui.stats.result import Verdict
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


def test_nothing_to_swap_is_none() -> None:
    def never(mask: np.ndarray) -> Verdict:
        raise AssertionError("no verdict is needed without a difference")

    assert fewest_swaps(np.zeros(20), "no_regression", never) is None


def test_the_rows_with_the_largest_say_go_first() -> None:
    differences = np.array([0.1, 0.9, 0.2, -0.5])

    def verdict(mask: np.ndarray) -> Verdict:
        return "inconclusive" if mask[1] else "improved"

    assert fewest_swaps(differences, "improved", verdict) == 1

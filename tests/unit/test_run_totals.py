"""What several runs of an arm add up to: a cost that is not known never becomes one of nothing."""

from __future__ import annotations

import pytest

from llmexp_tui.domain.run import RunTotals

PRICED = RunTotals(10, 9, 1, 2, 0.5, tokens=70, saved_usd=0.1, planned=12)
UNPRICED = RunTotals(10, 10, 0, 0, None, unpriced=10)
SERVED = RunTotals(10, 10, 0, 10, 0.0, saved_usd=0.4)


@pytest.mark.parametrize(
    ("runs", "cost"),
    [((PRICED, PRICED), 1.0), ((PRICED, UNPRICED), 0.5), ((UNPRICED, SERVED), None), ((SERVED, SERVED), 0.0)],
)
def test_costs_add_up_as_far_as_they_are_known(runs: tuple[RunTotals, ...], cost: float | None) -> None:
    assert RunTotals.added(runs).cost_usd == cost


def test_counts_add_up() -> None:
    both = RunTotals(20, 19, 1, 2, 0.5, unpriced=10, tokens=70, saved_usd=0.1, planned=22)  # the second: as attempted
    assert RunTotals.added([PRICED, UNPRICED]) == both
    assert RunTotals.added([PRICED]) == PRICED

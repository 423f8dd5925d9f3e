"""What several invocations at once may spend of the cap that holds over all of a project's runs."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from llmexp_tui.store.cells import write_cells
from llmexp_tui.store.engine import Store, open_store
from llmexp_tui.store.spending import Spending
from tests.store.samples import AT, answer, cell, make_runs


def spending(store: Store, cap_usd: float = 1.0) -> Spending:
    """An invocation's part of the cap."""
    return Spending(store, cap_usd, lambda: AT)


def spend(store: Store, run: str, usd: float) -> None:
    """Stores one answer that cost so much."""
    row, *_ = make_runs(store, run)
    write_cells(store, [cell(run, row, answer(cost_usd=usd))])


@pytest.mark.parametrize("seed", range(5))
def test_together_they_use_the_cap_up_and_never_pass_it(db: Path, seed: int) -> None:
    draw = random.Random(seed)
    with open_store(db) as one, open_store(db) as other:
        spend(one, "earlier", 0.25)
        parts = [spending(store) for store in (one, other, other)]
        spent = [0.0] * 3
        refused: set[int] = set()
        while len(refused) < 3:
            n = draw.randrange(3)
            if spent[n] + 0.003 <= parts[n].granted_usd or parts[n].ask(spent[n] + 0.003):
                spent[n] += 0.003
            else:
                refused.add(n)
    assert 0.25 + sum(part.granted_usd for part in parts) <= 1.0 + 1e-9
    assert sum(spent) > 0.7


def test_what_was_not_spent_is_left_to_the_others(store: Store) -> None:
    one, other = spending(store), spending(store)
    assert one.ask(0.9)
    assert not other.ask(0.2)
    one.close(0.3)
    assert other.ask(0.7)
    assert other.elsewhere_usd == pytest.approx(0.3)


def test_a_process_that_was_killed_keeps_nothing(store: Store) -> None:
    me = store.process
    store.process = replace(me, pid=2**22 + 1)
    killed = spending(store)
    assert killed.ask(0.9)
    spend(store, "its", 0.1)
    store.process = me
    next_one = spending(store)
    assert next_one.ask(0.9)
    assert next_one.elsewhere_usd == pytest.approx(0.1)


def test_what_is_stored_while_it_runs_is_counted_once(store: Store) -> None:
    one, other = spending(store), spending(store)
    assert one.ask(0.5)
    spend(store, "one", 0.5)
    assert other.ask(0.4)
    assert other.elsewhere_usd == pytest.approx(0.5625), "with an eighth of what was left"

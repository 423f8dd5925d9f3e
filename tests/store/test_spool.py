"""Answers that were on their way into the database when their process ended."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from llmexp_tui.domain.usage import FailureKind, ToolCall
from llmexp_tui.store import runs, spool
from llmexp_tui.store.cache import lookup
from llmexp_tui.store.cells import write_cells
from llmexp_tui.store.engine import Store
from llmexp_tui.store.spool import Spool, recover
from tests.store.samples import answer, cell, failure, make_runs

KEY = b"k" * 32


def files(store: Store) -> list[Path]:
    return sorted(store.path.parent.glob("*.answers-*"))


def test_what_was_added_and_not_stored_is_recovered_once(store: Store) -> None:
    first, second, *_ = make_runs(store, "run-1")
    odd = answer("lone \ud800\n\x00 ümlaut", tool_calls=(ToolCall("find", '{"a": 1}', "c1"),), cost_usd=None)
    kept = Spool(store, "tone")
    kept.add(cell("run-1", first, odd, key=KEY))
    kept.add(cell("run-1", second, failure(FailureKind.MALFORMED, "not JSON"), repeat=0))
    kept.close()
    assert recover(store, "tone") == 2
    assert lookup(store, [KEY])[KEY].completion == odd
    found = runs.outputs(store, "run-1")
    assert [(o.text, o.error_kind, o.error) for o in found] == [
        (odd.text, None, None),
        (None, "malformed", "not JSON"),
    ]
    assert files(store) == []
    assert recover(store, "tone") == 0


def test_nothing_is_left_of_what_was_stored(store: Store) -> None:
    rows = make_runs(store, "run-1")
    kept = Spool(store, "tone")
    cells = [cell("run-1", row) for row in rows]
    for one in cells:
        kept.add(one)
    assert [stat.S_IMODE(path.stat().st_mode) for path in files(store)] == [0o600]
    write_cells(store, cells)
    kept.stored(cells)
    kept.close()
    assert files(store) == []


def test_space_comes_back_while_a_run_goes_on(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "SEGMENT", 2)
    cells = [cell("run-1", row) for row in make_runs(store, "run-1", rows=7)]
    kept = Spool(store, "tone")
    for one in cells:
        kept.add(one)
    assert len(files(store)) == 4
    kept.stored(cells[:3])  # the first file's two, and one of the second's
    assert len(files(store)) == 3
    kept.stored(cells[3:5])
    assert len(files(store)) == 2
    kept.close()
    assert recover(store, "tone") == 3  # what is stored twice is stored once
    assert len(runs.outputs(store, "run-1")) == 3


def test_a_stored_answer_wins_over_a_spooled_one(store: Store) -> None:
    row, *_ = make_runs(store, "run-1")
    kept = Spool(store, "tone")
    kept.add(cell("run-1", row, answer("late")))
    kept.close()
    write_cells(store, [cell("run-1", row, answer("stored"))])
    assert recover(store, "tone") == 0
    assert runs.outputs(store, "run-1")[0].text == "stored"


@pytest.mark.parametrize("tail", [b'{"run":"run-1","row":', b"\x00\xff\n", b"[1]\n", b'{"run": 1}\n', b"\n"])
def test_a_line_that_was_cut_off_is_left_out(store: Store, tail: bytes) -> None:
    row, *_ = make_runs(store, "run-1")
    kept = Spool(store, "tone")
    kept.add(cell("run-1", row))
    kept.close()
    with files(store)[0].open("ab") as handle:
        handle.write(tail)
    assert recover(store, "tone") == 1


def test_answers_of_another_experiment_or_database_are_let_be(store: Store) -> None:
    row, *_ = make_runs(store, "run-1")
    for experiment, run in (("other", "run-1"), ("tone", "run-of-another-file")):
        kept = Spool(store, experiment)
        kept.add(cell(run, row))
        kept.close()
    assert recover(store, "tone") == 0
    assert len(files(store)) == 1
    assert recover(store, "other") == 1


def test_cached_cells_are_not_kept_and_do_not_count(store: Store) -> None:
    first, second, *_ = make_runs(store, "run-1")
    kept = Spool(store, "tone")
    kept.add(cell("run-1", first))
    kept.stored([cell("run-1", second, 1)])
    kept.close()
    assert len(files(store)) == 1

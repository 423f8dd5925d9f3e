from __future__ import annotations

import math

import pytest
from sqlalchemy import text

from llmexp_tui.domain.score import Score
from llmexp_tui.domain.usage import FailureKind, ToolCall, Usage
from llmexp_tui.errors import StoreError, UnknownNameError
from llmexp_tui.store import runs, scores
from llmexp_tui.store.cache import lookup
from llmexp_tui.store.cells import write_cells
from llmexp_tui.store.engine import Store, open_store
from tests.store.samples import EXACT, LENGTH, answer, cell, failure, make_runs

KEY = b"k" * 32
TRICKY = (
    "", "plain", "ümlaut 漢字 😀", "nul \x00 inside", "lone \ud800 surrogate", "\udfff", "\x1b[2J\r\n\u202e",
    "x" * 1_000_000,
)  # fmt: skip


def count(store: Store, table: str) -> int:
    with store.read() as connection:
        return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


@pytest.mark.parametrize("tricky", TRICKY, ids=range(len(TRICKY)))
def test_texts_survive_exactly(store: Store, tricky: str) -> None:
    row, *_ = make_runs(store, "run-1")
    calls = (ToolCall(tricky[:50], tricky, "c1"),)
    result = answer(tricky, tool_calls=calls, model_returned=tricky[:50], response_id=tricky[:50])
    scored = ((EXACT, Score(1.0, label=tricky[:50], reason=tricky)), (LENGTH, Score(None, error=tricky)))
    write_cells(store, [cell("run-1", row, result, key=KEY, scores=scored)])
    assert lookup(store, [KEY])[KEY].completion == result
    output = runs.outputs(store, "run-1")[0]
    assert (output.text, output.model_returned) == (tricky, tricky[:50])
    assert output.tool_calls == ({"name": tricky[:50], "arguments": tricky, "id": "c1"},)
    found = scores.scores_of(store, "run-1", [row])[row, 0]
    assert (found[EXACT].reason, found[LENGTH].error) == (tricky, tricky)


def test_an_unknown_figure_stays_unknown_and_zero_stays_zero(store: Store) -> None:
    first, second, *_ = make_runs(store, "run-1")
    nothing = answer(usage=Usage(), cost_usd=None, ttft_ms=None, finish_reason=None, model_returned=None)
    zero = answer(usage=Usage(0, 0, 0, 0, 0), cost_usd=0.0, latency_ms=0.0)
    write_cells(store, [cell("run-1", first, nothing, key=KEY), cell("run-1", second, zero, key=b"z" * 32)])
    found = lookup(store, [KEY, b"z" * 32])
    assert found[KEY].completion == nothing
    assert found[b"z" * 32].completion == zero


def test_figures_no_column_can_hold_become_unknown(store: Store) -> None:
    row, *_ = make_runs(store, "run-1")
    odd = answer(usage=Usage(10**30, 1), cost_usd=math.inf, latency_ms=math.nan)
    write_cells(store, [cell("run-1", row, odd, key=KEY)])
    output = runs.outputs(store, "run-1")[0]
    assert (output.input_tokens, output.output_tokens, output.cost_usd, output.latency_ms) == (None, 1, None, None)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_no_number_is_a_failure_of_the_scorer(store: Store, value: float) -> None:
    row, *_ = make_runs(store, "run-1")
    write_cells(store, [cell("run-1", row, scores=((EXACT, Score(value)),))])
    found = scores.scores_of(store, "run-1", [row])[row, 0][EXACT]
    assert found.value is None
    assert found.error == f"the scorer returned {value}"


def test_a_failure_keeps_its_kind_and_message(store: Store) -> None:
    row, *_ = make_runs(store, "run-1")
    write_cells(store, [cell("run-1", row, failure(FailureKind.CONTENT_FILTER, "refused"))])
    output = runs.outputs(store, "run-1")[0]
    assert (output.text, output.error_kind, output.error) == (None, "content_filter", "refused")
    assert output.latency_ms == 60_000.0


def test_a_cached_cell_points_at_the_first_completion_and_copies_no_text(store: Store) -> None:
    row, *_ = make_runs(store, "run-1", "run-2")
    write_cells(store, [cell("run-1", row, answer("paid"), key=KEY, rules="first")])
    hit = lookup(store, [KEY])[KEY]
    write_cells(store, [cell("run-2", row, hit.no, rules="second")])
    output = runs.outputs(store, "run-2")[0]
    assert (output.text, output.cached, output.origin_rules) == ("paid", True, "first")
    assert (output.cost_usd, output.latency_ms) == (0.001, 120.0)
    assert count(store, "completion") == 1


def test_a_cached_cell_of_a_completion_that_is_not_there_stores_nothing(store: Store) -> None:
    row, *_ = make_runs(store, "run-1")
    with pytest.raises(StoreError, match="no completion 99"):
        write_cells(store, [cell("run-1", row), cell("run-1", row + 1, 99)])
    assert count(store, "output") == 0


def test_writing_twice_changes_nothing(store: Store) -> None:
    first, second, *_ = make_runs(store, "run-1")
    batch = [cell("run-1", first, scores=((EXACT, Score(1.0)),)), cell("run-1", second)]
    assert write_cells(store, batch) == 2
    assert write_cells(store, batch) == 0
    assert (count(store, "output"), count(store, "completion"), count(store, "score")) == (2, 2, 1)


def test_an_answer_replaces_a_failure_and_nothing_replaces_an_answer(store: Store) -> None:
    row, *_ = make_runs(store, "run-1")
    write_cells(store, [cell("run-1", row, failure())])
    write_cells(store, [cell("run-1", row, failure(FailureKind.NETWORK, "again"))])
    assert runs.outputs(store, "run-1")[0].error == "again"
    write_cells(store, [cell("run-1", row, answer("first"), scores=((EXACT, Score(1.0)),))])
    write_cells(store, [cell("run-1", row, failure()), cell("run-1", row, answer("second"))])
    output = runs.outputs(store, "run-1")[0]
    assert (output.text, output.error_kind) == ("first", None)
    assert runs.totals(store, "run-1").errored == 0


def test_of_one_cell_twice_in_a_batch_the_answer_wins(store: Store) -> None:
    row, *_ = make_runs(store, "run-1")
    assert write_cells(store, [cell("run-1", row, failure()), cell("run-1", row, answer("yes"))]) == 1
    assert runs.outputs(store, "run-1")[0].text == "yes"


def test_repeats_are_cells_of_their_own(store: Store) -> None:
    row, *_ = make_runs(store, "run-1")
    write_cells(store, [cell("run-1", row, answer(str(n)), repeat=n) for n in range(3)])
    assert [(o.repeat, o.text) for o in runs.outputs(store, "run-1")] == [(0, "0"), (1, "1"), (2, "2")]


def test_an_unknown_run_stores_nothing(store: Store) -> None:
    row, *_ = make_runs(store, "run-1")
    with pytest.raises(UnknownNameError, match='unknown run "run-2"; did you mean "run-1"'):
        write_cells(store, [cell("run-1", row), cell("run-2", row)])
    assert count(store, "output") == 0


def test_an_unknown_row_stores_nothing(store: Store) -> None:
    make_runs(store, "run-1")
    with pytest.raises(StoreError, match="FOREIGN KEY"):
        write_cells(store, [cell("run-1", 1), cell("run-1", 999)])
    assert count(store, "output") == 0


def test_a_cell_without_a_result_is_a_mistake(store: Store) -> None:
    from dataclasses import replace

    row, *_ = make_runs(store, "run-1")
    with pytest.raises(ValueError, match="without completion"):
        write_cells(store, [replace(cell("run-1", row), completion=None)])


def test_scores_of_a_scorer_not_yet_described(store: Store) -> None:
    row, *_ = make_runs(store, "run-1")
    write_cells(store, [cell("run-1", row, scores=(("new/1", Score(0.5)),))])
    write_cells(store, [cell("run-1", row + 1, scores=(("new/1", Score(0.25)),))])
    assert list(scores.score_column(store, "run-1", "new/1").value) == [0.5, 0.25]


def test_an_empty_batch(store: Store) -> None:
    assert write_cells(store, []) == 0


def test_another_store_object_sees_it_at_once(store: Store) -> None:
    row, *_ = make_runs(store, "run-1")
    with open_store(store.path) as other:
        assert runs.totals(other, "run-1").attempted == 0
        write_cells(store, [cell("run-1", row)])
        assert runs.totals(other, "run-1").attempted == 1

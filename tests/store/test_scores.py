from __future__ import annotations

import math

import numpy as np
import pytest

from llmexp_tui.domain.score import Score, again, against
from llmexp_tui.domain.usage import Usage
from llmexp_tui.errors import UnknownNameError, UsageError
from llmexp_tui.store import scores
from llmexp_tui.store.cache import lookup
from llmexp_tui.store.cells import write_cells
from llmexp_tui.store.engine import Store
from tests.store.samples import AT, EXACT, answer, cell, failure, make_runs

KEY = b"k" * 32


def scored(value: float | None, error: str | None = None) -> tuple[tuple[str, Score], ...]:
    return ((EXACT, Score(value, error=error)),)


def test_a_score_column_tells_four_kinds_of_nothing_apart(store: Store) -> None:
    rows = make_runs(store, "r1", "r2", rows=6)
    write_cells(store, [cell("r2", rows[5], key=KEY)])
    write_cells(
        store,
        [
            cell("r1", rows[4], scores=scored(0.0)),
            cell("r1", rows[0], scores=scored(1.0)),
            cell("r1", rows[1], failure()),
            cell("r1", rows[2], scores=scored(None, "broke")),
            cell("r1", rows[3]),
            cell("r1", rows[5], lookup(store, [KEY])[KEY].no, scores=scored(0.5)),
        ],
    )
    column = scores.score_column(store, "r1", EXACT)
    assert column.row_no.tolist() == rows
    assert column.repeat.tolist() == [0] * 6
    np.testing.assert_array_equal(column.value, [1.0, math.nan, math.nan, math.nan, 0.0, 0.5])
    assert column.failed.tolist() == [False, True, False, False, False, False]
    assert column.scorer_failed.tolist() == [False, False, True, False, False, False]
    assert column.cached.tolist() == [False] * 5 + [True]


def test_columns_have_the_types_that_statistics_takes(store: Store) -> None:
    make_runs(store, "r1")
    for column in (scores.score_column(store, "r1", EXACT), scores.output_column(store, "r1", "latency_ms")):
        assert len(column.row_no) == 0
        assert (column.row_no.dtype, column.repeat.dtype) == (np.int64, np.int64)
        assert (column.value.dtype, column.failed.dtype, column.cached.dtype) == (np.float64, np.bool_, np.bool_)


def test_output_columns(store: Store) -> None:
    rows = make_runs(store, "r1")
    write_cells(
        store,
        [
            cell("r1", rows[0], answer(latency_ms=5.0, ttft_ms=None, cost_usd=0.0, usage=Usage(7, 3)), repeat=1),
            cell("r1", rows[0], answer(latency_ms=4.0, cost_usd=None, usage=Usage(7, None))),
            cell("r1", rows[1], failure()),
        ],
    )
    expected = {
        "latency_ms": [4.0, 5.0, 60_000.0],
        "ttft_ms": [30.0, math.nan, math.nan],
        "cost_usd": [math.nan, 0.0, math.nan],
        "tokens": [math.nan, 10.0, math.nan],
        "errors": [0.0, 0.0, 1.0],
        "input_tokens": [7.0, 7.0, math.nan],
        "output_tokens": [math.nan, 3.0, math.nan],
    }
    assert set(expected) == set(scores.OUTPUT_FIELDS)
    for field, values in expected.items():
        column = scores.output_column(store, "r1", field)
        np.testing.assert_array_equal(column.value, values, err_msg=field)
        assert column.repeat.tolist() == [0, 1, 0]
    with pytest.raises(UsageError, match="latency_ms"):
        scores.output_column(store, "r1", "text; DROP TABLE run")


def test_a_column_of_an_unknown_run(store: Store) -> None:
    with pytest.raises(UnknownNameError):
        scores.score_column(store, "r9", EXACT)


def test_rescoring_sees_each_answer_once(store: Store) -> None:
    rows = make_runs(store, "r1", rows=7)
    write_cells(store, [cell("r1", rows[0], scores=scored(1.0))])
    write_cells(store, [cell("r1", row, answer(str(row))) for row in rows[1:6]])
    write_cells(store, [cell("r1", rows[6], failure()), cell("r1", rows[1], answer("again"), repeat=1)])
    assert scores.unscored(store, "r1", EXACT) == 6
    seen = []
    for chunk in scores.outputs_for_scoring(store, "r1", EXACT, size=2):
        assert len(chunk) <= 2
        seen += [(a.row_no, a.repeat, a.completion.text) for a in chunk]
        scores.write_scores(store, EXACT, [(a.output_no, Score(0.5, reason="anew")) for a in chunk], at=AT)
    assert seen == [(rows[1], 0, str(rows[1])), (rows[1], 1, "again"), *((r, 0, str(r)) for r in rows[2:6])]
    assert scores.unscored(store, "r1", EXACT) == 0
    assert list(scores.outputs_for_scoring(store, "r1", EXACT)) == []
    assert sum(len(c) for c in scores.outputs_for_scoring(store, "r1")) == 7
    assert scores.scores_of(store, "r1", [rows[2]]) == {(rows[2], 0): {EXACT: Score(0.5, reason="anew")}}


def test_people_score_beside_the_scorer(store: Store) -> None:
    row, *_ = make_runs(store, "r1")
    write_cells(store, [cell("r1", row, scores=scored(1.0))])
    (answered,) = next(scores.outputs_for_scoring(store, "r1"))
    scores.write_scores(store, EXACT, [(answered.output_no, Score(0.0))], at=AT, by="ada")
    assert scores.score_column(store, "r1", EXACT).value.tolist() == [1.0]
    scores.write_scores(store, EXACT, [(answered.output_no, Score(0.25))], at=AT)
    assert scores.score_column(store, "r1", EXACT).value.tolist() == [0.25]
    scores.write_scores(store, EXACT, [], at=AT)


def test_further_judgements_stand_beside_the_first(store: Store) -> None:
    rows = make_runs(store, "r1", rows=3)
    write_cells(store, [cell("r1", row, answer(f"a{n}")) for n, row in enumerate(rows)])
    first, second, third = (a.output_no for a in next(scores.outputs_for_scoring(store, "r1")))
    scores.write_scores(store, EXACT, [(first, Score(1.0)), (second, Score(None, error="lost"))], at=AT)
    scores.write_scores(store, EXACT, [(first, Score(0.5, label="tie"))], at=AT, by=again(1))
    scores.write_scores(store, EXACT, [(third, Score(0.0, label="worse"))], at=AT, by=against("r0"))

    def open_rows(**which: object) -> list[int]:
        found = scores.outputs_for_scoring(store, "r1", EXACT, **which)  # type: ignore[arg-type]
        return [a.row_no for chunk in found for a in chunk]

    assert open_rows() == [rows[2]]
    assert open_rows(again=True) == [rows[1], rows[2]]
    assert open_rows(by=again(1)) == [rows[1], rows[2]]
    assert open_rows(by=against("r0")) == [rows[0], rows[1]]
    assert scores.unscored(store, "r1", EXACT, by=against("r0")) == 2
    assert np.nan_to_num(scores.score_column(store, "r1", EXACT, by=again(1)).value, nan=9.0).tolist() == [0.5, 9, 9]
    assert scores.labels_of(store, "r1", EXACT, by=against("r0")) == ["worse"]
    assert scores.labels_of(store, "r1", EXACT) == []
    assert scores.answer_texts(store, "r1", rows[:2]) == {(rows[0], 0): "a0", (rows[1], 0): "a1"}


def test_people_count_alike_and_judges_are_no_people(store: Store) -> None:
    rows = make_runs(store, "r1", rows=3)
    write_cells(store, [cell("r1", row) for row in rows])
    keys = [a.output_no for a in next(scores.outputs_for_scoring(store, "r1"))]
    for by, value in (("ada", 1.0), ("bob", 4.0), (again(1), 9.0), (against("r0"), 9.0), ("", 9.0)):
        scores.write_scores(store, EXACT, [(keys[0], Score(value))], at=AT, by=by)
    scores.write_scores(store, EXACT, [(keys[1], Score(None))], at=AT, by="ada")  # taken back
    column = scores.people_column(store, "r1", EXACT)
    assert (column.row_no.tolist(), column.value.tolist()) == ([rows[0]], [2.5])
    said = scores.ratings(store, "r1", EXACT)
    assert {key: {who: s.value for who, s in given.items()} for key, given in said.items()} == {
        (rows[0], 0): {"ada": 1.0, "bob": 4.0}
    }


def test_what_judging_cost_is_unknown_as_soon_as_one_cost_is(store: Store) -> None:
    rows = make_runs(store, "r1", rows=2)
    write_cells(store, [cell("r1", row) for row in rows])
    first, second = (a.output_no for a in next(scores.outputs_for_scoring(store, "r1")))
    assert scores.judge_cost(store, "r1", [EXACT]) == 0.0
    scores.write_scores(store, EXACT, [(first, Score(1.0, cost_usd=0.25, model_returned="m-1, m-2"))], at=AT)
    scores.write_scores(store, EXACT, [(first, Score(1.0, cost_usd=0.5))], at=AT, by=again(1))
    assert scores.judge_cost(store, "r1", [EXACT]) == 0.75
    assert scores.judge_cost(store, "r1", ["other/1"]) == 0.0
    assert scores.judges_of(store, "r1", EXACT) == ("m-1", "m-2")
    scores.write_scores(store, EXACT, [(second, Score(1.0))], at=AT)
    assert scores.judge_cost(store, "r1", [EXACT]) is None

from __future__ import annotations

from dataclasses import replace

import pytest

from llmexp_tui.domain.run import Output
from llmexp_tui.domain.score import Score
from llmexp_tui.tui.state.cells import plain, width
from llmexp_tui.tui.state.rows import (
    ArmRow,
    RowDetail,
    RowLine,
    RowQuery,
    answer_to_keep,
    brief_score_lines,
    change_of,
    new_row,
    score_lines,
    table_row,
)


def test_a_long_reason_leaves_room_for_the_other_arms() -> None:
    given = {"judge": Score(0.0, reason="It names the wrong queue. " * 40)}
    arms = [ArmRow(name, (), (given,)) for name in ("long", "short")]
    detail = RowDetail("k", "", {}, None, arms[0], arms[1])
    told = brief_score_lines(detail, 60, 60)
    assert [plain(one)[:14] for one in told] == ["judge  0 → 0", "judge, long: I", "judge, short: "]
    assert all(width(one) <= 60 for one in told) and plain(told[1]).endswith("…")
    assert all(len(plain(one)) > 900 for one in score_lines(detail)[1:])


def test_all_scores_stand_before_any_reason_where_there_are_few_lines() -> None:
    given = {
        "exact_match": Score(1.0),
        "judge": Score(0.5, reason="It is polite."),
        "grade by Ada <ada@a.example>": Score(4.0, reason="2026-03-04 12:00 UTC"),
        "grade by bob": Score(2.0, reason="2026-03-04 12:01 UTC"),
    }
    arms = [ArmRow(name, (), (given,)) for name in ("long", "short")]
    detail = RowDetail("k", "", {}, None, arms[0], arms[1])
    told = [plain(one) for one in brief_score_lines(detail, 74, 74)]
    assert told[:2] == ["exact_match  1 → 1   judge  0.500 → 0.500   grade by Ada  4 → 4", "grade by bob  2 → 2"]
    assert told[2] == "judge, long: It is polite." and len(told) == 8
    assert "grade by Ada <ada@a.example>  4 → 4" in [plain(one) for one in score_lines(detail)]


def test_the_metric_that_one_came_from_is_told_first() -> None:
    given = {name: Score(1.0, reason=f"{name} says so") for name in ("exact_match", "judge", "length")}
    detail = RowDetail("k", "", {}, None, ArmRow("long", (), (given,)), ArmRow("short", (), (given,)))
    assert [plain(one)[:7] for one in score_lines(detail, "judge")[::3]] == ["judge  ", "exact_m", "length "]
    assert plain(brief_score_lines(detail, 99, 99, "judge")[0]).startswith("judge  1 → 1   exact_match")
    assert score_lines(detail, "latency") == score_lines(detail)


@pytest.mark.parametrize(
    ("direction", "wanted"), [("higher", "improved"), ("lower", "regressed"), ("none", "changed")]
)
def test_what_a_change_is_called_follows_the_metrics_direction(direction: str, wanted: str) -> None:
    more = RowLine("k", "r1", 1.0, 2.0, False, False, "")
    assert change_of(more, direction) == wanted
    assert wanted in str(table_row(more, direction))
    assert change_of(RowLine("k", "r1", 1.0, None, False, True, ""), direction) == "regressed"


def test_rows_of_a_metric_without_a_better_side_are_not_called_worse() -> None:
    asked = RowQuery("a", "b", "word_count", "none", filter="flipped", sort="change")
    assert asked.words == "changed, largest fall first"
    assert asked.turned().words == "changed, largest rise first"
    assert replace(asked, direction="lower").words == "regressed or improved, worst first"


def answered(repeat: int, text: str, failure: str | None = None) -> Output:
    """A repeat's answer, or its failure."""
    return Output("run", "row", repeat, text, failure, failure, cached=False)


def test_a_row_is_added_with_the_first_answer_that_there_is() -> None:
    outputs = (answered(0, "", "too_large"), answered(1, ""), answered(2, "card"))
    arms = ArmRow("long", outputs[:2]), ArmRow("short", outputs)
    values = {"id": "r1", "label": "other"}
    detail = RowDetail("r1", "", values, "other", *arms, id_column="id", expected_column="label")
    answer = answer_to_keep(detail)
    assert answer == "card" and new_row(detail, answer)["label"] == "card"
    assert answer_to_keep(replace(detail, candidate=arms[0])) is None, "a failed call is no answer"

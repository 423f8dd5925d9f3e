from __future__ import annotations

import pytest

from llmexp_tui.domain.score import Score
from llmexp_tui.tui.state.cells import plain, width
from llmexp_tui.tui.state.rows import ArmRow, RowDetail, RowLine, change_of, score_lines, table_row


def test_a_long_reason_leaves_room_for_the_other_arms() -> None:
    given = {"judge": Score(0.0, reason="It names the wrong queue. " * 40)}
    arms = [ArmRow(name, (), (given,)) for name in ("long", "short")]
    detail = RowDetail("k", "", {}, None, arms[0], arms[1])
    told = score_lines(detail, room=60)
    assert [plain(one)[:9] for one in told] == ["judge  0 ", "  long: I", "  short: "]
    assert all(width(one) <= 60 for one in told) and plain(told[1]).endswith("…")
    assert all(len(plain(one)) > 900 for one in score_lines(detail)[1:])


@pytest.mark.parametrize(
    ("direction", "wanted"), [("higher", "improved"), ("lower", "regressed"), ("none", "changed")]
)
def test_what_a_change_is_called_follows_the_metrics_direction(direction: str, wanted: str) -> None:
    more = RowLine("k", "r1", 1.0, 2.0, False, False, "")
    assert change_of(more, direction) == wanted
    assert wanted in str(table_row(more, direction))
    assert change_of(RowLine("k", "r1", 1.0, None, False, True, ""), direction) == "regressed"

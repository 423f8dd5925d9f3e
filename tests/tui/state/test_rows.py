from __future__ import annotations

import pytest

from llmexp_tui.tui.state.rows import RowLine, change_of, table_row


@pytest.mark.parametrize(
    ("direction", "wanted"), [("higher", "improved"), ("lower", "regressed"), ("none", "changed")]
)
def test_what_a_change_is_called_follows_the_metrics_direction(direction: str, wanted: str) -> None:
    more = RowLine("k", "r1", 1.0, 2.0, False, False, "")
    assert change_of(more, direction) == wanted
    assert wanted in str(table_row(more, direction))
    assert change_of(RowLine("k", "r1", 1.0, None, False, True, ""), direction) == "regressed"

"""The columns of a dataset in a table: long texts get the room that short values leave."""

from __future__ import annotations

from llmexp_tui.domain.dataset import Row
from llmexp_tui.tui.state.dataset_rows import columns, widest_values
from llmexp_tui.tui.state.paging import column_widths

ROWS = [Row("a", "", {"text": "t" * 90, "label": "card"}), Row("b", "", {"text": "", "label": "lost_card"})]


def test_a_narrow_column_takes_what_it_needs_and_a_long_one_the_rest() -> None:
    names = ("text", "label")
    shown = columns(names, 120, widest_values(ROWS, names))
    widths = {column.key: size for column, size in column_widths(shown, 117)}
    assert widths["label"] == len("lost_card") + 1
    assert widths["text"] > 80


def test_only_narrow_columns_share_the_whole_width() -> None:
    names = ("label", "empty")
    shown = columns(names, 120, widest_values(ROWS, names))
    assert [column.width for column in shown[1:]] == [0, 0]

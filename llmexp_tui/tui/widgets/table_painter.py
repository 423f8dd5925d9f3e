"""Draws one line of a table: its header or a row, in exactly the width there is. Reads nothing, keeps only styles."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from llmexp_tui.tui.state.cells import Line, fit, line
from llmexp_tui.tui.state.paging import Column, TableRow, column_widths
from llmexp_tui.tui.widgets.tones import TONE_CLASSES, ToneStyles

TABLE_CLASSES = TONE_CLASSES | {"table--header", "table--cursor", "table--cursor-blurred"}
_GUTTER = 2
_GAP = 1
_EDGE = 1
"""A blank at the right, so that figures do not stick to the window's edge or to the scrollbar."""
_LOADING: Line = line(("…", "muted"))


class TablePainter:
    """The lines of a table widget that has TABLE_CLASSES."""

    def __init__(self, widget: Widget) -> None:
        self._widget = widget
        self.styles = ToneStyles(widget)

    def header(self, columns: Sequence[Column], base: Style, cells: int) -> Strip:
        """The columns' titles."""
        style = base + self.styles.style("table--header")
        segments = [Segment(" " * _GUTTER, style)]
        for column, size in column_widths(columns, cells - _GUTTER - _EDGE, _GAP):
            segments += self.styles.segments(fit(line(column.title), size, column.align), style)
            segments.append(Segment(" " * _GAP, style))
        return Strip(segments).adjust_cell_length(cells, style)

    def column_at(self, columns: Sequence[Column], x: int, cells: int) -> Column | None:
        """The column under a cell of a line."""
        end = _GUTTER
        for column, size in column_widths(columns, cells - _GUTTER - _EDGE, _GAP):
            end += size + _GAP
            if x < end:
                return column
        return None

    def row(
        self,
        row: TableRow | None,
        columns: Sequence[Column],
        base: Style,
        cells: int,
        *,
        here: bool,
        marked: Collection[str],
        focused: bool,
    ) -> Strip:
        """A row, or dots while it is not read. `here`: the cursor is on it.

        On a terminal with its own sixteen colours the cursor is plain reverse video: tones might not be readable.
        """
        style, toned = base, True
        if here:
            style += self.styles.style("table--cursor" if focused else "table--cursor-blurred")
            toned = not (focused and self._widget.app.native_ansi_color)
        mark = "●" if row is not None and row.key in marked else " "
        segments = [Segment(("▸" if here else " ") + mark, style)]
        if row is not None and row.heading:
            segments += self.styles.segments(row.cells[0], style, toned)
            return Strip(segments).adjust_cell_length(cells, style)
        places = {column.key: place for place, column in enumerate(columns)}
        for column, size in column_widths(columns, cells - _GUTTER - _EDGE, _GAP):
            text = row.cells[places[column.key]] if row else _LOADING
            segments += self.styles.segments(fit(text, size, column.align), style, toned)
            segments.append(Segment(" " * _GAP, style))
        return Strip(segments).adjust_cell_length(cells, style)

"""A table that opens at once on a million rows: it draws the lines in view from pages fetched in threads.

The stock DataTable renders every row when it is filled (10 s at 100,000). Here nothing is read but what is seen;
the cursor keeps its row by key when the source changes. It knows nothing of what the rows mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.worker import get_current_worker

from llmexp_tui.errors import LlmexpError
from llmexp_tui.tui.state.cells import Line, fit, line
from llmexp_tui.tui.state.paging import (
    PAGE_ROWS,
    Column,
    PageCache,
    PageSource,
    TableRow,
    column_widths,
)
from llmexp_tui.tui.widgets.tones import TONE_CLASSES, ToneStyles

_GUTTER = 2
_GAP = 1
_EDGE = 1
"""A blank at the right, so that figures do not stick to the window's edge or to the scrollbar."""
_LOADING: Line = line(("…", "muted"))


class PagedTable(ScrollView, can_focus=True):
    """Rows of a PageSource under a header; `space` marks where marking is on.

    Screens bind enter to what opening means for them; a double click posts Opened.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        *TONE_CLASSES, "table--header", "table--cursor", "table--cursor-blurred", "table--marked",
    }  # fmt: skip
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "move(1)", "Down", show=False, id="table.down"),
        Binding("up,k", "move(-1)", "Up", show=False, id="table.up"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="table.page_down"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="table.page_up"),
        Binding("ctrl+d", "page(0.5)", "Half a page down", show=False, id="table.half_down"),
        Binding("ctrl+u", "page(-0.5)", "Half a page up", show=False, id="table.half_up"),
        Binding("home,g", "first", "First row", show=False, id="table.first"),
        Binding("end,G", "last", "Last row", show=False, id="table.last"),
        Binding("space", "mark", "Mark", show=False, id="table.mark"),
    ]

    cursor: reactive[int] = reactive(0, repaint=False)

    @dataclass
    class Highlighted(Message):
        """The cursor is on another row, or its row's content arrived."""

        table: PagedTable
        key: str
        index: int

        @property
        def control(self) -> PagedTable:
            return self.table

    @dataclass
    class Opened(Message):
        """A row was opened by enter or a double click."""

        table: PagedTable
        key: str
        index: int

        @property
        def control(self) -> PagedTable:
            return self.table

    @dataclass
    class Marked(Message):
        """The set of marked rows changed."""

        table: PagedTable
        keys: frozenset[str]

        @property
        def control(self) -> PagedTable:
            return self.table

    @dataclass
    class Counted(Message):
        """A source was opened and has so many rows."""

        table: PagedTable
        total: int

        @property
        def control(self) -> PagedTable:
            return self.table

    @dataclass
    class Failed(Message):
        """Rows could not be read."""

        table: PagedTable
        error: LlmexpError

        @property
        def control(self) -> PagedTable:
            return self.table

    @dataclass
    class _Sized(Message):
        source: PageSource
        total: int
        place: int | None
        first: dict[int, Sequence[TableRow]]

    @dataclass
    class _Paged(Message):
        generation: int
        pages: dict[int, Sequence[TableRow]]

    def __init__(
        self,
        columns: Sequence[Column],
        source: PageSource | None = None,
        *,
        id: str | None = None,
        classes: str | None = None,
        marking: bool = False,
        header: bool = True,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self.columns = tuple(columns)
        self.marking = marking
        self.marked: set[str] = set()
        self.ready = False
        self._top = 1 if header else 0
        self._source: PageSource | None = source
        self._cache = PageCache()
        self._pending: set[int] = set()
        self._styles = ToneStyles(self)
        self._announced: tuple[str, int] | None = None

    # ---- what others ask

    @property
    def total(self) -> int:
        """How many rows the source said it has."""
        return self._cache.total

    @property
    def source(self) -> PageSource | None:
        """What is shown; None before anything was."""
        return self._source

    @property
    def cursor_key(self) -> str | None:
        """The key under the cursor, None while it is not read."""
        row = self._cache.row(self.cursor)
        return row.key if row else None

    def show(self, source: PageSource, *, keep: bool = True, columns: Sequence[Column] | None = None) -> None:
        """Show another source. With `keep` the cursor stays on its row by key, else it goes to the first."""
        if columns is not None:
            self.columns = tuple(columns)
        self._source = source
        key = self.cursor_key if keep else None
        if not keep:
            self.cursor = 0
        if source.immediate:
            self._counted(source, source.count(), source.locate(key) if key else None, {})
        else:
            start = self.cursor // PAGE_ROWS
            self.run_worker(partial(self._count, source, key, start), thread=True, group="count", exclusive=True)

    def move_to(self, index: int) -> None:
        """Put the cursor on a row and bring it into view."""
        if self.total == 0:
            return
        self.cursor = max(0, min(self.total - 1, index))

    # ---- reading, in threads

    def _count(self, source: PageSource, key: str | None, start: int) -> None:
        worker = get_current_worker()
        try:
            total = source.count()
            place = source.locate(key) if key else None
            number = start if place is None else place // PAGE_ROWS
            number = min(number, max(0, total - 1) // PAGE_ROWS)
            first = {number: source.page(number * PAGE_ROWS, PAGE_ROWS)} if total else {}
        except LlmexpError as error:
            self.post_message(self.Failed(self, error))
            return
        if not worker.is_cancelled:
            self.post_message(self._Sized(source, total, place, first))

    def _fetch(self, source: PageSource, generation: int, numbers: Sequence[int]) -> None:
        try:
            pages = {number: source.page(number * PAGE_ROWS, PAGE_ROWS) for number in numbers}
        except LlmexpError as error:
            self.post_message(self.Failed(self, error))
            return
        self.post_message(self._Paged(generation, pages))

    def on_paged_table__sized(self, message: _Sized) -> None:
        message.stop()
        if message.source is self._source:
            self._counted(message.source, message.total, message.place, message.first)

    def on_paged_table__paged(self, message: _Paged) -> None:
        message.stop()
        if message.generation != self._cache.generation:
            return
        for number, rows in message.pages.items():
            self._cache.put(number, rows)
            self._pending.discard(number)
        self.refresh()
        self._announce()

    def _counted(
        self, source: PageSource, total: int, place: int | None, first: dict[int, Sequence[TableRow]]
    ) -> None:
        self._cache.reset(total)
        self._pending.clear()
        for number, rows in first.items():
            self._cache.put(number, rows)
        self.ready = True
        self._announced = None
        self._resize()
        self.set_reactive(PagedTable.cursor, max(0, min(total - 1, self.cursor if place is None else place)))
        self._reveal()
        self._request()
        self._pass_heading(1)
        self.refresh(layout=True)
        self.post_message(self.Counted(self, total))
        self._announce()

    def _request(self) -> None:
        """Ask for the pages in view that are not here. Immediate sources answer on the spot."""
        first = int(self.scroll_offset.y)
        wanted = self._cache.missing(first, first + max(self.size.height, 1))
        wanted += self._cache.missing(self.cursor, self.cursor)
        numbers = sorted(set(wanted) - self._pending)
        if not numbers or self._source is None:
            return
        if self._source.immediate:
            for number in numbers:
                self._cache.put(number, self._source.page(number * PAGE_ROWS, PAGE_ROWS))
            return
        self._pending.update(numbers)
        job = partial(self._fetch, self._source, self._cache.generation, numbers)
        self.run_worker(job, thread=True, group="pages")

    # ---- size, scrolling, cursor

    def on_mount(self) -> None:
        if self._source is not None and not self.ready:
            self.show(self._source)

    def _resize(self) -> None:
        self.virtual_size = Size(self.size.width, self._cache.total + self._top)

    def on_resize(self) -> None:
        self._resize()
        self._reveal()
        self._request()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self._request()

    def watch_cursor(self) -> None:
        self._reveal()
        self._request()
        self.refresh()
        self._announce()

    def _reveal(self) -> None:
        rows = max(1, self.scrollable_content_region.height - self._top)
        top = int(self.scroll_offset.y)
        if self.cursor < top:
            self.scroll_to(y=self.cursor, animate=False)
        elif self.cursor >= top + rows:
            self.scroll_to(y=self.cursor - rows + 1, animate=False)

    def _announce(self) -> None:
        key = self.cursor_key
        if key is not None and (key, self.cursor) != self._announced:
            self._announced = (key, self.cursor)
            self.post_message(self.Highlighted(self, key, self.cursor))

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles.clear()

    # ---- actions

    def action_move(self, rows: int) -> None:
        self.move_to(self.cursor + rows)
        self._pass_heading(1 if rows > 0 else -1)

    def _pass_heading(self, step: int) -> None:
        """From a heading go on in the same direction, and back where there is nothing further."""
        for way in (step, -step):
            place = self.cursor
            while (row := self._cache.row(place)) is not None and row.heading and 0 <= place + way < self.total:
                place += way
            if row is not None and not row.heading:
                self.move_to(place)
                return

    def action_page(self, pages: float) -> None:
        rows = max(1, self.scrollable_content_region.height - self._top)
        self.move_to(self.cursor + int(rows * pages))
        self._pass_heading(1 if pages > 0 else -1)

    def action_first(self) -> None:
        self.move_to(0)
        self._pass_heading(1)

    def action_last(self) -> None:
        self.move_to(self.total - 1)
        self._pass_heading(-1)

    def action_open(self) -> None:
        if (key := self.cursor_key) is not None:
            self.post_message(self.Opened(self, key, self.cursor))

    def action_mark(self) -> None:
        key = self.cursor_key
        if key is None:
            return
        self.marked ^= {key}
        self.post_message(self.Marked(self, frozenset(self.marked)))
        self.refresh()
        self.move_to(self.cursor + 1)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return self.marking if action == "mark" else True

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None or offset.y < self._top:
            return
        index = int(self.scroll_offset.y) + offset.y - self._top
        if index < self.total:
            self.move_to(index)
            self._pass_heading(1)
            if event.chain == 2:
                self.action_open()

    # ---- drawing

    def render_line(self, y: int) -> Strip:
        cells = self.scrollable_content_region.width
        base = self.rich_style
        if y < self._top:
            return self._header(base, cells)
        index = int(self.scroll_offset.y) + y - self._top
        if index >= self.total:
            return Strip.blank(cells, base)
        return self._row(index, base, cells)

    def _header(self, base: Style, cells: int) -> Strip:
        style = base + self._styles.style("table--header")
        segments = [Segment(" " * _GUTTER, style)]
        for column, size in column_widths(self.columns, cells - _GUTTER - _EDGE, _GAP):
            segments += self._styles.segments(fit(line(column.title), size, column.align), style)
            segments.append(Segment(" " * _GAP, style))
        return Strip(segments).adjust_cell_length(cells, style)

    def _row(self, index: int, base: Style, cells: int) -> Strip:
        row = self._cache.row(index)
        here = index == self.cursor
        marked = row is not None and row.key in self.marked
        style, toned = base, True
        if here:
            style += self._styles.style("table--cursor" if self.has_focus else "table--cursor-blurred")
            toned = not (self.has_focus and self.app.native_ansi_color)
        segments = [Segment(("▸" if here else " ") + ("●" if marked else " "), style)]
        if row is not None and row.heading:
            segments += self._styles.segments(row.cells[0], style, toned)
            return Strip(segments).adjust_cell_length(cells, style)
        for place, (column, size) in self._placed(cells):
            text = row.cells[place] if row else _LOADING
            segments += self._styles.segments(fit(text, size, column.align), style, toned)
            segments.append(Segment(" " * _GAP, style))
        return Strip(segments).adjust_cell_length(cells, style)

    def _placed(self, cells: int) -> list[tuple[int, tuple[Column, int]]]:
        places = {column.key: place for place, column in enumerate(self.columns)}
        return [(places[c.key], (c, size)) for c, size in column_widths(self.columns, cells - _GUTTER - _EDGE, _GAP)]

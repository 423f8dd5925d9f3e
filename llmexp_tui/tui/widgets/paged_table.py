"""A table that opens at once on a million rows: it draws the lines in view from pages fetched in threads.

The stock DataTable renders every row when it is filled (10 s at 100,000). Here nothing is read but what is seen;
the cursor keeps its row by key when the source changes. It knows nothing of what the rows mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events, on
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from llmexp_tui.errors import LlmexpError
from llmexp_tui.tui.state.paging import Column, PageSource
from llmexp_tui.tui.widgets.page_reader import PageReader
from llmexp_tui.tui.widgets.table_painter import TABLE_CLASSES, TablePainter


class PagedTable(ScrollView, can_focus=True):
    """Rows of a PageSource under a header; `space` marks where marking is on.

    Screens bind enter to what opening means for them; a double click posts Opened.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = set(TABLE_CLASSES)
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
    class Said(Message):
        """Base of what a table says; `control` lets handlers tell tables apart."""

        table: PagedTable

        @property
        def control(self) -> PagedTable:
            """The table that says it."""
            return self.table

    @dataclass
    class Highlighted(Said):
        """The cursor is on another row, or its row's content arrived."""

        key: str
        index: int

    @dataclass
    class Opened(Said):
        """A row was opened by enter or a double click."""

        key: str
        index: int

    @dataclass
    class TitleClicked(Said):
        """A column's title was clicked."""

        column: str

    @dataclass
    class Marked(Said):
        """The set of marked rows changed."""

        keys: frozenset[str]

    @dataclass
    class Counted(Said):
        """A source was opened and has so many rows."""

        total: int

    @dataclass
    class Failed(Said):
        """Rows could not be read."""

        error: LlmexpError

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
        self._reader = PageReader(self, source)
        self._painter = TablePainter(self)
        self._announced: tuple[str, int] | None = None

    # ---- what others ask

    @property
    def total(self) -> int:
        """How many rows the source said it has."""
        return self._reader.cache.total

    @property
    def source(self) -> PageSource | None:
        """What is shown; None before anything was."""
        return self._reader.source

    @property
    def cursor_key(self) -> str | None:
        """The key under the cursor, None while it is not read."""
        row = self._reader.cache.row(self.cursor)
        return row.key if row else None

    def show(self, source: PageSource, *, keep: bool = True, columns: Sequence[Column] | None = None) -> None:
        """Show another source. With `keep` the cursor stays on its row by key, else it goes to the first."""
        if columns is not None:
            self.columns = tuple(columns)
        key = self.cursor_key if keep else None
        if not keep:
            self.cursor = 0
        sized = self._reader.open(source, key, self.cursor)
        if sized is not None:
            self._size_known(sized)

    def move_to(self, index: int) -> None:
        """Put the cursor on a row and bring it into view."""
        if self.total == 0:
            return
        self.cursor = max(0, min(self.total - 1, index))

    # ---- reading

    @on(PageReader.Broken)
    def _broken(self, message: PageReader.Broken) -> None:
        message.stop()
        self.post_message(self.Failed(self, message.error))

    @on(PageReader.Paged)
    def _paged(self, message: PageReader.Paged) -> None:
        message.stop()
        if self._reader.take_pages(message):
            self.refresh()
            self._announce()

    @on(PageReader.Sized)
    def _sized(self, message: PageReader.Sized) -> None:
        message.stop()
        self._size_known(message)

    def _size_known(self, message: PageReader.Sized) -> None:
        if self._reader.take_size(message):
            self._begin(message.total, message.place)

    def _begin(self, total: int, place: int | None) -> None:
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
        first = int(self.scroll_offset.y)
        self._reader.want(first, first + max(self.size.height, 1), self.cursor)

    # ---- size, scrolling, cursor

    def on_mount(self) -> None:
        if self._reader.source is not None and not self.ready:
            self.show(self._reader.source)

    def _resize(self) -> None:
        self.virtual_size = Size(self.size.width, self._reader.cache.total + self._top)

    def on_resize(self) -> None:
        self._resize()
        self._reveal()
        self._request()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self._request()

    def watch_cursor(self, old_value: int, new_value: int) -> None:
        self._reveal()
        self._request()
        for index in (old_value, new_value):  # two lines, not the table: it may be drawn over a slow line
            self.refresh_line(index + self._top)
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
        self._painter.styles.clear()

    # ---- actions

    def action_move(self, rows: int) -> None:
        self.move_to(self.cursor + rows)
        self._pass_heading(1 if rows > 0 else -1)

    def _pass_heading(self, step: int) -> None:
        """From a heading go on in the same direction, and back where there is nothing further."""
        for way in (step, -step):
            place = self.cursor
            while (
                (row := self._reader.cache.row(place)) is not None and row.heading and 0 <= place + way < self.total
            ):
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
        if offset is None:
            return
        if offset.y < self._top:
            column = self._painter.column_at(self.columns, offset.x, self.scrollable_content_region.width)
            if column is not None:
                self.post_message(self.TitleClicked(self, column.key))
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
            return self._painter.header(self.columns, base, cells)
        index = int(self.scroll_offset.y) + y - self._top
        if index >= self.total:
            return Strip.blank(cells, base)
        here = index == self.cursor
        return self._painter.row(
            self._reader.cache.row(index),
            self.columns,
            base,
            cells,
            here=here,
            marked=self.marked,
            focused=self.has_focus,
        )

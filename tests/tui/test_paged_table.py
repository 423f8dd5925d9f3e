"""The table reads what is seen, however long it is, and keeps its row by key."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from textual.app import App, ComposeResult

from llmexp_tui.errors import StoreError
from llmexp_tui.tui.state.cells import line
from llmexp_tui.tui.state.paging import PAGE_ROWS, Column, ListSource, TableRow
from llmexp_tui.tui.widgets.paged_table import PagedTable
from tests.tui.waiting import until

COLUMNS = (Column("key", "Key", 10), Column("text", "Text"))


def row(number: int, heading: bool = False) -> TableRow:
    return TableRow(f"k{number}", (line(f"k{number}"), line(f"[/x] row {number}")), heading)


class Rows:
    """A million rows that are made when asked for, and remember what was asked."""

    immediate = False

    def __init__(self, total: int = 1_000_000, first: int = 0) -> None:
        self.total = total
        self.first = first
        self.asked: list[int] = []
        self.threads: set[int] = set()

    def count(self) -> int:
        return self.total

    def page(self, start: int, size: int) -> Sequence[TableRow]:
        self.asked.append(start)
        self.threads.add(threading.get_ident())
        return [row(self.first + number) for number in range(start, min(start + size, self.total))]

    def locate(self, key: str) -> int | None:
        place = int(key[1:]) - self.first
        return place if 0 <= place < self.total else None


class TableApp(App[None]):
    def __init__(self, marking: bool = False) -> None:
        super().__init__()
        self.table = PagedTable(COLUMNS, marking=marking)
        self.heard: list[object] = []

    def compose(self) -> ComposeResult:
        yield self.table

    def on_mount(self) -> None:
        self.table.focus()

    def on_paged_table_highlighted(self, message: PagedTable.Highlighted) -> None:
        self.heard.append(message.key)

    def on_paged_table_failed(self, message: PagedTable.Failed) -> None:
        self.heard.append(message.error)


async def test_a_million_rows_open_and_end_with_a_handful_of_pages() -> None:
    app, rows = TableApp(), Rows()
    async with app.run_test() as pilot:
        app.table.show(rows)
        await until(pilot, lambda: app.table.cursor_key == "k0")
        await pilot.press("G")
        await until(pilot, lambda: app.table.cursor_key == "k999999")
        await pilot.press("g")
        await until(pilot, lambda: app.table.cursor_key == "k0")
        await pilot.press("pagedown", "ctrl+d", "k")
        await until(pilot, lambda: app.heard[-1] == "k32")
    assert len(rows.asked) <= 4, rows.asked
    assert threading.get_ident() not in rows.threads, "never read on the app's own thread"


async def test_the_cursor_keeps_its_row_when_rows_come_before_it() -> None:
    app = TableApp()
    async with app.run_test() as pilot:
        app.table.show(Rows(1_000, first=500))
        await until(pilot, lambda: app.table.ready)
        app.table.move_to(40)
        await until(pilot, lambda: app.table.cursor_key == "k540")
        app.table.show(Rows(5_000, first=100))
        await until(pilot, lambda: app.table.total == 5_000 and app.table.cursor_key == "k540")
        assert app.table.cursor == 440


async def test_late_pages_of_an_old_source_are_dropped() -> None:
    app, slow = TableApp(), Rows(10_000)
    gate = threading.Event()
    page = slow.page

    def waiting(start: int, size: int) -> Sequence[TableRow]:
        if start:
            gate.wait(10)
        return page(start, size)

    slow.page = waiting  # type: ignore[method-assign]
    async with app.run_test() as pilot:
        app.table.show(slow)
        await until(pilot, lambda: app.table.ready)
        await pilot.press("G")
        app.table.show(Rows(300, first=7_000), keep=False)
        await until(pilot, lambda: app.table.cursor_key == "k7000")
        gate.set()
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert app.table.total == 300 and app.table.cursor_key == "k7000"


async def test_the_cursor_passes_over_headings() -> None:
    app = TableApp()
    async with app.run_test() as pilot:
        app.table.show(ListSource([row(0, True), row(1), row(2, True), row(3), row(4, True)]))
        await pilot.pause()
        assert app.table.cursor_key == "k1"
        await pilot.press("j")
        assert app.table.cursor_key == "k3"
        await pilot.press("j")
        assert app.table.cursor_key == "k3", "nothing to stand on below"
        await pilot.press("g")
        assert app.table.cursor_key == "k1"
        await pilot.press("G")
        assert app.table.cursor_key == "k3"


async def test_space_marks_where_marking_is_on_and_goes_on() -> None:
    app = TableApp(marking=True)
    async with app.run_test() as pilot:
        app.table.show(ListSource([row(number) for number in range(5)]))
        await pilot.press("space", "space", "k", "space")
        assert app.table.marked == {"k0"}


async def test_the_mouse_selects_and_opens() -> None:
    app = TableApp()
    async with app.run_test() as pilot:
        app.table.show(ListSource([row(number) for number in range(5)]))
        await pilot.pause()
        await pilot.click(PagedTable, offset=(4, 3))
        assert app.table.cursor_key == "k2"


async def test_a_source_that_cannot_be_read_is_said_and_nothing_dies() -> None:
    app, rows = TableApp(), Rows()

    def broken() -> int:
        raise StoreError("the file is gone")

    rows.count = broken  # type: ignore[method-assign]
    async with app.run_test() as pilot:
        app.table.show(rows)
        await until(pilot, lambda: any(isinstance(item, StoreError) for item in app.heard))


async def test_no_row_at_all_is_fine() -> None:
    app = TableApp()
    async with app.run_test() as pilot:
        app.table.show(ListSource())
        await pilot.press("j", "k", "G", "g", "space", "pagedown")
        assert app.table.cursor_key is None


async def test_resizing_keeps_the_cursor_in_view() -> None:
    app = TableApp()
    async with app.run_test(size=(80, 30)) as pilot:
        app.table.show(Rows(2_000))
        await until(pilot, lambda: app.table.ready)
        app.table.move_to(25)
        for size in ((80, 6), (20, 4), (1, 1), (100, 40)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
        top = int(app.table.scroll_offset.y)
        assert top <= 25 < top + 40


def test_a_page_is_large_enough_for_a_screen() -> None:
    assert PAGE_ROWS >= 100

"""The table of rows, by keys: every order, every filter, and what the pane says of a row."""

from __future__ import annotations

from typing import Any

from textual.pilot import Pilot

from llmexp_tui.tui.reads.rows import RowSource
from llmexp_tui.tui.screens.home import HomeScreen
from llmexp_tui.tui.screens.results import ResultsScreen
from llmexp_tui.tui.screens.rows import RowsScreen
from llmexp_tui.tui.widgets.paged_table import PagedTable
from tests.tui.conftest import MakeApp
from tests.tui.waiting import filled, on_screen, until


async def open_rows(pilot: Pilot[Any]) -> tuple[RowsScreen, PagedTable]:
    """The rows of the first experiment's first metric."""
    await on_screen(pilot, HomeScreen)
    await filled(pilot, "#experiments")
    await pilot.press("enter")
    await on_screen(pilot, ResultsScreen)
    await filled(pilot, "#metrics")
    await pilot.press("enter")
    rows = await on_screen(pilot, RowsScreen)
    return rows, await filled(pilot, "#rows")


async def test_rows_sort_by_every_column_both_ways(make_app: MakeApp) -> None:
    async with make_app().run_test(size=(100, 30)) as pilot:
        rows, table = await open_rows(pilot)
        first: dict[str, str | None] = {}
        for _ in range(5):
            for key in ("S", "s"):
                await until(pilot, lambda: table.ready and table.source is not None and table.cursor_key is not None)
                source = table.source
                assert isinstance(source, RowSource) and source.asked == rows.asked
                first[rows.asked.words] = source.page(0, 1)[0].key
                before = source
                await pilot.press(key)
                await until(pilot, lambda before=before: table.source is not before)  # type: ignore[misc]
        assert len(first) == 10
        assert first["all rows, by name"] != first["all rows, by name, last first"]
        await pilot.click("#rows", offset=(3, 0))
        await until(pilot, lambda: rows.asked.sort == "key" and not rows.asked.descending)
        await pilot.click("#rows", offset=(3, 0))
        await until(pilot, lambda: rows.asked.descending)


async def test_one_key_keeps_to_the_slice_of_the_row(make_app: MakeApp) -> None:
    async with make_app().run_test() as pilot:
        rows, table = await open_rows(pilot)
        every = table.total
        await until(pilot, lambda: rows.detail is not None)
        assert rows.detail is not None
        await pilot.press("l")
        await until(pilot, lambda: 0 < table.total < every)
        assert rows.asked.slice == rows.detail.slices[0]
        await pilot.press("A")
        await until(pilot, lambda: table.total == every)

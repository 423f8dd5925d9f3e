"""The table of rows, by keys: every order, every filter, and what the pane says of a row."""

from __future__ import annotations

from typing import Any

from textual.pilot import Pilot

from llmexp_tui.tui.reads.rows import RowSource
from llmexp_tui.tui.screens.home import HomeScreen
from llmexp_tui.tui.screens.results import ResultsScreen
from llmexp_tui.tui.screens.row import RowScreen
from llmexp_tui.tui.screens.rows import RowsScreen
from llmexp_tui.tui.state.cells import line
from llmexp_tui.tui.widgets.diff_view import DiffView
from llmexp_tui.tui.widgets.paged_table import PagedTable
from tests.tui.conftest import MakeApp
from tests.tui.waiting import filled, on_screen, until


async def open_rows(pilot: Pilot[Any], *there: str) -> tuple[RowsScreen, PagedTable]:
    """The rows of the first experiment's first metric; of another one by the keys that lead there."""
    await on_screen(pilot, HomeScreen)
    await filled(pilot, "#experiments")
    await pilot.press(*there, "enter")
    await on_screen(pilot, ResultsScreen)
    await filled(pilot, "#metrics")
    await pilot.press("enter")
    rows = await on_screen(pilot, RowsScreen)
    return rows, await filled(pilot, "#rows")


async def test_rows_sort_by_every_column_both_ways(make_app: MakeApp) -> None:
    async with make_app().run_test(size=(100, 30)) as pilot:
        rows, table = await open_rows(pilot)
        first: dict[str, str | None] = {}
        for _ in range(6):
            for key in ("S", "s"):
                await until(pilot, lambda: table.ready and table.source is not None and table.cursor_key is not None)
                source = table.source
                assert isinstance(source, RowSource) and source.asked == rows.asked
                first[rows.asked.words] = source.page(0, 1)[0].key
                before = source
                await pilot.press(key)
                await until(pilot, lambda before=before: table.source is not before)  # type: ignore[misc]
        assert len(first) == 12
        assert first["all rows, by name"] != first["all rows, by name, last first"]
        await pilot.click("#rows", offset=(3, 0))
        await until(pilot, lambda: rows.asked.sort == "key" and not rows.asked.descending)
        await pilot.click("#rows", offset=(3, 0))
        await until(pilot, lambda: rows.asked.descending)
        await pilot.click("#rows", offset=(3, 0))
        await until(pilot, lambda: rows.asked.words == "all rows")
        await pilot.click("#rows", offset=(70, 0))
        await until(pilot, lambda: rows.asked.words == "all rows, by input" and table.columns[3].title == "Input ↑")


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


async def test_n_goes_from_regression_to_regression_in_the_row_itself(make_app: MakeApp) -> None:
    async with make_app().run_test() as pilot:
        rows, table = await open_rows(pilot, "j")
        every = table.total
        await pilot.press("x")
        await until(pilot, lambda: 1 < table.total < every and rows.detail is not None)
        await pilot.press("enter")
        row = await on_screen(pilot, RowScreen)
        first = row.detail.key
        await pilot.press("n")
        await until(pilot, lambda: row.detail.key != first)
        await pilot.press("escape")
        await on_screen(pilot, RowsScreen)
        assert rows.detail is not None and rows.detail.key == row.detail.key


async def test_what_a_long_answer_took_stays_in_view(make_app: MakeApp) -> None:
    async with make_app().run_test() as pilot:
        await open_rows(pilot)
        view = pilot.app.screen.query_one("#answers", DiffView)
        feet = line(("12 ms", "")), line(("34 ms", ""))
        view.show("word\n" * 200, "words\n" * 200, feet=feet)
        await until(pilot, lambda: view.diff is not None and view.virtual_size.height > 200)
        for key in ("home", "end"):
            view.focus()
            await pilot.press(key)
            await pilot.pause()
            height = view.scrollable_content_region.height
            assert "34 ms" in view.render_line(height - 1).text
        assert "words" not in view.render_line(height - 2).text

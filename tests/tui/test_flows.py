"""The main flows, walked by keys alone on a real store."""

from __future__ import annotations

from llmexp_tui.tui.app import LlmexpApp
from llmexp_tui.tui.messages import ProgressRead, StoreChanged
from llmexp_tui.tui.screens.home import HomeScreen
from llmexp_tui.tui.screens.results import ResultsScreen
from llmexp_tui.tui.screens.rows import RowsScreen
from llmexp_tui.tui.state.rows import name_of
from tests.tui.conftest import MakeApp
from tests.tui.waiting import at_results, filled, on_screen, until


async def test_the_key_of_a_place_leads_to_its_first_screen(make_app: MakeApp) -> None:
    async with make_app().run_test() as pilot:
        await at_results(pilot)
        await pilot.press("enter")
        await on_screen(pilot, RowsScreen)
        await pilot.press("2", "1")
        await on_screen(pilot, RowsScreen)
        await pilot.press("1")
        await on_screen(pilot, HomeScreen)
        assert len(pilot.app.screen_stack) == 1


async def test_from_home_to_the_worst_regression(make_app: MakeApp) -> None:
    async with make_app().run_test() as pilot:
        await on_screen(pilot, HomeScreen)
        table = await filled(pilot, "#experiments")
        assert table.total == 3
        await pilot.press("j", "enter")
        results = await on_screen(pilot, ResultsScreen)
        await filled(pilot, "#metrics")
        assert results.report is not None and results.report.name == "cheaper"
        await pilot.press("n")
        rows = await on_screen(pilot, RowsScreen)
        await filled(pilot, "#rows")
        await until(pilot, lambda: rows.detail is not None)
        assert rows.asked.filter == "regressed"
        assert rows.detail is not None and rows.detail.baseline.text != rows.detail.candidate.text
        first = rows.detail.key
        await pilot.press("n")
        await until(pilot, lambda: rows.detail is not None and rows.detail.key != first)
        await pilot.press("escape")
        await on_screen(pilot, ResultsScreen)
        await pilot.press("escape")
        await on_screen(pilot, HomeScreen)


async def test_marking_keeps_the_rows_by_name(make_app: MakeApp) -> None:
    async with make_app().run_test() as pilot:
        await at_results(pilot)
        await pilot.press("enter")
        await on_screen(pilot, RowsScreen)
        table = await filled(pilot, "#rows")
        await pilot.press("space", "space")
        assert {name_of(key) for key in table.marked} == {"t000", "t001"}


async def test_what_threads_say_once_the_screens_are_closed_ends_in_no_crash(make_app: MakeApp) -> None:
    async with make_app().run_test() as pilot:
        await on_screen(pilot, HomeScreen)
    app = pilot.app
    assert isinstance(app, LlmexpApp) and not app.screen_stack
    app.on_store_changed(StoreChanged())
    app.on_progress_read(ProgressRead(()))

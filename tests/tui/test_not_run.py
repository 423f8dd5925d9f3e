"""Where there is nothing to show, the keys that are offered are those that lead on."""

from __future__ import annotations

from textual.screen import Screen

from llmexp_tui.tui.screens.launch import LaunchScreen
from llmexp_tui.tui.screens.results import ResultsScreen
from llmexp_tui.tui.screens.rows import RowsScreen
from llmexp_tui.tui.screens.scoring import ScoringScreen
from llmexp_tui.tui.screens.slices import SlicesScreen
from llmexp_tui.tui.screens.watch import WatchScreen
from llmexp_tui.tui.widgets.empty_state import EmptyState
from llmexp_tui.tui.widgets.key_bar import KeyBar
from tests.tui.conftest import MakeApp
from tests.tui.waiting import filled, on_screen, until


def offered(screen: Screen[None]) -> set[str]:
    """The keys in the bar at the bottom."""
    return {hint.shown for hint in screen.query_one(KeyBar).hints()}


async def test_only_keys_that_lead_on_are_offered(make_app: MakeApp) -> None:
    async with make_app().run_test() as pilot:
        await filled(pilot)
        await pilot.press("G", "enter")
        screen = await on_screen(pilot, ResultsScreen)
        nothing = screen.query_one("#nothing", EmptyState)
        await until(pilot, lambda: nothing.display and "no complete run" in str(nothing.render()))
        assert "llmexp-tui" not in str(nothing.render()), "a key mends it, no command"
        assert {"r", "esc"} <= offered(screen) and not offered(screen) & {"enter", "n", "v", "h", "s", "d"}
        await pilot.press("h", "n", "enter", "b", "r")
        await on_screen(pilot, LaunchScreen)


async def test_where_no_row_is_shown_only_what_shows_others_is_offered(make_app: MakeApp) -> None:
    async with make_app().run_test() as pilot:
        await filled(pilot)
        await pilot.press("enter")
        await on_screen(pilot, ResultsScreen)
        await filled(pilot)
        await pilot.press("enter")
        screen = await on_screen(pilot, RowsScreen)
        table = await filled(pilot, "#rows")
        assert "A" not in offered(screen), "all are shown"
        await pilot.press("slash", *"zzz", "enter")
        await until(pilot, lambda: screen.query_one("#nothing").display)
        assert {"/", "A"} <= offered(screen) and not offered(screen) & {"n", "enter", "s"}
        await pilot.press("A")
        await until(pilot, lambda: table.total > 0)
        assert {"n", "enter"} <= offered(screen)


async def test_before_the_first_save_there_is_no_row_to_go_to(make_app: MakeApp) -> None:
    async with make_app().run_test() as pilot:
        await filled(pilot)
        await pilot.press("w")
        screen = await on_screen(pilot, WatchScreen)
        await until(pilot, lambda: "w" in offered(screen))
        assert not offered(screen) & {"u", "n", "enter"}


async def test_of_what_has_no_slices_none_is_offered(make_app: MakeApp) -> None:
    async with make_app().run_test() as pilot:
        await filled(pilot)
        await pilot.press("enter")
        results = await on_screen(pilot, ResultsScreen)
        await filled(pilot)
        while results.metric is None or results.metric.statistic != "p50":
            await pilot.press("j")
        await pilot.press("s")
        screen = await on_screen(pilot, SlicesScreen)
        await until(pilot, lambda: screen.query_one("#nothing").display)
        assert "enter" not in offered(screen) and "esc" in offered(screen)


async def test_before_anything_is_said_nothing_can_be_taken_back(make_app: MakeApp) -> None:
    async with make_app().run_test() as pilot:
        await filled(pilot)
        await pilot.press("enter", "b")
        screen = await on_screen(pilot, ScoringScreen)
        await until(pilot, lambda: screen.shown is not None)
        assert {"s", "t"} <= offered(screen) and "u" not in offered(screen)
        await pilot.press("1")
        await until(pilot, lambda: "u" in offered(screen))

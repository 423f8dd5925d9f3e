"""The results of what was never run: the keys that are offered are those that lead on."""

from __future__ import annotations

from llmexp_tui.tui.screens.launch import LaunchScreen
from llmexp_tui.tui.screens.results import ResultsScreen
from llmexp_tui.tui.widgets.empty_state import EmptyState
from llmexp_tui.tui.widgets.key_bar import KeyBar
from tests.tui.conftest import MakeApp
from tests.tui.waiting import filled, on_screen, until


async def test_only_keys_that_lead_on_are_offered(make_app: MakeApp) -> None:
    async with make_app().run_test() as pilot:
        await filled(pilot)
        await pilot.press("G", "enter")
        screen = await on_screen(pilot, ResultsScreen)
        nothing = screen.query_one("#nothing", EmptyState)
        await until(pilot, lambda: nothing.display and "no complete run" in str(nothing.render()))
        assert "llmexp-tui" not in str(nothing.render()), "a key mends it, no command"
        offered = {hint.shown for hint in screen.query_one(KeyBar).hints()}
        assert {"r", "esc"} <= offered and not offered & {"enter", "n", "v", "h", "s", "d"}
        await pilot.press("h", "n", "enter", "b", "r")
        await on_screen(pilot, LaunchScreen)

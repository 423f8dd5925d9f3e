"""Keys that come all at once, as a paste over ssh brings them: each goes to what the one before it opened."""

from __future__ import annotations

from textual import events
from textual.pilot import Pilot
from textual.widgets import Input

from llmexp_tui.store import prompts
from llmexp_tui.tui.screens.marked import MarkedScreen
from llmexp_tui.tui.screens.prompts import PromptsScreen
from llmexp_tui.tui.screens.row import RowScreen
from llmexp_tui.tui.screens.rows import RowsScreen
from llmexp_tui.tui.screens.runs import RunsScreen
from llmexp_tui.workflows.session import Session
from tests.tui.conftest import MakeApp
from tests.tui.waiting import filled, on_screen, until

CHARACTERS = {"slash": "/", "space": " ", "ctrl+p": None, "escape": None, "enter": None, "tab": None}


def at_once(pilot: Pilot[None], *keys: str) -> None:
    """Put keys into the app's queue without letting it work in between."""
    for key in keys:
        pilot.app.post_message(events.Key(key, CHARACTERS.get(key, key)))


async def test_a_key_behind_the_one_that_opens_a_dialog(make_app: MakeApp) -> None:
    async with make_app().run_test() as pilot:
        await filled(pilot)
        await pilot.press("j", "enter")
        await filled(pilot)
        await pilot.press("n")
        await on_screen(pilot, RowsScreen)
        await filled(pilot, "#rows")
        at_once(pilot, "space", "m", "tab", "x", "y")
        dialog = await on_screen(pilot, MarkedScreen)
        box = dialog.query_one(Input)
        await until(pilot, lambda: box.value.endswith("xy"), "both letters in the name")
        assert "● a slice of tickets" in str(dialog.query_one("#what").render())


async def test_what_is_typed_behind_a_closing_key_goes_to_the_screen_behind(
    make_app: MakeApp, session: Session
) -> None:
    async with make_app().run_test() as pilot:
        await filled(pilot)
        await pilot.press("4")
        await on_screen(pilot, PromptsScreen)
        table = await filled(pilot)
        at_once(pilot, "j", "l", "x", "j", "escape", "j", "l", *"best", "enter", "k")
        await until(pilot, lambda: bool(prompts.label_history(session.store, "short", "best")), "labelled")
        await until(pilot, lambda: table.cursor == 1, "the last key was the table's")


async def test_a_key_behind_the_one_that_opens_what_has_to_be_read(make_app: MakeApp) -> None:
    async with make_app().run_test() as pilot:
        await filled(pilot)
        at_once(pilot, "j", "enter", "n", "enter")
        screen = await on_screen(pilot, RowScreen)
        assert screen.detail.baseline.text != screen.detail.candidate.text
        rows = next(s for s in pilot.app.screen_stack if isinstance(s, RowsScreen))
        assert (rows.report.name, rows.asked.filter) == ("cheaper", "regressed")


async def test_what_was_typed_too_early_is_forgotten_with_the_screen(make_app: MakeApp) -> None:
    async with make_app().run_test() as pilot:
        await filled(pilot)
        at_once(pilot, "enter", "n", "escape", "2")
        await on_screen(pilot, RunsScreen)
        await filled(pilot)
        assert not [s for s in pilot.app.screen_stack if isinstance(s, RowsScreen)]

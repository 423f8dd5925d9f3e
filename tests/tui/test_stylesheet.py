"""Styles are parsed once, and again for another theme: parsing them at each new place held the keys up."""

from __future__ import annotations

from llmexp_tui.tui.screens.runs import RunsScreen
from tests.tui.conftest import MakeApp
from tests.tui.waiting import filled, on_screen


async def test_a_place_that_is_opened_parses_nothing_again(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        await filled(pilot)
        before = [rule for rule in app.stylesheet.rules if not rule.is_default_rules]
        await pilot.press("2")
        await on_screen(pilot, RunsScreen)
        after = {id(rule) for rule in app.stylesheet.rules}
        assert before and all(id(rule) in after for rule in before)


async def test_another_theme_reaches_a_place_that_was_opened_before(make_app: MakeApp) -> None:
    app = make_app("dark")
    async with app.run_test() as pilot:
        await filled(pilot)
        await pilot.press("2")
        runs = await on_screen(pilot, RunsScreen)
        dark = runs.styles.background
        await pilot.press("1")
        app.choose_theme("light")
        await pilot.press("2")
        await on_screen(pilot, RunsScreen)
        assert runs.styles.background not in (dark, None)
        assert runs.styles.background.brightness > 0.5 > dark.brightness

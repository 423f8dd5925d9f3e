"""Waiting for what must become true, never for time to pass."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from textual.pilot import Pilot
from textual.screen import Screen

from llmexp_tui.tui.screens.home import HomeScreen
from llmexp_tui.tui.screens.results import ResultsScreen
from llmexp_tui.tui.widgets.paged_table import PagedTable

S = TypeVar("S", bound=Screen[Any])
DEADLINE_S = 15.0


async def until(pilot: Pilot[Any], condition: Callable[[], bool], what: str = "") -> None:
    """Let the app work until the condition holds; fails after a generous deadline."""
    loop = asyncio.get_running_loop()
    end = loop.time() + DEADLINE_S
    while not condition():
        if loop.time() > end:
            raise AssertionError(f"never became true: {what or condition}")
        await pilot.pause(0.01)
    await pilot.pause()


async def on_screen(pilot: Pilot[Any], kind: type[S]) -> S:
    """The screen in front, once it is of this kind."""
    await until(pilot, lambda: isinstance(pilot.app.screen, kind), f"{kind.__name__} in front")
    screen = pilot.app.screen
    assert isinstance(screen, kind)
    return screen


async def filled(pilot: Pilot[Any], selector: str = "PagedTable") -> PagedTable:
    """The table in front, once it has rows and the cursor is on one."""

    def ready() -> bool:
        found = pilot.app.screen.query(selector)
        return bool(found) and any(isinstance(t, PagedTable) and t.cursor_key is not None for t in found)

    await until(pilot, ready, f"{selector} filled")
    return next(t for t in pilot.app.screen.query(selector).results(PagedTable) if t.cursor_key is not None)


async def at_results(pilot: Pilot[Any]) -> ResultsScreen:
    """The results of Home's first experiment, opened by key from a new app."""
    await on_screen(pilot, HomeScreen)
    await filled(pilot, "#experiments")
    await pilot.press("enter")
    results = await on_screen(pilot, ResultsScreen)
    await filled(pilot, "#metrics")
    return results

"""Getting to a thing by its name, from the palette or from another screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llmexp_tui.tui.app import LlmexpApp


def open_results(app: LlmexpApp, experiment: str, then: str = "") -> None:
    """An experiment's results; `then` one of that screen's actions, once there are any."""
    from llmexp_tui.tui.screens.results import ResultsScreen

    app.push_screen(ResultsScreen(experiment, then))


def open_launch(app: LlmexpApp, experiment: str, kind: str = "") -> None:
    """The pre-flight of a run."""
    from llmexp_tui.tui.screens.launch import LaunchScreen

    app.push_screen(LaunchScreen(experiment, kind))


async def open_place(app: LlmexpApp, place: str, name: str, then: str = "") -> None:
    """A place with the cursor on what has this name or key; `then` one of the place's actions on it."""
    from llmexp_tui.tui.screens.base import Finding

    if app.current_mode != place:
        await app.switch_mode(place)
    screen = app.screen
    if isinstance(screen, Finding):
        screen.find(name, then)

"""Every main screen as a picture, at the declared floor and wider, dark and light.

Pictures change with Textual and Rich: update them in a commit of its own, with --snapshot-update, and look at them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from textual.pilot import Pilot

from llmexp_tui.tui.app import LlmexpApp
from llmexp_tui.tui.widgets.diff_view import DiffView
from tests.tui.conftest import MakeApp
from tests.tui.waiting import until

Compare = Callable[..., bool]

SIZES = {"80x24": (80, 24), "120x40": (120, 40)}
WALKS: dict[str, tuple[str, ...]] = {
    "home": (),
    "results": ("HomeScreen", "enter"),
    "variants": ("HomeScreen", "enter", "ResultsScreen", "v"),
    "rows": ("HomeScreen", "j", "enter", "ResultsScreen", "n"),
    "row": ("HomeScreen", "j", "enter", "ResultsScreen", "n", "RowsScreen", "enter"),
    "runs": ("HomeScreen", "2"),
    "datasets": ("HomeScreen", "3"),
    "dataset-rows": ("HomeScreen", "3", "DatasetsScreen", "enter"),
    "dataset-diff": ("HomeScreen", "3", "DatasetsScreen", "d"),
    "prompts": ("HomeScreen", "4", "PromptsScreen", "j"),
    "prompt-diff": ("HomeScreen", "4", "PromptsScreen", "j", "enter"),
    "launch": ("HomeScreen", "r"),
    "histogram": ("HomeScreen", "enter", "ResultsScreen", "h"),
    "slices": ("HomeScreen", "enter", "ResultsScreen", "s"),
    "differences": ("HomeScreen", "enter", "ResultsScreen", "d"),
    "scoring": ("HomeScreen", "enter", "ResultsScreen", "b"),
    "keys": ("HomeScreen", "question_mark"),
}

SMALL: dict[str, tuple[str, ...]] = {
    "watch": ("HomeScreen", "w"),
    "label": ("HomeScreen", "4", "PromptsScreen", "l"),
    "history": ("HomeScreen", "4", "PromptsScreen", "j", "H"),
    "used-by": ("HomeScreen", "4", "PromptsScreen", "t"),
    "confirm": ("HomeScreen", "4", "PromptsScreen", "j", "b"),
    "no-rows": ("HomeScreen", "enter", "ResultsScreen", "enter", "RowsScreen", "slash", *"zzz", "enter"),
    "marked": ("HomeScreen", "j", "enter", "ResultsScreen", "n", "RowsScreen", "space", "RowsScreen", "m",
               "MarkedScreen", "tab"),
    "tag": ("HomeScreen", "3", "DatasetsScreen", "t"),
    "launch-aa": ("HomeScreen", "a"),
    "grades": ("HomeScreen", "enter", "ResultsScreen", "b", "ScoringScreen", "m"),
    "not-run": ("HomeScreen", "G", "enter"),
}  # fmt: skip
"""Dialogs and empty states: one picture each."""


def walk(steps: tuple[str, ...]) -> Callable[[Pilot[Any]], Any]:
    """Press the keys; a screen's name waits until that screen is in front and has read what it shows."""

    async def go(pilot: Pilot[Any]) -> None:
        for step in steps:
            if step.endswith("Screen"):
                await until(pilot, lambda name=step: type(pilot.app.screen).__name__ == name, step)  # type: ignore[misc]
                await settled(pilot)
            else:
                await pilot.press(step)
        await settled(pilot)

    return go


async def settled(pilot: Pilot[Any]) -> None:
    """Every reading thread is done (following goes on for ever) and what it read is on the screen."""

    def quiet() -> bool:
        return all(worker.is_finished or worker.group in ("follow", "watch") for worker in pilot.app.workers)

    for _ in range(3):
        await until(pilot, quiet, "all reading done")
        await pilot.pause()
    for view in pilot.app.screen.query(DiffView):
        await until(pilot, lambda view=view: view.diff is not None or not view.display, "compared")  # type: ignore[misc]


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", WALKS)
def test_screen(name: str, size: str, theme: str, make_app: MakeApp, snap_compare: Compare) -> None:
    steps = WALKS[name] or ("HomeScreen",)
    assert snap_compare(make_app(theme), terminal_size=SIZES[size], run_before=walk(steps))


@pytest.mark.parametrize("name", SMALL)
def test_small_screen(name: str, make_app: MakeApp, snap_compare: Compare) -> None:
    assert snap_compare(make_app("dark"), terminal_size=SIZES["80x24"], run_before=walk(SMALL[name]))


def test_welcome(snap_compare: Compare) -> None:
    app = LlmexpApp(None, env={"LC_ALL": "C.UTF-8", "LLMEXP_CONFIG_DIR": "/nonexistent"})
    assert snap_compare(app, terminal_size=SIZES["80x24"], run_before=walk(("WelcomeScreen",)))


@pytest.mark.parametrize("theme", ["high-contrast", "ansi-dark"])
def test_other_themes(theme: str, make_app: MakeApp, snap_compare: Compare) -> None:
    assert snap_compare(make_app(theme), terminal_size=SIZES["80x24"], run_before=walk(WALKS["results"]))


def test_too_small(make_app: MakeApp, snap_compare: Compare) -> None:
    assert snap_compare(make_app(), terminal_size=(50, 12), run_before=walk(("HomeScreen",)))

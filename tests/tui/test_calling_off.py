"""Long searches: the title says what goes on, esc stops it, and what was shown stays."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event

import pytest
from textual.pilot import Pilot
from textual.worker import get_current_worker

from llmexp_tui.errors import CalledOffError, RunError
from llmexp_tui.store import comparisons, pages, pair_lists
from llmexp_tui.tui.comparing import compare_apart
from llmexp_tui.tui.screens.results import ResultsScreen
from llmexp_tui.tui.screens.rows import RowsScreen
from llmexp_tui.tui.widgets.paged_table import PagedTable
from llmexp_tui.tui.widgets.title_line import TitleLine
from llmexp_tui.workflows.session import Session
from tests.tui.conftest import MakeApp
from tests.tui.waiting import filled, on_screen, until

GIVE_UP_S = 30.0


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[Event]:
    """While it is clear, a search on the rows screen gets no further than where it says how far it is."""
    let_go = Event()
    watched = RowsScreen.still_wanted

    def holding(screen: RowsScreen, share: float | None) -> bool:
        worker = get_current_worker()
        watched(screen, share)
        while not worker.is_cancelled and not let_go.wait(0.01):
            pass
        return watched(screen, share)

    monkeypatch.setattr(RowsScreen, "still_wanted", holding)
    monkeypatch.setattr(pair_lists, "_STEPS", 1)
    monkeypatch.setattr(pages, "_FIRST_LOOK", 1)
    yield let_go
    let_go.set()


async def rows_of(pilot: Pilot[None]) -> RowsScreen:
    await pilot.press("j", "enter")
    await on_screen(pilot, ResultsScreen)
    await filled(pilot, "#metrics")
    await pilot.press("enter")
    screen = await on_screen(pilot, RowsScreen)
    await until(pilot, lambda: "row 1 of " in title(screen), "the first list is read")
    return screen


def title(screen: RowsScreen) -> str:
    return screen.query_one("#title", TitleLine).text


@pytest.mark.parametrize("key", ["x", "s"])
async def test_esc_stops_a_search_and_keeps_what_was_shown(make_app: MakeApp, held: Event, key: str) -> None:
    async with make_app().run_test(size=(120, 40)) as pilot:
        screen = await rows_of(pilot)
        table = screen.query_one("#rows", PagedTable)
        await pilot.press("j", "j", key)
        await until(pilot, lambda: "reading …" in title(screen) and "esc stops" in title(screen), "it reads")
        await pilot.press("escape")
        await until(pilot, lambda: f"row 3 of {table.total}" in title(screen), "it stopped")
        assert pilot.app.screen is screen
        assert "all rows" in title(screen) and "worst first" not in title(screen)
        held.set()
        await pilot.press(key)
        await until(pilot, lambda: "worst first" in title(screen) or "all rows" not in title(screen), "asked again")
        await until(pilot, lambda: "row " in title(screen) and "esc stops" not in title(screen), "found after all")


async def test_esc_stops_looking_for_the_next_regression(make_app: MakeApp, held: Event) -> None:
    async with make_app().run_test(size=(120, 40)) as pilot:
        screen = await rows_of(pilot)
        await pilot.press("G", "N")
        await until(pilot, lambda: "looking for a regression …" in title(screen), "it looks")
        await pilot.press("escape")
        await until(pilot, lambda: "row " in title(screen) and "esc stops" not in title(screen), "it stopped")
        assert pilot.app.screen is screen
        await pilot.press("escape")
        await on_screen(pilot, ResultsScreen)


def test_a_comparison_in_its_own_process_says_how_far_it_is_and_ends_when_called_off(session: Session) -> None:
    told: list[float] = []
    compare_apart("tone", session, lambda share: share is None or not told.append(share))
    assert told == sorted(told) and told[0] > 0.0 and told[-1] == 1.0
    kept = comparisons.latest(session.store, "tone")[0]
    with pytest.raises(CalledOffError):
        compare_apart("tone", session, lambda share: share is None)
    assert comparisons.latest(session.store, "tone")[0] == kept, "nothing is stored of what was called off"
    with pytest.raises(RunError, match="no_such"):
        compare_apart("no_such", session, lambda share: True)

"""Down to 40 by 12, the smallest window there is, every screen says what it is for; below it, one sentence."""

from __future__ import annotations

from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets._toast import Toast

from llmexp_tui.domain.run import RunStatus
from llmexp_tui.store import runs
from llmexp_tui.tui.app import LlmexpApp
from llmexp_tui.tui.screens.base import ProjectScreen, TooSmall
from llmexp_tui.tui.screens.home import HomeScreen
from llmexp_tui.tui.screens.keys import KeysScreen
from llmexp_tui.tui.screens.launch import LaunchScreen
from llmexp_tui.tui.state.paging import column_widths
from llmexp_tui.tui.state.versions import PROMPT_COLUMNS
from llmexp_tui.tui.widgets.key_bar import KeyBar
from llmexp_tui.tui.widgets.paged_table import PagedTable
from llmexp_tui.workflows.session import Session
from tests.snapshots.test_screens import WALKS, walk
from tests.tui.conftest import MakeApp
from tests.tui.waiting import on_screen, until

LEAST_CELLS = 9
"""A name cut shorter than this tells nobody what it is."""


async def at(pilot: Pilot[Any], name: str) -> None:
    await walk(WALKS[name] or ("HomeScreen",))(pilot)


SMALL = ((60, 15), (40, 12))
LEAST = [(name, size) for size in SMALL for name in WALKS if name not in ("keys", "quit", "welcome")]
EDGES = [("results", (columns, 32)) for columns in (100, 103, 126, 129)]
"""Where a column more has just found room."""


@pytest.mark.parametrize(("name", "size"), [*LEAST, *EDGES])
async def test_nothing_is_out_of_reach(name: str, size: tuple[int, int], make_app: MakeApp) -> None:
    async with make_app().run_test(size=size) as pilot:
        await at(pilot, name)
        screen = pilot.app.screen
        assert not isinstance(screen, ProjectScreen) or screen.max_scroll_y == 0, "it fits the window"
        for table in screen.query(PagedTable):
            if table.display and table.size.width:
                widths = column_widths(table.columns, table.scrollable_content_region.width - 3)
                assert all(cells >= LEAST_CELLS for column, cells in widths if not column.width), table.id


@pytest.mark.parametrize("size", [(39, 40), (120, 11), (30, 8), (1, 1)])
async def test_below_it_there_is_one_sentence_and_no_scroll_bar(size: tuple[int, int], make_app: MakeApp) -> None:
    async with make_app().run_test(size=(120, 40)) as pilot:
        await at(pilot, "rows")
        await pilot.resize_terminal(*size)
        await pilot.pause()
        screen = pilot.app.screen
        assert screen.query_one(TooSmall).display and not screen.show_vertical_scrollbar
        await pilot.resize_terminal(120, 40)
        await pilot.pause()
        assert not screen.query_one(TooSmall).display and screen.query_one("#rows").size.height > 5


@pytest.mark.parametrize("columns", [60, 80])
async def test_a_gate_takes_one_line_of_the_pre_flight(columns: int, make_app: MakeApp) -> None:
    async with make_app().run_test(size=(120, 24)) as pilot:
        await at(pilot, "launch")
        await pilot.resize_terminal(columns, 24)
        screen = await on_screen(pilot, LaunchScreen)
        sheet = screen.query_one("#sheet Static")

        def lines() -> list[str]:
            drawn = [sheet.render_line(y).text.rstrip() for y in range(sheet.size.height)]
            first = next((y for y, text in enumerate(drawn) if text.startswith("gate ")), len(drawn))
            return drawn[first : first + 3]

        await until(pilot, lambda: [text.split(" ")[0] for text in lines()] == ["gate", "exact_match", "cost"])
        assert all(text.endswith("%") for text in lines()[1:])


def test_at_80_the_label_of_what_is_on_disk_is_whole() -> None:
    widths = {column.key: cells for column, cells in column_widths(PROMPT_COLUMNS, 80 - 3)}
    assert widths["labels"] >= len("production on disk") and "author" in widths


async def test_a_key_starts_nothing_that_the_window_is_too_small_to_show(make_app: MakeApp, session: Session) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        await at(pilot, "launch")
        screen = await on_screen(pilot, LaunchScreen)
        await until(pilot, lambda: screen.preflight is not None)
        await pilot.resize_terminal(38, 12)
        await until(pilot, lambda: screen.query_one(TooSmall).display)
        await pilot.press("f", "enter")
        assert pilot.app.screen is screen and not screen.choice.fresh
        await pilot.press("question_mark")
        await on_screen(pilot, KeysScreen)
        await pilot.press("escape")
        await on_screen(pilot, LaunchScreen)
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: not screen.query_one(TooSmall).display)
        await pilot.press("f")
        assert screen.choice.fresh, "with room the keys work again"
    assert not runs.find_runs(session.store, statuses=(RunStatus.QUEUED, RunStatus.RUNNING))


@pytest.mark.parametrize(("cells", "length"), [(80, 37), (120, 57)])
async def test_the_last_line_of_a_toast_is_above_the_keys(make_app: MakeApp, cells: int, length: int) -> None:
    async with make_app().run_test(size=(cells, 24), notifications=True) as pilot:
        await on_screen(pilot, HomeScreen)
        app = pilot.app
        assert isinstance(app, LlmexpApp)
        app.say(" ".join(["word"] * 20)[:length].strip())
        await until(pilot, lambda: bool(app.screen.query(Toast)))
        await pilot.pause()
        assert app.screen.query_one(Toast).region.bottom == app.screen.query_one(KeyBar).region.y

"""The histogram: counting a million values is not for the thread that draws, nor for every new size of the window."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from textual.widgets import Static

from llmexp_tui.tui.reads import distribution
from llmexp_tui.tui.screens.histogram import HistogramScreen
from llmexp_tui.tui.widgets.sheet import Sheet
from tests.tui.conftest import MakeApp
from tests.tui.waiting import at_results, on_screen, until


async def test_values_are_counted_once_and_beside_the_drawing(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted, count = [], distribution.make_histogram

    def noted(*sides: Any) -> Any:
        counted.append(threading.current_thread())
        return count(*sides)

    monkeypatch.setattr(distribution, "make_histogram", noted)
    async with make_app().run_test() as pilot:
        await at_results(pilot)
        await pilot.press("h")
        bars = (await on_screen(pilot, HistogramScreen)).query_one("#bars", Sheet)
        await until(pilot, lambda: "60 values left, 59 right" in str(bars.query_one(Static).content))
        await pilot.resize_terminal(100, 30)
        await pilot.pause()
        assert len(counted) == 1 and counted[0] is not threading.main_thread()

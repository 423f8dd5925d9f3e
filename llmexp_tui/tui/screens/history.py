"""Every move of a prompt's labels: who, when, why."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from llmexp_tui.domain.prompt import LabelMove
from llmexp_tui.tui.reads.prompts import read_moves
from llmexp_tui.tui.screens.base import Dialog, shown_name
from llmexp_tui.tui.state.cells import line
from llmexp_tui.tui.state.versions import move_lines
from llmexp_tui.tui.widgets.tones import join_lines


class HistoryScreen(Dialog[None]):
    """A list to read; escape closes it."""

    def __init__(self, prompt: str) -> None:
        super().__init__()
        self.prompt = prompt

    def compose(self) -> ComposeResult:
        """The list."""
        with VerticalScroll(classes="dialog") as box:
            box.border_title = f"Labels of {shown_name(self.prompt)}".replace("[", "(").replace("]", ")")
            box.border_subtitle = "esc closes"
            yield Static(id="moves", markup=False)

    def on_mount(self) -> None:
        """Read the moves."""
        self.fetch("moves", partial(read_moves, self.prompt), self._show)

    def _show(self, moves: Sequence[LabelMove]) -> None:
        lines = move_lines(moves, self.home_app.now()) or [line(("No label was ever moved.", "muted"))]
        self.query_one("#moves", Static).update(join_lines(lines))

"""One row in full: both answers, every score with its reason, the input, tool calls."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from llmexp_tui.domain.dataset import DatasetVersion
from llmexp_tui.tui.errands import copy_text
from llmexp_tui.tui.messages import StoreChanged
from llmexp_tui.tui.reads.editing import add_row
from llmexp_tui.tui.screens.base import ProjectScreen, shown_name
from llmexp_tui.tui.screens.confirm import ConfirmScreen
from llmexp_tui.tui.state.cells import Line, line
from llmexp_tui.tui.state.rows import RowDetail, as_text, input_lines, new_row, score_lines
from llmexp_tui.tui.widgets.diff_view import DiffView
from llmexp_tui.tui.widgets.title_line import TitleLine
from llmexp_tui.tui.widgets.tones import join_lines


class RowScreen(ProjectScreen):
    """A row to read. Tab goes from the answers to the scores to the input."""

    HELP = "The answers side by side; below them every score with its reason, and the row's own columns."
    CSS_PATH = "row.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "app.focus_next", "Next pane", id="row.pane"),
        Binding(
            "plus",
            "add",
            "Add to dataset",
            tooltip="A new row with the candidate's answer as the expected one",
            show=False,
            id="row.add",
        ),
        Binding("y", "copy", "Copy", tooltip="Copy the whole row", id="row.copy"),
    ]

    def __init__(self, detail: RowDetail) -> None:
        super().__init__()
        self.detail = detail

    def body(self) -> ComposeResult:
        """Answers, scores, input."""
        yield TitleLine(id="title")
        yield DiffView(id="answers")
        with VerticalScroll(id="scores", classes="panel", can_focus=True) as scores:
            scores.border_title = "Scores"
            yield Static(id="score-text", markup=False)
        yield DiffView(id="input")

    def on_mount(self) -> None:
        """Fill it; nothing is read here."""
        detail = self.detail
        expected: Line = line("   expected ", (detail.expected, "strong")) if detail.expected is not None else ()
        self.query_one("#title", TitleLine).show((*line((f"row {detail.key}", "strong")), *expected))
        left, right = detail.baseline, detail.candidate
        titles = line((left.variant, "strong"), (" · baseline", "muted")), line((right.variant, "strong"))
        answers = self.query_one("#answers", DiffView)
        answers.show(left.text, right.text, titles, (left.foot, right.foot))
        answers.focus()
        scores = score_lines(detail) or [line(("no score stored", "muted"))]
        self.query_one("#score-text", Static).update(join_lines(scores))
        self.query_one("#input", DiffView).show(input_lines(detail), None, (line(("the row", "strong")), ()))

    def on_store_changed(self, message: StoreChanged) -> None:
        """Nothing here is read again."""
        message.stop()

    def action_add(self) -> None:
        """Ask, then add a row whose reference answer is what the candidate said."""
        if self.detail.dataset is None or not self.detail.candidate.outputs:
            self.home_app.say("There is no answer, or no dataset to add it to")
            return
        question = ConfirmScreen(
            f"Add a row to {shown_name(self.detail.dataset)}?",
            "This row's input, with the candidate's answer as the expected one. It makes a new version.",
            "add it",
        )
        self.app.push_screen(question, self._add)

    def _add(self, sure: bool | None) -> None:
        detail = self.detail
        if sure and detail.dataset is not None:
            values = new_row(detail)
            self.fetch("add", partial(add_row, detail.dataset, values), self._added)

    def _added(self, version: DatasetVersion) -> None:
        self.home_app.say(f"{version.name} {version.label}: {version.changelog}")

    def action_copy(self) -> None:
        """The row as text."""
        copy_text(self.home_app, as_text(self.detail), f"row {self.detail.key}")

"""One row in full: both answers, every score with its reason, the input, tool calls."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from llmexp_tui.domain.dataset import DatasetVersion
from llmexp_tui.tui.errands import copy_text
from llmexp_tui.tui.messages import StoreChanged
from llmexp_tui.tui.reads.editing import add_row
from llmexp_tui.tui.screens.base import ProjectScreen, shown_name
from llmexp_tui.tui.screens.confirm import ConfirmScreen
from llmexp_tui.tui.state.cells import Line, line
from llmexp_tui.tui.state.rows import RowDetail, answer_to_keep, as_text, input_lines, new_row, score_lines
from llmexp_tui.tui.widgets.diff_view import DiffView
from llmexp_tui.tui.widgets.sheet import Sheet
from llmexp_tui.tui.widgets.title_line import TitleLine

if TYPE_CHECKING:
    from llmexp_tui.tui.screens.rows import RowsScreen


class RowScreen(ProjectScreen):
    """A row to read. Tab goes from the answers to the scores to the input."""

    HELP = "The answers side by side; below them every score with its reason, and the row's own columns."
    CSS_PATH = "row.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "step(1)", "Next", tooltip="The next regression", id="rows.next"),
        Binding("N", "step(-1)", "Previous", tooltip="The regression before", show=False, id="rows.previous"),
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

    def __init__(self, detail: RowDetail, rows: RowsScreen) -> None:
        """`rows` is the list that the row is from: it knows which row comes next."""
        super().__init__()
        self.detail = detail
        self._rows = rows

    def body(self) -> ComposeResult:
        """Answers, scores, input."""
        yield TitleLine(id="title")
        yield DiffView(id="answers")
        scores = Sheet(id="scores", classes="panel")
        scores.border_title = "Scores"
        yield scores
        yield DiffView(id="input")

    def on_mount(self) -> None:
        """Nothing is read here."""
        self.query_one("#answers").focus()
        self.show(self.detail)

    def show(self, detail: RowDetail) -> None:
        """Show this row."""
        self.detail = detail
        expected: Line = line("   expected ", (detail.expected, "strong")) if detail.expected is not None else ()
        self.query_one("#title", TitleLine).show((*line((f"row {detail.key}", "strong")), *expected))
        left, right = detail.baseline, detail.candidate
        titles = line((left.variant, "strong"), (" · baseline", "muted")), line((right.variant, "strong"))
        answers = self.query_one("#answers", DiffView)
        answers.show(left.text, right.text, titles, (left.foot, right.foot))
        scores = score_lines(detail, self._rows.metric.metric) or [line(("no score stored", "muted"))]
        self.query_one("#scores", Sheet).write(scores)
        self.query_one("#input", DiffView).show(input_lines(detail), None, (line(("the row", "strong")), ()))

    def on_store_changed(self, message: StoreChanged) -> None:
        """Nothing here is read again."""
        message.stop()

    def action_step(self, step: int) -> None:
        """The next or previous row that got worse, without going back to the list."""
        self._rows.action_step(step)

    def action_add(self) -> None:
        """Ask, then add a row whose reference answer is what the candidate said."""
        answer = answer_to_keep(self.detail)
        if self.detail.dataset is None or answer is None:
            self.home_app.say("There is no answer in words, or no dataset to add it to")
            return
        question = ConfirmScreen(
            f"Add a row to {shown_name(self.detail.dataset)}?",
            "This row's input, with the candidate's answer as the expected one. It makes a new version.",
            "add it",
        )
        self.app.push_screen(question, partial(self._add, self.detail.dataset, new_row(self.detail, answer)))

    def _add(self, dataset: str, values: dict[str, Any], sure: bool | None) -> None:
        if sure:
            self.fetch("add", partial(add_row, dataset, values), self._added)

    def _added(self, version: DatasetVersion) -> None:
        self.home_app.say(f"{version.name} {version.label}: {version.changelog}")

    def action_copy(self) -> None:
        """The row as text."""
        copy_text(self.home_app, as_text(self.detail), f"row {self.detail.key}")

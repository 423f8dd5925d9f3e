"""In what the two variants differ: the fields, and the prompts side by side."""

from __future__ import annotations

from functools import partial

from textual.app import ComposeResult
from textual.widgets import Static

from llmexp_tui.reports.record import ExperimentReport
from llmexp_tui.tui.reads.differences import Differences, read_differences
from llmexp_tui.tui.screens.base import ProjectScreen
from llmexp_tui.tui.state.cells import line
from llmexp_tui.tui.state.launch import difference_lines
from llmexp_tui.tui.state.versions import prompt_text
from llmexp_tui.tui.widgets.diff_view import DiffView
from llmexp_tui.tui.widgets.tones import join_lines


class DifferencesScreen(ProjectScreen):
    """Fields above, prompts below."""

    HELP = "As they were run: a file that changed since is not shown here."
    CSS_PATH = "differences.tcss"

    def __init__(self, report: ExperimentReport, candidate: str) -> None:
        super().__init__()
        self.report = report
        self.candidate = candidate
        self._shown = False

    def body(self) -> ComposeResult:
        """Fields, then prompts."""
        yield Static(id="fields", markup=False)
        yield DiffView(id="prompts")

    def on_mount(self) -> None:
        """Something to read at once."""
        title = line((self.report.name, "strong"), ("  reading what differs …", "muted"))
        self.query_one("#fields", Static).update(join_lines([title]))
        self.query_one("#prompts").focus()

    def load(self) -> None:
        """Read once."""
        if not self._shown:
            self.fetch("differences", partial(read_differences, self.report, self.candidate), self._show)

    def _show(self, found: Differences) -> None:
        self._shown = True
        lines = difference_lines([(self.candidate, found.fields)], self.report.axis)
        self.query_one("#fields", Static).update(join_lines(lines))
        view = self.query_one("#prompts", DiffView)
        view.display = found.prompts is not None
        if found.prompts is not None:
            left, right = found.prompts
            baseline = self.report.baseline.variant if self.report.baseline else "–"
            titles = line((baseline, "strong")), line((self.candidate, "strong"))
            view.show(prompt_text(left), prompt_text(right), titles)

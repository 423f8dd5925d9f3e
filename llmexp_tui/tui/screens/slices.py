"""A metric broken down by the slices that the dataset declares. All of it exploratory: nothing here gates."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from llmexp_tui.reports import figures
from llmexp_tui.reports.record import ExperimentReport
from llmexp_tui.stats.result import MetricResult
from llmexp_tui.tui.reads.distribution import SliceResult, read_slices
from llmexp_tui.tui.screens.base import ProjectScreen
from llmexp_tui.tui.state import slices as state
from llmexp_tui.tui.state.cells import line
from llmexp_tui.tui.state.paging import ListSource
from llmexp_tui.tui.widgets.empty_state import EmptyState
from llmexp_tui.tui.widgets.paged_table import PagedTable
from llmexp_tui.tui.widgets.title_line import TitleLine


class SlicesScreen(ProjectScreen):
    """A line a slice; enter shows its rows."""

    HELP = "Each slice is looked at on its own. With many slices some will look good or bad by chance alone."
    CSS_PATH = "slices.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Rows", id="rows.open"),
    ]

    def __init__(self, report: ExperimentReport, candidate: str, metric: MetricResult) -> None:
        super().__init__()
        self.report = report
        self.candidate = candidate
        self.metric = metric
        self.slices: tuple[SliceResult, ...] | None = None

    def body(self) -> ComposeResult:
        """Title and table."""
        yield TitleLine(id="title")
        yield PagedTable((), id="slices")
        yield EmptyState("No slices", 'The dataset declares none. Add slices = ["column"] to it in llmexp.toml.',
                         "esc", "goes back", id="nothing")  # fmt: skip

    def on_mount(self) -> None:
        """Title first."""
        self.query_one("#nothing").display = False
        title = line(
            (figures.metric_title(self.metric), "strong"), (f"  {self.candidate}, by slice, exploratory", "muted")
        )
        self.query_one("#title", TitleLine).show(title)
        self.query_one("#slices").focus()

    def load(self) -> None:
        """Judge each slice once."""
        if self.slices is None:
            self.fetch("slices", partial(read_slices, self.report, self.candidate, self.metric), self._show)

    def _show(self, slices: tuple[SliceResult, ...]) -> None:
        self.slices = slices
        self.query_one("#nothing").display = not slices
        self.query_one("#slices").display = bool(slices)
        self._draw()

    def on_resize(self) -> None:
        """The plot takes the room."""
        self._draw()

    def _draw(self) -> None:
        if self.slices:
            columns, rows = state.table(self.slices, self.size.width - 2)
            self.query_one("#slices", PagedTable).show(ListSource(rows), columns=columns)

    def action_open(self) -> None:
        """What is under the cursor."""
        self.query_one("#slices", PagedTable).action_open()

    @on(PagedTable.Opened)
    def _opened(self, message: PagedTable.Opened) -> None:
        from dataclasses import replace

        from llmexp_tui.tui.screens.rows import RowsScreen

        found = next((item for item in self.slices or () if state.key_of(item) == message.key), None)
        if found is not None:
            metric = replace(self.metric, slice=f"{found.column}={found.value}")
            self.app.push_screen(RowsScreen(self.report, self.candidate, metric))

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
from llmexp_tui.tui.reads.distribution import read_slices
from llmexp_tui.tui.screens.base import ProjectScreen
from llmexp_tui.tui.state import slices as state
from llmexp_tui.tui.state.cells import line
from llmexp_tui.tui.state.paging import ListSource
from llmexp_tui.tui.state.results import arms_of
from llmexp_tui.tui.widgets.empty_state import EmptyState
from llmexp_tui.tui.widgets.paged_table import PagedTable
from llmexp_tui.tui.widgets.title_line import TitleLine


class SlicesScreen(ProjectScreen):
    """A line a slice; enter shows its rows."""

    HELP = (
        "Each slice is judged as the whole is. With many slices some look good or bad by chance alone: q corrects "
        "for how many slices and metrics were looked at. Up to 0.10 it is marked *; "
        "of those, about 1 in 10 is chance all the same."
    )
    CSS_PATH = "slices.tcss"
    EARLY = frozenset({"open"})
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Rows", id="rows.open"),
    ]

    def __init__(self, report: ExperimentReport, candidate: str, metric: MetricResult) -> None:
        super().__init__()
        self.report = report
        self.candidate = candidate
        self.metric = metric
        self.slices: tuple[MetricResult, ...] | None = None

    def body(self) -> ComposeResult:
        """Title and table."""
        yield TitleLine(id="title")
        yield PagedTable((), id="slices")
        why = 'The dataset declares none. Add slices = ["column"] to it in llmexp.toml.'
        if self.metric.statistic != "mean":
            why = "Only means are broken down by slices: a quantile of few rows says nothing."
        yield EmptyState("No slices", why, "esc", "goes back", id="nothing")

    def on_mount(self) -> None:
        """Title first."""
        self.query_one("#nothing").display = False
        title = line(
            (figures.metric_title(self.metric), "strong"), (f"  {self.candidate}, by slice, exploratory", "muted")
        )
        self.query_one("#title", TitleLine).show(title)
        self.query_one("#slices").focus()

    def load(self) -> None:
        """The slices of the report."""
        if self.slices is None:
            self.fetch("slices", partial(read_slices, self.report, self.candidate, self.metric), self._show)

    def _show(self, slices: tuple[MetricResult, ...]) -> None:
        self.slices = slices
        self.query_one("#nothing").display = not slices
        self.query_one("#slices").display = bool(slices)
        self.has_read()
        self.refresh_bindings()
        self._draw()

    def on_resize(self) -> None:
        """The plot takes the room."""
        self._draw()

    def _draw(self) -> None:
        if self.slices:
            columns, rows = state.table(self.slices, arms_of(self.report, self.candidate), self.size.width - 2)
            self.query_one("#slices", PagedTable).show(ListSource(rows), columns=columns)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Without slices there are no rows of one."""
        return action != "open" or self.slices != ()

    def action_open(self) -> None:
        """What is under the cursor."""
        self.query_one("#slices", PagedTable).action_open()

    @on(PagedTable.Opened)
    def _opened(self, message: PagedTable.Opened) -> None:
        from llmexp_tui.tui.screens.rows import RowsScreen

        if found := next((item for item in self.slices or () if item.slice == message.key), None):
            self.app.push_screen(RowsScreen(self.report, self.candidate, found))

"""Both arms' distribution of one metric over the same bins."""

from __future__ import annotations

from functools import partial

from textual.app import ComposeResult

from llmexp_tui.reports import figures
from llmexp_tui.reports.explain import timed_out
from llmexp_tui.reports.record import ExperimentReport
from llmexp_tui.stats.result import MetricResult
from llmexp_tui.tui.reads.distribution import read_histogram
from llmexp_tui.tui.screens.base import ProjectScreen
from llmexp_tui.tui.state.cells import line
from llmexp_tui.tui.state.format import count
from llmexp_tui.tui.state.histogram import Histogram, draw_histogram
from llmexp_tui.tui.widgets.sheet import Sheet
from llmexp_tui.tui.widgets.title_line import TitleLine


class HistogramScreen(ProjectScreen):
    """A bar a bin, baseline left, candidate right."""

    HELP = "Both arms over the same bins; each repeat counts."
    CSS_PATH = "histogram.tcss"

    def __init__(self, report: ExperimentReport, candidate: str, metric: MetricResult) -> None:
        super().__init__()
        self.report = report
        self.candidate = candidate
        self.metric = metric
        self._asked = self._known = False
        self._histogram: Histogram | None = None

    def body(self) -> ComposeResult:
        """Title and bars."""
        yield TitleLine(id="title")
        yield Sheet(id="bars")

    def on_mount(self) -> None:
        """The title says what it is before the bars come."""
        baseline = self.report.baseline.variant if self.report.baseline else "–"
        title = line(
            (figures.metric_title(self.metric), "strong"),
            (f"  {figures.arm_values(self.metric)}   ", "muted"),
            (f"{baseline} ", "info"),
            ("left, ", "muted"),
            (f"{self.candidate} ", "accent"),
            ("right", "muted"),
        )
        self.query_one("#title", TitleLine).show(title)
        bars = self.query_one("#bars", Sheet)
        bars.write([line(("reading …", "muted"))])
        bars.focus()

    def load(self) -> None:
        """Read the values once."""
        if not self._asked:
            self._asked = True
            read = partial(read_histogram, self.report, self.candidate, self.metric.metric)
            self.fetch("histogram", read, self._show)

    def _show(self, histogram: Histogram | None) -> None:
        self._known, self._histogram = True, histogram
        self._draw()

    def on_resize(self) -> None:
        """Bars fill the width."""
        self._draw()

    def _draw(self) -> None:
        if not self._known:
            return
        histogram = self._histogram
        lines = [line(("no value is stored", "muted"))]
        if histogram is not None:
            left, right = count(sum(histogram.left)), count(sum(histogram.right))
            lines = [*draw_histogram(histogram, self.size.width - 2), (),
                     line((f" {left} values left, {right} right", "muted"))]  # fmt: skip
            if words := timed_out(self.metric):
                lines.append(line((f" {words} Here it stands with the time that it took.", "muted")))
        self.query_one("#bars", Sheet).write(lines)

"""Results: is the change real? Integrity first, then each metric with its interval, then the same in words."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from llmexp_tui.errors import LlmexpError
from llmexp_tui.reports.record import ExperimentReport
from llmexp_tui.stats.result import MetricResult
from llmexp_tui.tui.errands import copy_text
from llmexp_tui.tui.reads.results import read_report, refresh_report, start_judging
from llmexp_tui.tui.screens.base import ProjectScreen
from llmexp_tui.tui.state import interval, variants
from llmexp_tui.tui.state import results as state
from llmexp_tui.tui.state.cells import Line, line
from llmexp_tui.tui.state.paging import ListSource
from llmexp_tui.tui.widgets.empty_state import EmptyState
from llmexp_tui.tui.widgets.paged_table import PagedTable
from llmexp_tui.tui.widgets.sheet import Sheet
from llmexp_tui.tui.widgets.tones import join_lines

_NEED_RESULTS = frozenset({
    "rows", "worst", "next_candidate", "side_by_side", "histogram", "slices", "differences", "score", "judge", "copy",
})  # fmt: skip


class ResultsScreen(ProjectScreen):
    """One experiment's newest comparison."""

    HELP = "The gate's answer stands first. ● is the change, ├┤ its 95 % interval, ░ the noise floor, ┆ the margin."
    CSS_PATH = "results.tcss"
    EARLY = _NEED_RESULTS
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "rows", "Rows", tooltip="The rows behind the metric under the cursor", id="rows.open"),
        Binding("n", "worst", "Worst", tooltip="The worst regression of the metric", id="rows.worst"),
        Binding("c", "next_candidate", "Candidate", tooltip="The next candidate", id="results.candidate"),
        Binding("v", "side_by_side", "Variants", tooltip="All variants in one table", id="results.variants"),
        Binding(
            "h", "histogram", "Histogram", tooltip="Both arms' distribution of the metric", id="results.histogram"
        ),
        Binding(
            "s", "slices", "Slices", tooltip="The metric broken down by the dataset's slices", id="results.slices"
        ),
        Binding("d", "differences", "Diff", tooltip="In what the two variants differ", id="results.differences"),
        Binding("r", "run", "Run", tooltip="Run this experiment again", id="run.start"),
        Binding("a", "aa", "A/A", tooltip="Run the baseline against itself", show=False, id="aa.start"),
        Binding("u", "recompute", "Compare again", show=False, id="results.recompute"),
        Binding("b", "score", "Score", tooltip="Score answers by hand, blind", id="results.score"),
        Binding(
            "J", "judge", "Judge", tooltip="Ask the judges about answers that they have not scored", show=False,
            id="results.judge",
        ),
        Binding("y", "copy", "Copy", tooltip="Copy the panel as text", show=False, id="results.copy"),
    ]

    def __init__(self, experiment: str, then: str = "") -> None:
        """`then` is one of the actions here, done once the results are shown."""
        super().__init__()
        self._early = then
        self.experiment = experiment
        self.report: ExperimentReport | None = None
        self.candidate = ""
        self._together = False
        self._empty = False

    def body(self) -> ComposeResult:
        """Heading, the table of metrics, and what it means."""
        yield Static(id="heading", classes="headline", markup=False)
        yield PagedTable((), id="metrics")
        yield Static(id="legend", markup=False)
        yield Sheet(id="words")
        yield EmptyState(
            "Not compared yet", "Run the experiment; its verdict appears here.", "r", "runs it", id="nothing"
        )

    def on_mount(self) -> None:
        """The frame before the figures."""
        self.query_one("#nothing").display = False
        self._say("reading …")
        self.query_one("#metrics").focus()

    def _say(self, words: str) -> None:
        self.query_one("#heading", Static).update(
            join_lines([line((self.experiment, "strong")), line((words, "muted"))])
        )

    def show_share(self, share: float) -> None:
        """In the heading, until it is drawn with the answer."""
        self._say(f"comparing … {share:.0%} · esc stops")

    def load(self) -> None:
        """Read the newest stored comparison."""
        read = partial(read_report, self.experiment, watch=self.still_wanted)
        self.fetch("report", read, self._show, self._failed)

    def action_recompute(self) -> None:
        """Compare what is stored now."""
        refresh = partial(refresh_report, self.experiment, watch=self.still_wanted)
        self.fetch("report", refresh, self._show, self._not_again)

    def _not_again(self, error: LlmexpError) -> None:
        self.home_app.say_error(error)
        self._draw()

    def _failed(self, error: LlmexpError) -> None:
        self._show(None)
        self.query_one("#nothing", EmptyState).say("Nothing to show yet", _without_command(error), "r", "runs it")

    def _show(self, report: ExperimentReport | None) -> None:
        self.report = report
        names = state.candidates(report) if report else ()
        self._empty = empty = report is None or not names
        self.refresh_bindings()
        self.query_one("#nothing").display = empty
        for name in ("#metrics", "#words", "#legend"):
            self.query_one(name).display = not empty
        if report is None or not names:
            self.query_one("#heading", Static).update(join_lines(self._bare(report)))
            self.has_read()
            return
        if self.candidate not in names:
            self.candidate = names[0]
        self._draw()
        self.has_read()

    def _bare(self, report: ExperimentReport | None) -> list[Line]:
        lines = [line((self.experiment, "strong"))]
        return lines + ([line(reason) for reason in report.reasons] if report else [])

    def _draw(self) -> None:
        report = self.report
        if report is None:
            return
        table = self.query_one("#metrics", PagedTable)
        cells = self.size.width - 3
        heading = state.heading(report, None if self._together else self.candidate, self.size.width - 2)
        self.query_one("#heading", Static).update(join_lines(heading))
        if self._together:
            scale = variants.scale_of(report)
            columns, rows = variants.table(report, cells)
        else:
            scale = state.scale_of(report, self.candidate)
            columns, rows = (
                state.table_columns(report, self.candidate, cells),
                state.table_rows(report, self.candidate, cells),
            )
        table.show(ListSource(rows), columns=columns)
        shown = variants.plot_cells(cells) > 0 if self._together else cells >= state.PLOT_FROM
        self.query_one("#legend").display = shown
        self.query_one("#legend", Static).update(join_lines([(*line("  "), *interval.legend(scale))]))
        self._explain()

    def on_resize(self) -> None:
        """The plot takes the room there is."""
        self._draw()

    @on(PagedTable.Highlighted)
    def _explain(self) -> None:
        if self.report is not None:
            metric = self.metric
            if metric is not None:
                self.candidate = metric.candidate
            self.query_one("#words", Sheet).write(state.sentences(self.report, metric))

    @property
    def metric(self) -> MetricResult | None:
        """The metric under the cursor."""
        if self.report is None:
            return None
        return variants.metric_at(self.report, self.query_one("#metrics", PagedTable).cursor_key, self.candidate)

    # ---- from here

    @on(PagedTable.Opened)
    def _opened(self) -> None:
        self.action_rows()

    def action_rows(self) -> None:
        """The rows of the metric."""
        self._rows("all")

    def action_worst(self) -> None:
        """The rows that got worse, worst first."""
        self._rows("regressed")

    def _rows(self, chosen: str) -> None:
        if self.report is None:
            return
        from llmexp_tui.tui.screens.rows import RowsScreen

        metric = self.metric or next(iter(state.metrics_of(self.report, self.candidate)), None)
        if metric is not None:
            self.app.push_screen(RowsScreen(self.report, self.candidate, metric, chosen))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """One candidate has no next, and without results there is nothing to look into."""
        if self._empty and action in _NEED_RESULTS:
            return False
        if action == "next_candidate" and self.report is not None:
            return len(state.candidates(self.report)) > 1
        return super().check_action(action, parameters)

    def action_next_candidate(self) -> None:
        """The next candidate's figures."""
        names = state.candidates(self.report) if self.report else ()
        if names:
            self.candidate = names[(names.index(self.candidate) + 1) % len(names)]
            self._together = False
            self._draw()

    def action_side_by_side(self) -> None:
        """All variants in one table, or one with its intervals; the cursor stays on its metric."""
        metric = self.metric
        self._together = not self._together
        self._draw()
        if metric is not None:
            key = variants.row_key(metric) if self._together else state.MetricKey.of(metric).text
            table = self.query_one("#metrics", PagedTable)
            table.move_to((table.source and table.source.locate(key)) or table.cursor)

    def action_back(self) -> None:
        """Out of the table of all candidates first."""
        if self._together:
            self.action_side_by_side()
        else:
            super().action_back()

    def action_histogram(self) -> None:
        """Both arms' distribution."""
        if self.report is not None and (metric := self.metric) is not None:
            from llmexp_tui.tui.screens.histogram import HistogramScreen

            self.app.push_screen(HistogramScreen(self.report, self.candidate, metric))

    def action_slices(self) -> None:
        """The metric by slice."""
        if self.report is not None and (metric := self.metric) is not None:
            from llmexp_tui.tui.screens.slices import SlicesScreen

            self.app.push_screen(SlicesScreen(self.report, self.candidate, metric))

    def action_differences(self) -> None:
        """In what the variants differ."""
        if self.report is not None:
            from llmexp_tui.tui.screens.differences import DifferencesScreen

            self.app.push_screen(DifferencesScreen(self.report, self.candidate))

    def action_score(self) -> None:
        """Score answers by hand."""
        if self.report is not None:
            from llmexp_tui.tui.screens.scoring import ScoringScreen

            self.app.push_screen(ScoringScreen(self.report, self.candidate))

    def action_judge(self) -> None:
        """Have the stored answers judged, once it is said that it costs."""
        from llmexp_tui.tui.screens.confirm import ConfirmScreen

        if self.report is None:
            return
        if not state.asks_for_judges(self.report):
            self.home_app.say("The judges have scored every answer")
            return
        what = "They judge stored answers that they have not scored, or failed on. No variant is called; judges cost."
        self.app.push_screen(ConfirmScreen("Ask the judges?", what, "ask them"), self._judge)

    def _judge(self, sure: bool | None) -> None:
        if sure and self.report is not None:
            start = partial(start_judging, self.report)
            self.fetch_trusted("judge", start, lambda _: self.home_app.say("Judging started"))

    def action_run(self) -> None:
        """Run it again."""
        self._launch()

    def action_aa(self) -> None:
        """Measure the noise floor."""
        self._launch("aa")

    def _launch(self, kind: str = "") -> None:
        from llmexp_tui.tui.screens.launch import LaunchScreen

        self.app.push_screen(LaunchScreen(self.experiment, kind))

    def action_copy(self) -> None:
        """The panel as text."""
        if self.report is not None:
            from llmexp_tui.reports.text_panel import experiment_panel

            copy_text(self.home_app, experiment_panel(self.report), "the results")


def _without_command(error: LlmexpError) -> str:
    """What is wrong; a key mends it here, where the error names a command for the shell."""
    return error.what[:1].upper() + error.what[1:] if error.mend and "`llmexp-tui " in error.mend else error.sentence

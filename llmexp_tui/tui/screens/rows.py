"""Rows: what exactly changed? The table of rows above, both answers of the row under the cursor below."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Static

from llmexp_tui.errors import LlmexpError
from llmexp_tui.reports.record import ExperimentReport
from llmexp_tui.stats.result import MetricResult
from llmexp_tui.tui.errands import copy_text
from llmexp_tui.tui.messages import StoreChanged
from llmexp_tui.tui.reads.rows import RowSource
from llmexp_tui.tui.screens.base import ProjectScreen
from llmexp_tui.tui.screens.row import RowScreen
from llmexp_tui.tui.state import rows as state
from llmexp_tui.tui.state.cells import Line, line
from llmexp_tui.tui.state.format import count
from llmexp_tui.tui.widgets.diff_view import DiffView
from llmexp_tui.tui.widgets.empty_state import EmptyState
from llmexp_tui.tui.widgets.filter_bar import FilterBar
from llmexp_tui.tui.widgets.paged_table import PagedTable
from llmexp_tui.tui.widgets.title_line import TitleLine
from llmexp_tui.tui.widgets.tones import join_lines

_NEED_A_ROW = frozenset({"step", "open", "slice", "sort", "turn", "save_marked", "copy"})


class RowsScreen(ProjectScreen):
    """The rows of one metric, baseline against candidate."""

    HELP = "Differing words are underlined; lines that differ have − and + at their side."
    CSS_PATH = "rows.tcss"
    EARLY = frozenset({"step", "open", "copy", "slice"})
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "step(1)", "Next", tooltip="The next regression", id="rows.next"),
        Binding("N", "step(-1)", "Previous", tooltip="The regression before", show=False, id="rows.previous"),
        Binding("enter", "open", "Row", tooltip="The whole row: input, scores, reasons", id="row.open"),
        Binding("slash", "find", "Find", tooltip="Only rows whose input has a text", id="rows.find"),
        Binding("x", "only('regressed')", "Regressed", id="rows.regressed"),
        Binding("f", "only('flipped')", "Flipped", tooltip="Only rows that got better or worse", id="rows.flipped"),
        Binding("i", "only('improved')", "Improved", show=False, id="rows.improved"),
        Binding("e", "only('errored')", "Errors", tooltip="Only rows with a failed call", id="rows.errored"),
        Binding("d", "only('disagreement')", "Scores disagree", show=False, id="rows.disagreement"),
        Binding("l", "slice", "Slice", tooltip="Only rows of this row's slice; again: the next slice, then all",
                show=False, id="rows.slice"),
        Binding("A", "all", "All rows", id="rows.all"),
        Binding("s", "sort", "Sort", tooltip="The next order; or click on a column's title", id="rows.sort"),
        Binding("S", "turn", "Sort the other way", show=False, id="rows.turn"),
        Binding(
            "m",
            "save_marked",
            "Marked rows",
            tooltip="Make a dataset or a slice of the marked rows",
            show=False,
            id="rows.save_marked",
        ),
        Binding("y", "copy", "Copy", tooltip="Copy the row with both answers", show=False, id="rows.copy"),
        Binding("tab", "app.focus_next", "Other pane", show=False, id="rows.pane"),
    ]

    def __init__(self, report: ExperimentReport, candidate: str, metric: MetricResult, chosen: str = "all") -> None:
        super().__init__()
        self.report = report
        self.candidate = candidate
        self.metric = metric
        baseline = report.baseline.id if report.baseline else ""
        arm = next((a.id for a in report.candidates if a.variant == candidate), "")
        self.asked = state.RowQuery(
            baseline, arm, metric.metric, metric.direction, chosen,
            "change" if chosen == "regressed" else "order", slice=_slice_of(metric), directions=_directions(report),
        )  # fmt: skip
        self.detail: state.RowDetail | None = None
        self._shown = self.asked
        self._searching = ""

    def body(self) -> ComposeResult:
        """Title, filter, table, then the pane of the row."""
        yield TitleLine(id="title")
        yield FilterBar("rows whose input has …", id="filter")
        yield PagedTable(state.table_columns(self.asked), id="rows", marking=True)
        yield EmptyState("No such row", "No row matches what is asked for.", "A", "shows all rows", id="nothing")
        with Vertical(id="pane"):
            yield Static(id="expected", markup=False)
            yield DiffView(id="answers")
            yield Static(id="scores", markup=False)

    def on_mount(self) -> None:
        """The frame, then the rows."""
        self.query_one("#nothing").display = False
        self.query_one("#filter").display = False
        self.query_one("#rows").focus()

    def on_store_changed(self, message: StoreChanged) -> None:
        """Two finished runs do not change under the reader; a new comparison is a new screen."""
        message.stop()

    def load(self) -> None:
        """Show the rows of the present question, once: a second answer would put the cursor back."""
        if self.query_one("#rows", PagedTable).ready or self._searching:
            return
        self._ask(keep=False)

    def _ask(self, *, keep: bool) -> None:
        self.workers.cancel_group(self, "step")
        self._search("reading")
        shown = self.query_one("#rows", PagedTable).source
        earlier = shown if isinstance(shown, RowSource) else None
        source = partial(RowSource, self.asked, earlier=earlier, watch=self.still_wanted)
        self.fetch("rows", source, partial(self._sourced, keep), self._not_read)

    def _not_read(self, error: LlmexpError) -> None:
        self._searching = ""
        self.home_app.say_error(error)

    @on(PagedTable.Failed, "#rows")
    def _not_counted(self, message: PagedTable.Failed) -> None:
        self._not_read(message.error)

    def _sourced(self, keep: bool, source: RowSource) -> None:
        self.query_one("#rows", PagedTable).show(source, keep=keep, columns=state.table_columns(source.asked))

    @on(PagedTable.Counted, "#rows")
    def _counted(self, message: PagedTable.Counted) -> None:
        self._shown, self._searching = self.asked, ""
        empty = message.total == 0
        if empty:
            self._say_why()
        self.query_one("#nothing").display = empty
        self.query_one("#rows").display = not empty
        self.query_one("#pane").display = not empty
        self._title(message.total)
        self.refresh_bindings()
        if empty:
            self.has_read()

    def _say_why(self) -> None:
        plain = replace(self.asked, text="", slice=None)
        title, words = "No such row", f"No row is there of: {self.asked.words}."
        if self.asked == plain and plain.filter == "regressed":
            title, words = "Nothing got worse", f"No row lost {self.metric.metric} with {self.candidate}."
        self.query_one("#nothing", EmptyState).say(title, words, "A", "shows all rows")

    def _title(self, total: int | None, share: float | None = None) -> None:
        table = self.query_one("#rows", PagedTable)
        baseline = self.report.baseline.variant if self.report.baseline else "–"
        left = line(
            (self.report.name, "strong"),
            f"  {self.metric.metric}  ",
            (f"{self.candidate} against {baseline} · {self.asked.words}", "muted"),
        )
        place = f"{self._searching} …{'' if share is None else f' {share:.0%}'} · esc stops"
        if total is not None and not self._searching:
            place = f"row {count(table.cursor + 1)} of {count(total)}" if total else "no row"
        keep: Line = ()
        if table.marked:
            keep = line((f"{len(table.marked)} marked, ", "accent"), ("m", "key"), " keeps them · ")
        self.query_one("#title", TitleLine).show(left, (*keep, *line(place)))

    @on(PagedTable.Highlighted, "#rows")
    def _highlighted(self, message: PagedTable.Highlighted) -> None:
        self._title(message.table.total)
        source = message.table.source
        if isinstance(source, RowSource):
            self.fetch("row", lambda _: source.detail(message.index), self._show_row)

    @on(PagedTable.Marked, "#rows")
    def _marked(self, message: PagedTable.Marked) -> None:
        self._title(message.table.total)

    def _show_row(self, detail: state.RowDetail | None) -> None:
        self.detail = detail
        if detail is None:
            return
        if isinstance(self.app.screen, RowScreen):
            self.app.screen.show(detail)
        asked = [state.shown_input(detail)]
        if detail.expected is not None:
            asked.append(line(("expected  ", "muted"), detail.expected))
        self.query_one("#expected", Static).update(join_lines(asked))
        # The answers come first: of a judge's long reason the pane shows the beginning, enter the whole.
        cells = self.size.width - 6
        reason = 2 * (cells - 6) if self.has_class("-tall") else cells
        told = state.brief_score_lines(detail, cells, reason, self.metric.metric)
        self.query_one("#scores", Static).update(join_lines(told))
        left, right = detail.baseline, detail.candidate
        titles = line((left.variant, "strong"), (" · baseline", "muted")), line((right.variant, "strong"))
        self.query_one("#answers", DiffView).show(left.text, right.text, titles, (left.foot, right.foot))
        self.has_read()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Where no row is shown there is none to look at, and where all are there are no more to show."""
        if action == "all":
            return self._shown != replace(self._shown, filter="all", text="", slice=None)
        shown = self.query("#rows").results(PagedTable)
        empty = any(table.ready and not table.total for table in shown)
        return not (empty and action in _NEED_A_ROW)

    # ---- what may take long

    def _search(self, what: str, share: float | None = None) -> None:
        """Say what is going on and how far it is."""
        self._searching = what
        self._title(None, share)

    def show_share(self, share: float) -> None:
        """In the title."""
        if self._searching:
            self._search(self._searching, share)

    def _call_off(self) -> None:
        """Stop what goes on and stay with the rows that are shown."""
        self.workers.cancel_group(self, "step")
        self._searching = ""
        if self.asked == self._shown:
            self._title(self.query_one("#rows", PagedTable).total)
        else:
            self.asked = self._shown
            self._ask(keep=True)

    # ---- filters and order

    def action_only(self, name: str) -> None:
        """Another one-key filter; the same key again shows all."""
        chosen = "all" if name == self.asked.filter else name
        self.asked = replace(self.asked, filter=chosen)
        self._ask(keep=True)

    def action_slice(self) -> None:
        """Only the rows that share a slice with the one under the cursor."""
        slices = self.detail.slices if self.detail else ()
        if not slices:
            self.home_app.say('The dataset declares no slices: add slices = ["column"] to it in llmexp.toml')
            return
        ways = (*slices, None)
        now = ways.index(self.asked.slice) if self.asked.slice in ways else -1
        self.asked = replace(self.asked, slice=ways[(now + 1) % len(ways)])
        self._ask(keep=True)

    def action_all(self) -> None:
        """Every row, whatever was asked for."""
        self.query_one("#filter", FilterBar).clear()
        self.asked = replace(self.asked, filter="all", text="", slice=None)
        self._ask(keep=True)

    def action_sort(self) -> None:
        """The next order."""
        self.asked = self.asked.next_sort()
        self._ask(keep=True)

    def action_turn(self) -> None:
        """The other way round."""
        self.asked = self.asked.turned()
        self._ask(keep=True)

    @on(PagedTable.TitleClicked, "#rows")
    def _title_clicked(self, message: PagedTable.TitleClicked) -> None:
        self.asked = self.asked.sorted_by(message.column)
        self._ask(keep=True)

    def action_find(self) -> None:
        """Open the filter."""
        bar = self.query_one("#filter", FilterBar)
        bar.display = True
        bar.focus()

    @on(FilterBar.Changed)
    def _filtered(self, message: FilterBar.Changed) -> None:
        self.asked = replace(self.asked, text=message.text)
        self._ask(keep=True)

    @on(FilterBar.Closed)
    def _filter_closed(self, message: FilterBar.Closed) -> None:
        bar = self.query_one("#filter", FilterBar)
        bar.display = bool(message.text)
        self.query_one("#rows").focus()

    def action_back(self) -> None:
        """First stops what takes long, then clears the text filter, then leaves."""
        if self._searching and self.query_one("#rows", PagedTable).ready and self.asked.text == self._shown.text:
            self._call_off()
            return
        if self.asked.text:
            bar = self.query_one("#filter", FilterBar)
            bar.clear()
            bar.display = False
            self.query_one("#rows").focus()
            return
        super().action_back()

    def action_step(self, step: int) -> None:
        """The next or previous row that got worse."""
        table = self.query_one("#rows", PagedTable)
        if self.asked.filter == "regressed":
            table.move_to(table.cursor + step)
            return
        source = table.source
        if isinstance(source, RowSource):
            self._search("looking for a regression")
            self.fetch("step", lambda _: source.find_regression(table.cursor, step), self._stepped)

    def _stepped(self, place: int | None) -> None:
        self._searching = ""
        if place is None:
            self._title(self.query_one("#rows", PagedTable).total)
            self.home_app.say("No further regression in this direction")
        else:
            self.query_one("#rows", PagedTable).move_to(place)

    # ---- the row

    @on(PagedTable.Opened, "#rows")
    def _opened(self) -> None:
        self.action_open()

    def action_open(self) -> None:
        """Everything on the row."""
        if self.detail is not None:
            self.app.push_screen(RowScreen(self.detail, self))

    def action_copy(self) -> None:
        """The row as text."""
        if self.detail is not None:
            copy_text(self.home_app, state.as_text(self.detail), f"row {self.detail.key}")

    def action_save_marked(self) -> None:
        """Make something of the marked rows."""
        marked = self.query_one("#rows", PagedTable).marked
        if not marked or self.report.dataset is None:
            self.home_app.say("Mark rows with space first")
            return
        from llmexp_tui.tui.screens.marked import MarkedScreen

        self.app.push_screen(MarkedScreen(self.report.dataset, tuple(sorted(state.name_of(key) for key in marked))))


def _directions(report: ExperimentReport) -> tuple[tuple[str, str], ...]:
    """Every metric that has a better side: only such can disagree."""
    sided = (metric for metric in report.metrics if metric.direction != "none")
    return tuple(dict.fromkeys((metric.metric, metric.direction) for metric in sided))


def _slice_of(metric: MetricResult) -> tuple[str, str] | None:
    if metric.slice is None:
        return None
    column, _, value = metric.slice.partition("=")
    return column.strip(), value.strip()

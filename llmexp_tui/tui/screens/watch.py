"""Watch mode on a screen of its own: what the last save changed in the prompt, and in the answers."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from llmexp_tui.tui.messages import RunsProgressed, StoreChanged
from llmexp_tui.tui.reads.rows import RowSource
from llmexp_tui.tui.reads.watch import WatchedRun, read_watched
from llmexp_tui.tui.screens.base import ProjectScreen
from llmexp_tui.tui.state.activity import share_of
from llmexp_tui.tui.state.cells import Line, line
from llmexp_tui.tui.state.format import count, short_hash
from llmexp_tui.tui.state.rows import RowDetail, RowQuery
from llmexp_tui.tui.state.verdict import status_badge
from llmexp_tui.tui.state.versions import prompt_text
from llmexp_tui.tui.widgets.diff_view import DiffView
from llmexp_tui.tui.widgets.empty_state import EmptyState
from llmexp_tui.tui.widgets.title_line import TitleLine
from llmexp_tui.workflows.session import Session


class WatchScreen(ProjectScreen):
    """The prompt's difference above, the row's below; n and N go through the rows that answer otherwise now."""

    HELP = (
        "Save a prompt, a dataset or llmexp.toml: what it changes is run, and the verdict appears at the top right."
    )
    CSS_PATH = "watch.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("w", "switch", "On/off", tooltip="Watch or stop watching", id="watch.toggle"),
        Binding("n", "step(1)", "Next row", tooltip="The next row that answers otherwise", id="rows.next"),
        Binding("N", "step(-1)", "Previous row", show=False, id="rows.previous"),
        Binding("enter", "open", "Results", tooltip="The experiment's results", id="experiment.open"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.watched: WatchedRun | None = None
        self.source: RowSource | None = None
        self.total = 0
        self.place = 0

    def body(self) -> ComposeResult:
        """State and verdict, prompt, row."""
        yield TitleLine(id="title")
        yield DiffView(id="prompt", fold=True)
        yield TitleLine(id="row-title")
        yield DiffView(id="row")
        yield EmptyState(
            "Watching", "Save a prompt in your editor: what changed, and what it changes, appears here.", id="nothing"
        )

    def on_mount(self) -> None:
        """Switch watching on: that is why one comes here."""
        watching = self.home_app.watching
        if not watching.on:
            watching.toggle(quietly=True)
        self.watch(self.home_app, "activity", self._changed, init=False)
        self._draw()

    def _changed(self) -> None:
        """The state of watching, or a run, has moved."""
        self._draw()

    def on_store_changed(self, message: StoreChanged) -> None:
        """New cells or a new comparison."""
        message.stop()
        if not self.home_app.groups:
            self.load()

    def on_runs_progressed(self, message: RunsProgressed) -> None:
        """Nothing runs any more: read what it came to."""
        message.stop()
        self._draw()
        if not message.groups:
            self.load()

    def load(self) -> None:
        """Read what the newest save came to."""
        seen = self.home_app.watching.seen
        if seen is not None:
            self.fetch("watched", partial(read_watched, seen), self._show)

    def _show(self, watched: WatchedRun | None) -> None:
        self.watched = watched
        self.refresh_bindings()
        self._draw()
        if watched is not None and watched.asked is not None:
            self.fetch("source", partial(_opened, watched.asked), self._sourced)
        else:
            self.source, self.total = None, 0
            self.refresh_bindings()
            words = "Its rows appear once it has run." if watched else "No experiment uses it."
            self.query_one("#row-title", TitleLine).show(line((words, "muted")))
            self.query_one("#row", DiffView).show("", None)

    def _sourced(self, found: tuple[RowSource, int]) -> None:
        self.source, self.total = found
        self.place = 0
        self.refresh_bindings()
        self._read_row()

    def _read_row(self) -> None:
        source, place = self.source, self.place
        if source is not None and self.total:
            self.fetch("row", lambda _: source.detail(place), self._show_row)
        else:
            self.query_one("#row-title", TitleLine).show(line(("No row answers otherwise than before.", "muted")))

    def _show_row(self, detail: RowDetail | None) -> None:
        if detail is None:
            return
        expected: Line = line("  expected ", detail.expected) if detail.expected is not None else ()
        place = line((f"row {count(self.place + 1)} of {count(self.total)} that changed", "muted"))
        self.query_one("#row-title", TitleLine).show((*line((detail.key, "strong")), *expected), place)
        titles = line(("before the save", "strong")), line(("now", "strong"))
        feet = detail.baseline.foot, detail.candidate.foot
        self.query_one("#row", DiffView).show(detail.baseline.text, detail.candidate.text, titles, feet)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Before the first save nothing has come of one: there is no row to go to, and no result to open."""
        if action == "step":
            return self.total > 1
        return self.watched is not None or action != "open"

    def _draw(self) -> None:
        watching = self.home_app.watching
        words = {
            "off": ("○ not watching", "muted"),
            "watching": ("● watching", "good"),
            "changed": ("± changed", "warn"),
        }
        left = line(words[watching.state])
        if watching.seen is not None:
            left = (*left, *line(f"  {', '.join(watching.seen.paths)}"))
        self.query_one("#title", TitleLine).show(left, self._verdict())
        seen = watching.seen
        for name in ("#prompt", "#row-title", "#row"):
            self.query_one(name).display = seen is not None
        self.query_one("#nothing").display = seen is None
        if seen is not None and seen.prompts:
            before, now = seen.prompts[0]
            titles = (
                line((f"{now.prompt.name} {short_hash(before.hash)}" if before else "new", "strong")),
                line((f"{now.prompt.name} {short_hash(now.hash)}", "strong")),
            )
            view = self.query_one("#prompt", DiffView)
            view.show(prompt_text(before) if before else "", prompt_text(now), titles)

    def _verdict(self) -> Line:
        going = [group for group in self.home_app.groups if group.active]
        if going:
            return line((f"▸ {going[0].experiment} {share_of(going[:1])}", "info"))
        report = self.watched.report if self.watched else None
        if report is None:
            return ()
        badge = status_badge(report.status, has_gates=report.has_gates)
        return (*line((f"{report.name}  ", "strong")), *badge.spans)

    # ---- keys

    def action_switch(self) -> None:
        """Watch or not."""
        self.home_app.watching.toggle()

    def action_step(self, step: int) -> None:
        """The next or previous row that changed."""
        if self.total:
            self.place = (self.place + step) % self.total
            self._read_row()

    def action_open(self) -> None:
        """The results."""
        if self.watched is not None:
            from llmexp_tui.tui.screens.results import ResultsScreen

            self.app.push_screen(ResultsScreen(self.watched.experiment))


def _opened(asked: RowQuery, session: Session) -> tuple[RowSource, int]:
    source = RowSource(asked, session)
    return source, source.count()

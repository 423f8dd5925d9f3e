"""Runs: what goes on now, and the record of everything that ever ran."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from llmexp_tui.tui.errands import copy_text
from llmexp_tui.tui.messages import RunsProgressed
from llmexp_tui.tui.reads.runs import read_groups, resume_group, stop_group
from llmexp_tui.tui.screens.base import Finding
from llmexp_tui.tui.state import runs as state
from llmexp_tui.tui.state.cells import Line, fit, line
from llmexp_tui.tui.state.paging import ListSource
from llmexp_tui.tui.widgets.empty_state import EmptyState
from llmexp_tui.tui.widgets.paged_table import PagedTable
from llmexp_tui.tui.widgets.run_progress import RunProgress
from llmexp_tui.tui.widgets.sheet import Sheet


class RunsScreen(Finding):
    """Groups of runs, newest first, with live bars or the record of the group under the cursor."""

    HELP = (
        "A run is a process of its own: it goes on when this window closes, and can be resumed when it was cut off."
    )
    CSS_PATH = "runs.tcss"
    LIST = "#groups"
    EARLY = frozenset({"open", "copy"})
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Results", id="experiment.open"),
        Binding(
            "s", "stop", "Pause", tooltip="Finish what is in flight, then stop; R goes on from there", id="run.stop"
        ),
        Binding("R", "resume", "Resume", tooltip="Call what is missing", id="run.resume"),
        Binding("c", "cancel", "Cancel", tooltip="Stop at once", show=False, id="run.cancel"),
        Binding("y", "copy", "Copy", tooltip="Copy the command that repeats the run", id="run.copy"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.groups: tuple[state.GroupLine, ...] = ()
        self.live: tuple[state.GroupLine, ...] = ()

    def body(self) -> ComposeResult:
        """The list, the live bars, the record."""
        yield PagedTable(state.COLUMNS, id="groups")
        yield EmptyState(
            "Nothing has run yet",
            "Runs of every experiment appear here, live.",
            "1",
            "goes to Home, r runs",
            id="nothing",
        )
        yield RunProgress(id="progress", classes="panel")
        record = Sheet(id="record", classes="panel")
        record.border_title = "Record"
        yield record

    def on_mount(self) -> None:
        """The list has the keys."""
        self.query_one("#nothing").display = False
        self.query_one("#progress").border_title = "Progress"
        self.query_one("#groups").focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only what goes can be paused, only what was cut off goes on."""
        group = self.group if self.groups and action in ("stop", "cancel", "resume") else None
        if group is not None:
            return group.status in state.RESUMABLE if action == "resume" else group.active
        return super().check_action(action, parameters)

    def place_of(self, name: str) -> int | None:
        """The newest with this name."""
        return next(
            (at for at, group in enumerate(self.groups) if any(arm.record.id == name for arm in group.arms)), None
        )

    def load(self) -> None:
        """Read the newest groups."""
        self.fetch("groups", read_groups, self._show)

    def _show(self, groups: tuple[state.GroupLine, ...]) -> None:
        self.groups = groups
        empty = not groups
        for name in ("#groups", "#record", "#progress"):
            self.query_one(name).display = not empty
        self.query_one("#nothing").display = empty
        self.query_one("#groups", PagedTable).show(ListSource(state.table_rows(groups, self.home_app.now())))
        self.listed()
        self.refresh_bindings()
        self._draw()

    def on_runs_progressed(self, message: RunsProgressed) -> None:
        """Live figures."""
        message.stop()
        if {group.group for group in message.groups} - {group.group for group in self.groups}:
            self.load()
        self.live = message.groups
        by_id = {group.group: group for group in message.groups}
        self.groups = tuple(by_id.get(group.group, group) for group in self.groups)
        self.query_one("#groups", PagedTable).show(ListSource(state.table_rows(self.groups, self.home_app.now())))
        self._draw()

    @property
    def group(self) -> state.GroupLine | None:
        """The group under the cursor, with live figures where there are."""
        key = self.query_one("#groups", PagedTable).cursor_key
        return next((group for group in (*self.live, *self.groups) if group.group == key), None)

    @on(PagedTable.Highlighted)
    def _draw(self) -> None:
        group = self.group
        if group is None:
            return
        self.refresh_bindings()
        self.query_one("#progress", RunProgress).show((group,))
        lines: list[Line] = []
        for arm in group.arms:
            lines += [(*fit(line((label, "muted")), 12), *text) for label, text in state.record_lines(arm)]
            lines.append(())
        self.query_one("#record", Sheet).write(lines)

    @on(PagedTable.Opened)
    def _opened(self) -> None:
        self.action_open()

    def action_open(self) -> None:
        """The results of the group's experiment."""
        if group := self.group:
            from llmexp_tui.tui.screens.results import ResultsScreen

            self.app.push_screen(ResultsScreen(group.experiment))

    def action_stop(self) -> None:
        """Stop after what is in flight."""
        self._stop("drain", "Pausing after the rows in flight")

    def action_cancel(self) -> None:
        """Stop at once."""
        self._stop("cancel", "Cancelled; what finished is stored")

    def _stop(self, mode: str, words: str) -> None:
        if group := self.group:
            self.fetch("stop", partial(stop_group, group.group, mode), lambda _: self.home_app.say(words))

    def action_resume(self) -> None:
        """Finish an interrupted group."""
        if group := self.group:
            said = "Resumed: only what is missing"
            self.fetch_trusted("resume", partial(resume_group, group), lambda _: self.home_app.say(said))

    def action_copy(self) -> None:
        """The command that repeats the run."""
        if (group := self.group) and group.arms:
            copy_text(self.home_app, state.reproduce(group.arms[0].record), "the command")

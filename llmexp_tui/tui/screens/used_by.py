"""Which runs used a prompt version."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from llmexp_tui.domain.prompt import PromptVersion
from llmexp_tui.tui.reads.prompts import read_runs_of
from llmexp_tui.tui.screens.base import ProjectScreen
from llmexp_tui.tui.state import runs as state
from llmexp_tui.tui.state.cells import line
from llmexp_tui.tui.state.format import short_hash
from llmexp_tui.tui.state.paging import ListSource
from llmexp_tui.tui.widgets.empty_state import EmptyState
from llmexp_tui.tui.widgets.paged_table import PagedTable
from llmexp_tui.tui.widgets.title_line import TitleLine


class UsedByScreen(ProjectScreen):
    """A list of runs; enter opens the experiment's results."""

    HELP = "Runs whose variant rendered exactly this prompt."
    CSS_PATH = "used_by.tcss"
    EARLY = frozenset({"open"})
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Results", id="experiment.open"),
    ]

    def __init__(self, version: PromptVersion) -> None:
        super().__init__()
        self.version = version
        self.groups: tuple[state.GroupLine, ...] = ()

    def body(self) -> ComposeResult:
        """Title and list."""
        title = line(
            (f"{self.version.prompt.name} {short_hash(self.version.hash)}", "strong"), ("  used by", "muted")
        )
        yield TitleLine(title, id="title")
        yield PagedTable(state.COLUMNS, id="runs")
        yield EmptyState("Never run", "No run used this version.", "esc", "goes back", id="nothing")

    def on_mount(self) -> None:
        """The list has the keys."""
        self.query_one("#nothing").display = False
        self.query_one("#runs").focus()

    def load(self) -> None:
        """Read the runs."""
        self.fetch("runs", partial(read_runs_of, self.version.hash), self._show)

    def _show(self, groups: tuple[state.GroupLine, ...]) -> None:
        self.groups = groups
        self.query_one("#nothing").display = not groups
        self.query_one("#runs").display = bool(groups)
        self.has_read()
        self.refresh_bindings()
        self.query_one("#runs", PagedTable).show(ListSource(state.table_rows(groups, self.home_app.now())))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What was never run has no results."""
        return action != "open" or self._waiting or bool(self.groups)

    def action_open(self) -> None:
        """What is under the cursor."""
        self.query_one("#runs", PagedTable).action_open()

    @on(PagedTable.Opened)
    def _opened(self, message: PagedTable.Opened) -> None:
        group = next((group for group in self.groups if group.group == message.key), None)
        if group is not None:
            from llmexp_tui.tui.screens.results import ResultsScreen

            self.app.push_screen(ResultsScreen(group.experiment))

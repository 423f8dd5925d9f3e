"""The rows of one dataset version: a paged table, and the row under the cursor in full."""

from __future__ import annotations

import json
from functools import partial
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from llmexp_tui.domain.dataset import DatasetVersion, Row
from llmexp_tui.tui.errands import copy_text, edit_text
from llmexp_tui.tui.messages import StoreChanged
from llmexp_tui.tui.reads.datasets import VersionSource, read_version_row
from llmexp_tui.tui.reads.editing import replace_row
from llmexp_tui.tui.screens.base import Finding, ProjectScreen
from llmexp_tui.tui.state import dataset_rows as state
from llmexp_tui.tui.state.cells import line
from llmexp_tui.tui.state.format import count
from llmexp_tui.tui.state.versions import version_key
from llmexp_tui.tui.widgets.diff_view import DiffView
from llmexp_tui.tui.widgets.paged_table import PagedTable
from llmexp_tui.tui.widgets.title_line import TitleLine


class DatasetRowsScreen(ProjectScreen):
    """One immutable version's rows, in their order."""

    HELP = "The rows of one version. Versions never change: an edited row makes the next one, and that is shown."
    CSS_PATH = "dataset_rows.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "app.focus_next", "Other pane", id="rows.pane"),
        Binding("e", "edit", "Edit", tooltip="Edit the row in your editor; it makes a new version", id="rows.edit"),
        Binding("y", "copy", "Copy", tooltip="Copy the row as JSON", id="rows.copy"),
        Binding(
            "m",
            "save_marked",
            "Marked rows",
            tooltip="Make a dataset or a slice of the marked rows",
            id="rows.save_marked",
        ),
    ]

    def __init__(self, version: DatasetVersion) -> None:
        super().__init__()
        self.version = version
        self.row: Row | None = None
        self._refused: dict[str, str] = {}  # by row: what was typed and could not be used

    def body(self) -> ComposeResult:
        """Title, table, row."""
        yield TitleLine(id="title")
        yield PagedTable(state.columns(self.version.columns, 0), id="rows", marking=True)
        yield DiffView(id="row")

    def on_mount(self) -> None:
        """The table has the keys."""
        self._entitle()
        self.query_one("#rows").focus()

    def _entitle(self) -> None:
        version = self.version
        title = line((f"{version.name} {version.label}", "strong"), (f"  {count(version.rows)} rows", "muted"))
        marked = len(self.query_one("#rows", PagedTable).marked)
        keep = line(("space", "key"), (" marks a row", "muted"))
        if marked:
            keep = line((f"{marked} marked, ", "accent"), ("m", "key"), " keeps them")
        self.query_one("#title", TitleLine).show(title, keep)

    def on_store_changed(self, message: StoreChanged) -> None:
        """A version never changes."""
        message.stop()

    def load(self) -> None:
        """Open the version once."""
        if not self.query_one("#rows", PagedTable).ready:
            self.fetch("rows", partial(VersionSource, self.version), self._show)

    def _show(self, source: VersionSource) -> None:
        columns = state.columns(source.shown, self.size.width, source.widest)
        self.query_one("#rows", PagedTable).show(source, columns=columns)

    @on(PagedTable.Highlighted)
    def _highlighted(self, message: PagedTable.Highlighted) -> None:
        self._entitle()
        self.fetch("row", partial(read_version_row, self.version, message.index), self._show_row)

    def _show_row(self, row: Row | None) -> None:
        self.row = row
        if row is not None:
            self.query_one("#row", DiffView).show(state.row_text(row), None)

    def action_copy(self) -> None:
        """The row as JSON."""
        if self.row is not None:
            copy_text(self.home_app, state.row_json(self.row), f"row {self.row.key}")

    def action_edit(self) -> None:
        """The row as JSON in the user's editor; what is saved makes the next version."""
        row = self.row
        if row is None:
            return
        given = self._refused.get(row.key, state.row_json(row))
        text = edit_text(self.home_app, given, ".json")
        if text is None:
            self._refused.pop(row.key, None)
            return
        self._refused[row.key] = text
        try:
            values = json.loads(text)
        except ValueError as error:
            self._refuse(f"That is not JSON any more: {error}")
            return
        if not isinstance(values, dict):
            self._refuse("A row is one JSON object")
            return
        replace = partial(replace_row, self.version.name, row.key, values, shown=row.values)
        self.fetch(
            "edit", replace, partial(self._edited, row.key),
            lambda error: self._refuse(error.sentence),
        )  # fmt: skip

    def _refuse(self, words: str) -> None:
        self.home_app.say(f"{words}. e goes on with what you typed", severity="error")

    def _edited(self, key: str, version: DatasetVersion) -> None:
        """The version that came of it is what is shown from now on, here and in the list behind."""
        self._refused.pop(key, None)
        self.home_app.say(f"{version.name} {version.label}: {version.changelog}")
        self.version = version
        self._entitle()
        self.fetch("rows", partial(VersionSource, version), self._show)
        for screen in self.app.screen_stack:
            if isinstance(screen, Finding):
                screen.find(version_key(version.name, version.hash))

    def action_save_marked(self) -> None:
        """A version of the marked rows."""
        marked = self.query_one("#rows", PagedTable).marked
        if not marked:
            self.home_app.say("Mark rows with space first")
            return
        from llmexp_tui.reports.record import DatasetReport
        from llmexp_tui.tui.screens.marked import MarkedScreen

        version = self.version
        report = DatasetReport(version.name, version.label, version.hash, version.rows)
        self.app.push_screen(MarkedScreen(report, tuple(sorted(marked))))

"""Two versions of a dataset: which rows came, went and changed, and how."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from llmexp_tui.domain.dataset import DatasetDiff, DatasetVersion
from llmexp_tui.tui.reads.datasets import read_diff, read_pair
from llmexp_tui.tui.screens.base import ProjectScreen
from llmexp_tui.tui.state.cells import line
from llmexp_tui.tui.state.paging import Column, ListSource, TableRow
from llmexp_tui.tui.widgets.diff_view import DiffView
from llmexp_tui.tui.widgets.empty_state import EmptyState
from llmexp_tui.tui.widgets.paged_table import PagedTable
from llmexp_tui.tui.widgets.title_line import TitleLine

_COLUMNS = (Column("what", "What", 11), Column("row", "Row"))


class DatasetDiffScreen(ProjectScreen):
    """The rows that two versions do not share."""

    HELP = "Rows are matched by their key. − is the older version, + the newer one."
    CSS_PATH = "dataset_diff.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "app.focus_next", "Other pane", id="rows.pane"),
    ]

    def __init__(self, old: DatasetVersion, new: DatasetVersion) -> None:
        super().__init__()
        self.old = old
        self.new = new

    def body(self) -> ComposeResult:
        """Title, list of rows, the row's two contents."""
        yield TitleLine(id="title")
        yield PagedTable(_COLUMNS, id="rows")
        yield EmptyState("No difference", "Both versions hold the same rows.", id="nothing")
        yield DiffView(id="row")

    def on_mount(self) -> None:
        """The list has the keys."""
        self.query_one("#nothing").display = False
        self.query_one("#rows").focus()

    def load(self) -> None:
        """Compare once."""
        if not self.query_one("#rows", PagedTable).total:
            self.fetch("diff", partial(read_diff, self.old, self.new), self._show)

    def _show(self, diff: DatasetDiff) -> None:
        title = line(
            (f"{self.new.name}  {self.old.label} → {self.new.label}  ", "strong"),
            (f"+{len(diff.added)} added", "good" if diff.added else "muted"),
            "  ",
            (f"−{len(diff.removed)} removed", "bad" if diff.removed else "muted"),
            "  ",
            (f"±{len(diff.changed)} changed", "warn" if diff.changed else "muted"),
        )
        self.query_one("#title", TitleLine).show(title)
        rows = [
            TableRow(key, (line((word, tone)), line(key)))
            for keys, word, tone in (
                (diff.changed, "± changed", "warn"),
                (diff.added, "+ added", "good"),
                (diff.removed, "− removed", "bad"),
            )
            for key in keys
        ]
        self.query_one("#nothing").display = not rows
        self.query_one("#rows").display = bool(rows)
        self.query_one("#row").display = bool(rows)
        self.query_one("#rows", PagedTable).show(ListSource(rows))

    @on(PagedTable.Highlighted)
    def _highlighted(self, message: PagedTable.Highlighted) -> None:
        self.fetch("pair", partial(read_pair, self.old, self.new, message.key), self._show_pair)

    def _show_pair(self, pair: tuple[str, str]) -> None:
        titles = line((self.old.label, "strong")), line((self.new.label, "strong"))
        self.query_one("#row", DiffView).show(*pair, titles)

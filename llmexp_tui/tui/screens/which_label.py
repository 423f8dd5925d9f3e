"""Which of a version's labels goes back to where it was before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Static

from llmexp_tui.domain.prompt import LabelMove
from llmexp_tui.tui.screens.base import Dialog
from llmexp_tui.tui.state.cells import line
from llmexp_tui.tui.state.format import short_hash
from llmexp_tui.tui.state.paging import Column, ListSource, TableRow
from llmexp_tui.tui.widgets.paged_table import PagedTable
from llmexp_tui.tui.widgets.tones import join_lines


class WhichLabelScreen(Dialog[LabelMove]):
    """Answers with the move that is to be taken back."""

    CSS_PATH = "which_label.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "Choose", show=False, id="which_label.choose"),
    ]

    def __init__(self, moves: Sequence[LabelMove]) -> None:
        """`moves` is the last move of each label."""
        super().__init__()
        self.moves = {move.label: move for move in moves}

    def compose(self) -> ComposeResult:
        """The question, a line a label, the keys."""
        with Vertical(classes="dialog"):
            yield Static(join_lines([line(("Which label goes back?", "strong"))]), markup=False)
            yield PagedTable((Column("label", "Label", 16), Column("to", "Goes back to")), id="labels")
            keys = line(("enter", "key"), " that one    ", ("esc", "key"), " does nothing")
            yield Static(join_lines([keys]), markup=False)

    def on_mount(self) -> None:
        """The list has the keys."""
        table = self.query_one("#labels", PagedTable)
        rows = (
            TableRow(label, (line((label, "good")), line(short_hash(move.old_hash))))
            for label, move in self.moves.items()
        )
        table.show(ListSource(rows))
        table.focus()

    def action_choose(self) -> None:
        """What is under the cursor."""
        self.query_one("#labels", PagedTable).action_open()

    @on(PagedTable.Opened)
    def _opened(self, message: PagedTable.Opened) -> None:
        self.dismiss(self.moves[message.key])

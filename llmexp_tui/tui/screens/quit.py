"""What shall become of the runs that go on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Static

from llmexp_tui.tui.screens.base import Dialog
from llmexp_tui.tui.state.cells import Line, line
from llmexp_tui.tui.state.format import plural
from llmexp_tui.tui.state.runs import GroupLine
from llmexp_tui.tui.widgets.tones import join_lines


class QuitScreen(Dialog[str]):
    """leave, drain or cancel; escape stays in the app."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("l,enter,q", "answer('leave')", "Leave it running", show=False, id="quit.leave"),
        Binding("s", "answer('drain')", "Stop after the rows in flight", show=False, id="quit.drain"),
        Binding("c", "answer('cancel')", "Cancel", show=False, id="quit.cancel"),
    ]

    def __init__(self, going: Sequence[GroupLine]) -> None:
        super().__init__()
        self._going = going

    def compose(self) -> ComposeResult:
        """What goes on, and the choices."""
        lines: list[Line] = [line((f"{plural(len(self._going), 'run is', 'runs are')} still going", "strong"))]
        lines += [
            line(f"  {group.experiment}  ", (group.far, "muted"))
            for group in self._going[:5]
        ]
        lines += [
            (),
            line(("l", "key"), " leave, the run goes on without this window"),
            line(("s", "key"), " stop after the rows in flight; it can be resumed"),
            line(("c", "key"), " cancel at once; what finished is kept"),
            line(("esc", "key"), " stay here"),
        ]
        with Vertical(classes="dialog"):
            yield Static(join_lines(lines), markup=False)

    def action_answer(self, answer: str) -> None:
        """Close with the choice."""
        self.dismiss(answer)

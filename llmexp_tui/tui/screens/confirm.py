"""One question before something that cannot simply be undone."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Static

from llmexp_tui.tui.screens.base import Dialog
from llmexp_tui.tui.state.cells import line
from llmexp_tui.tui.widgets.tones import join_lines


class ConfirmScreen(Dialog[bool]):
    """Yes or no; escape is no, and enter nothing: it is pressed too easily."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Yes", show=False, id="confirm.yes"),
        Binding("n", "answer(False)", "No", show=False, id="confirm.no"),
    ]

    def __init__(self, question: str, explanation: str, verb: str) -> None:
        super().__init__()
        self._question = question
        self._explanation = explanation
        self._verb = verb

    def compose(self) -> ComposeResult:
        """The question and its keys."""
        with Vertical(classes="dialog"):
            yield Static(
                join_lines([
                    line((self._question, "strong")), line((self._explanation, "muted")), (),
                    line(("y", "key"), f" {self._verb}    ", ("n", "key"), " leave it as it is"),
                ]),
                markup=False,
            )  # fmt: skip

    def action_answer(self, answer: bool) -> None:
        """Close with the answer."""
        self.dismiss(answer)

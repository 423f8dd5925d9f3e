"""One line to type a filter into. It speaks while one types, a little behind, and keeps what was typed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Input, Static

_PAUSE_S = 0.15
"""A query for every letter would run a few for nothing; so long a pause is not noticed."""


class FilterBar(Horizontal):
    """A slash and an input. Enter goes to the list, escape clears and closes."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "drop", "Clear the filter", show=False, id="filter.clear"),
        Binding("down", "accept", "To the list", show=False, id="filter.accept"),
    ]

    @dataclass
    class Changed(Message):
        """Another text."""

        text: str

    @dataclass
    class Closed(Message):
        """Typing is over; the filter stays if it has text."""

        text: str

    def __init__(self, hint: str, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._hint = hint
        self._timer: Timer | None = None
        self._said = ""

    def compose(self) -> ComposeResult:
        """The slash and the input."""
        yield Static(" /", markup=False)
        yield Input(placeholder=self._hint, compact=True, select_on_focus=False)

    def focus(self, scroll_visible: bool = True) -> FilterBar:
        """Focus the input."""
        self.query_one(Input).focus(scroll_visible)
        return self

    @property
    def text(self) -> str:
        """What is typed."""
        return self.query_one(Input).value

    def clear(self) -> None:
        """Empty it, and say so."""
        self.query_one(Input).value = ""
        self._say()

    def on_input_changed(self, message: Input.Changed) -> None:
        """Wait for a pause in the typing."""
        message.stop()
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(_PAUSE_S, self._say)

    def on_input_submitted(self, message: Input.Submitted) -> None:
        """Enter."""
        message.stop()
        self.action_accept()

    def action_accept(self) -> None:
        self._say()
        self.post_message(self.Closed(self.text))

    def action_drop(self) -> None:
        self.clear()
        self.post_message(self.Closed(""))

    def _say(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        if self.text != self._said:
            self._said = self.text
            self.post_message(self.Changed(self.text))

    def on_click(self, event: events.Click) -> None:
        """Anywhere on the line."""
        self.focus()

"""One line with something left and something right; the left gives way, the right is always seen whole."""

from __future__ import annotations

from textual.content import Content
from textual.widget import Widget

from llmexp_tui.tui.state.cells import Line, Span, cut, plain, width
from llmexp_tui.tui.widgets.tones import to_content


class TitleLine(Widget):
    """A title of a screen."""

    def __init__(self, left: Line = (), right: Line = (), *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._left = left
        self._right = right

    def show(self, left: Line, right: Line = ()) -> None:
        """Say something else."""
        if (left, right) != (self._left, self._right):
            self._left, self._right = left, right
            self.refresh()

    @property
    def text(self) -> str:
        """What is said, for tests."""
        return f"{plain(self._left)} {plain(self._right)}".strip()

    def render(self) -> Content:
        """In exactly the width."""
        room = max(0, self.content_size.width - width(self._right) - 1)
        left = cut(self._left, room)
        gap = self.content_size.width - width(left) - width(self._right)
        return to_content((*left, Span(" " * max(0, gap)), *self._right))

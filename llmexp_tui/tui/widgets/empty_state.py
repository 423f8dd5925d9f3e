"""What a place shows while it has nothing: what belongs here, and the one key or command that brings it."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

from llmexp_tui.tui.state.cells import line
from llmexp_tui.tui.widgets.tones import join_lines


class EmptyState(Static):
    """A title, a sentence, and what to press, in the middle of the room."""

    def __init__(self, title: str, text: str, key: str = "", key_text: str = "", *, id: str | None = None) -> None:
        super().__init__(id=id, markup=False)
        self.say(title, text, key, key_text)

    def say(self, title: str, text: str, key: str = "", key_text: str = "") -> None:
        """Say something else."""
        lines = [line((title, "strong")), line((text, "muted"))]
        if key:
            lines += [line(""), line((key, "key"), f" {key_text}")]
        self.content = join_lines(lines)

    @property
    def text(self) -> Content:
        """What is said, for tests and the clipboard."""
        content = self.content
        return content if isinstance(content, Content) else Content(str(content))

"""A page of toned lines that scrolls by the keys every list has. It knows nothing of what it shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from llmexp_tui.tui.state.cells import Line
from llmexp_tui.tui.widgets.tones import join_lines


class Sheet(VerticalScroll, can_focus=True):
    """Lines under one another, broken where they are longer than the page."""

    DEFAULT_CSS = "Sheet { scrollbar-size-vertical: 1; } Sheet > Static { height: auto; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "scroll_down", "Scroll down", show=False, id="sheet.down"),
        Binding("up,k", "scroll_up", "Scroll up", show=False, id="sheet.up"),
        Binding("pagedown,ctrl+d", "page_down", "Page down", show=False, id="sheet.page_down"),
        Binding("pageup,ctrl+u", "page_up", "Page up", show=False, id="sheet.page_up"),
        Binding("home,g", "scroll_home", "Top", show=False, id="sheet.first"),
        Binding("end,G", "scroll_end", "Bottom", show=False, id="sheet.last"),
    ]

    def compose(self) -> ComposeResult:
        """One text."""
        yield Static(markup=False)

    def write(self, lines: Sequence[Line]) -> None:
        """Show these lines instead."""
        self.query_one(Static).update(join_lines(tuple(lines)))

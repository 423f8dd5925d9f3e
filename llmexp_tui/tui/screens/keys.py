"""The keys of a screen, from its live bindings: the screen's own first, then what has the focus, then everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import Any, ClassVar, NamedTuple

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Static

from llmexp_tui.tui.screens.base import Dialog
from llmexp_tui.tui.state.cells import Line, line
from llmexp_tui.tui.widgets.tones import join_lines

_GROUPS = ("This screen", "In the part that has the focus", "Everywhere")
_KEYS = 18
_WIDEST, _FRAME = 76, 6
"""Cells of the box at most, and of its border, padding and scroll bar; see keys.tcss."""


class KeyLine(NamedTuple):
    """One action: all its keys, and what it does."""

    keys: str
    text: str


def collect_keys(screen: Screen[Any]) -> list[tuple[str, list[KeyLine]]]:
    """Groups of keys that work on a screen now, what only it has first; an action with several keys is one line.

    Only bindings with an id are ours; Textual's own scrolling keys are left out.
    """
    groups: dict[str, dict[str, tuple[list[str], str]]] = {}
    for active in screen.active_bindings.values():
        binding = active.binding
        if not active.enabled or not binding.description or not binding.id:
            continue
        actions = groups.setdefault(_group(active.node, screen), {})
        keys, _ = actions.setdefault(binding.action, ([], binding.tooltip or binding.description))
        shown = screen.app.get_key_display(binding)
        if shown not in keys:
            keys.append(shown)
    return [
        (title, [KeyLine(" ".join(keys), text) for keys, text in groups[title].values()])
        for title in _GROUPS
        if title in groups
    ]


def _group(node: Any, screen: Screen[Any]) -> str:
    if node is screen:
        return _GROUPS[0]
    return _GROUPS[1] if isinstance(node, Widget) else _GROUPS[2]


class KeysScreen(Dialog[None]):
    """All keys of the screen behind it, and what the screen is for."""

    CSS_PATH = "keys.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark,f1,q", "close", "Close", show=False, id="keys.close"),
        Binding("j", "scroll(1)", "Down", show=False, id="keys.down"),
        Binding("k", "scroll(-1)", "Up", show=False, id="keys.up"),
    ]

    def __init__(self, about: str, groups: Sequence[tuple[str, list[KeyLine]]]) -> None:
        super().__init__()
        self._about = about
        self._groups = groups

    @classmethod
    def of(cls, screen: Screen[Any]) -> KeysScreen:
        """The keys of a screen as it is now."""
        return cls(getattr(screen, "HELP", ""), collect_keys(screen))

    def compose(self) -> ComposeResult:
        """One scrolling text."""
        with VerticalScroll(id="keys") as box:
            box.border_title = "Keys"
            box.border_subtitle = "esc closes"
            yield Static(join_lines(self._lines()), markup=False)

    def _lines(self) -> list[Line]:
        lines: list[Line] = []
        width = max(16, min(self.app.size.width * 96 // 100, _WIDEST) - _FRAME - _KEYS - 3)
        if self._about:
            lines += [line((self._about, "muted")), ()]
        for title, keys in self._groups:
            lines.append(line((title, "strong")))
            for entry in keys:
                first, *rest = wrap(entry.text, width) or [""]
                lines.append(line((f"  {entry.keys:<{_KEYS}}", "key"), f" {first}"))
                lines += [line(" " * (_KEYS + 3) + more) for more in rest]
            lines.append(())
        lines += [line(("Text is selected with the mouse; hold shift for the terminal's own selection.", "muted"))]
        return lines

    def action_scroll(self, lines: int) -> None:
        self.query_one("#keys", VerticalScroll).scroll_relative(y=lines, animate=False)

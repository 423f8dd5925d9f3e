"""The terminal underneath: is there one, is it still there, and what may reach it.

The line filters are the net under `domain.text.neutralise`: Textual passes escape, C1 and bidi codes on to the
terminal from every widget, so whatever a view forgot to make visible is dropped here, after layout (these codes
take no cell, so dropping them moves nothing). No widget or screen code belongs here.
"""

from __future__ import annotations

import locale
import os
import sys
import termios
from collections.abc import Mapping
from functools import lru_cache

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from llmexp_tui.errors import UsageError

_KEPT = {0x0A}
_DROPPED = {
    code: None
    for span in (
        range(0x20),
        range(0x7F, 0xA0),
        range(0x200B, 0x2010),
        range(0x2028, 0x202F),
        range(0x2060, 0x2070),
        range(0xFFF9, 0xFFFC),
        range(0xD800, 0xE000),
        range(0xE0000, 0xE0080),
        (0x00AD, 0x061C, 0x180E, 0xFEFF),
    )
    for code in span
    if code not in _KEPT
}

_ASCII = str.maketrans(
    {
        "●": "o", "○": ".", "◆": "*", "▸": ">", "◂": "<", "▾": "v", "▴": "^", "▲": "^", "▼": "v",
        "✓": "+", "✗": "x", "✕": "x", "≈": "~", "±": "~", "−": "-", "·": ".", "…": "~", "×": "x", "→": ">", "←": "<",
        "↑": "^", "↓": "v", "⋯": "~", "‖": "|", "⏸": "=", "‹": "<", "›": ">",
        "─": "-", "━": "-", "│": "|", "┃": "|", "┆": ":", "╌": "-", "├": "|", "┤": "|", "┼": "+", "┬": "+", "┴": "+",
        "╭": "+", "╮": "+", "╰": "+", "╯": "+", "┌": "+", "┐": "+", "└": "+", "┘": "+", "╸": "-", "╺": "-",
        "█": "#", "▓": "#", "▒": ":", "░": ".", "▌": "|", "▐": "|", "▎": "|", "▏": "|", "▕": "|", "▔": "-", "▁": "_",
        "▂": "_", "▃": "-", "▄": "-", "▅": "=", "▆": "=", "▇": "#", "▀": "-", "“": '"', "”": '"', "‘": "'", "’": "'",
        "–": "-", "—": "-", "␛": "^",
    }
)  # fmt: skip


@lru_cache(4096)
def _clean(text: str) -> str:
    return text.translate(_DROPPED)


class ControlFilter(LineFilter):
    """Drops every control, bidi, zero-width and surrogate code from what is about to be written."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The same segments without those codes; segments that already are control sequences stay."""
        return [
            segment
            if segment.control or (segment.text.isascii() and segment.text.isprintable())
            else Segment(_clean(segment.text), segment.style)
            for segment in segments
        ]


class AsciiFilter(LineFilter):
    """Draws with ASCII alone, for a locale that is not UTF-8. Every stand-in is as wide as what it replaces."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The same segments in ASCII; what has no stand-in becomes question marks of its width."""
        return [
            segment if segment.control or segment.text.isascii() else Segment(_ascii(segment.text), segment.style)
            for segment in segments
        ]


@lru_cache(4096)
def _ascii(text: str) -> str:
    from rich.cells import get_character_cell_size

    plain = text.translate(_ASCII)
    return "".join(char if char.isascii() else "?" * get_character_cell_size(char) for char in plain)


def require_terminal(env: Mapping[str, str]) -> None:
    """Raises UsageError where a full-screen app would only write codes into a file, a pipe or a dumb terminal."""
    if not (sys.__stdin__ and sys.__stdout__ and sys.__stdin__.isatty() and sys.__stdout__.isatty()):
        raise UsageError("the app needs a terminal", mend="use llmexp-tui --check in scripts and CI")
    if env.get("TERM", "") in ("dumb", ""):
        name = env.get("TERM") or "not set"
        raise UsageError(
            f"the app cannot draw on this terminal (TERM is {name})", mend="use llmexp-tui --check, or set TERM"
        )


def speaks_utf8(env: Mapping[str, str]) -> bool:
    """Whether the locale's text encoding is UTF-8, by the variables in their order of precedence."""
    for name in ("LC_ALL", "LC_CTYPE", "LANG"):
        if value := env.get(name):
            if value in ("C", "POSIX"):
                return False
            return "." not in value or "utf" in value.lower()
    return "utf" in locale.getpreferredencoding(False).lower()


def is_alive(descriptor: int = 0) -> bool:
    """False once the terminal behind a descriptor has hung up (its window closed, the line dropped)."""
    if not os.isatty(descriptor):
        return False
    try:
        termios.tcgetattr(descriptor)
    except termios.error:
        return False
    return True

"""What may reach the terminal.

The line filters are the net under `domain.text.neutralise`: Textual passes escape, C1 and bidi codes on to the
terminal from every widget, so whatever a view forgot to make visible is dropped here, after layout (these codes
take no cell, so dropping them moves nothing). No widget or screen code belongs here.
"""

from __future__ import annotations

from functools import lru_cache

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

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

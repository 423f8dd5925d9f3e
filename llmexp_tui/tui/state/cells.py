"""Toned text: what a view says and what it means, without colours.

A line is a tuple of (text, tone) spans. A tone names a meaning (good, bad, warn, info, muted, strong …); widgets
turn it into a style of the theme. Widths are terminal cells. Text is neutralised here, the last place before drawing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from rich.cells import cell_len, set_cell_size

from llmexp_tui.domain.text import neutralise

Align = Literal["left", "right"]

TONES = ("good", "bad", "warn", "info", "muted", "strong", "accent", "band", "rule", "added", "removed", "key")

_MAX_CELL_CHARS = 2_000


class Span(NamedTuple):
    """A piece of text with one meaning; an empty tone is plain."""

    text: str
    tone: str = ""


Line = tuple[Span, ...]


def line(*parts: Span | str | tuple[str, str]) -> Line:
    """A line from strings and (text, tone) pairs, neutralised and without line feeds."""
    return tuple(_flat(part) for part in parts)


def _flat(part: Span | str | tuple[str, str]) -> Span:
    text, tone = (part, "") if isinstance(part, str) else part
    if len(text) > _MAX_CELL_CHARS:
        text = text[:_MAX_CELL_CHARS] + "…"
    if not (text.isascii() and text.isprintable()):
        text = neutralise(text).replace("\n", "⏎").replace("\t", " ")
    return Span(text, tone)


def plain(spans: Iterable[Span]) -> str:
    """The text of a line without its tones."""
    return "".join(span.text for span in spans)


def width(spans: Iterable[Span]) -> int:
    """The cells that a line takes."""
    return sum(cell_len(span.text) for span in spans)


def cut(spans: Sequence[Span], cells: int) -> Line:
    """The line in at most `cells` cells; an ellipsis marks what was cut."""
    if cells <= 0:
        return ()
    if width(spans) <= cells:
        return tuple(spans)
    kept: list[Span] = []
    room = cells - 1
    for span in spans:
        size = cell_len(span.text)
        if size <= room:
            kept.append(span)
            room -= size
            continue
        text = set_cell_size(span.text, room) if room else ""
        kept.append(Span(text + "…", span.tone))
        break
    return tuple(kept)


def fit(spans: Sequence[Span], cells: int, align: Align = "left") -> Line:
    """The line in exactly `cells` cells, cut or padded with blanks."""
    shown = cut(spans, cells)
    gap = cells - width(shown)
    if gap <= 0:
        return shown
    pad = Span(" " * gap)
    return (pad, *shown) if align == "right" else (*shown, pad)

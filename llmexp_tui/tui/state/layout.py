"""Breaks paired lines into screen lines of a given width: what the side-by-side view draws, one line at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, zip_longest

from rich.cells import cell_len, get_character_cell_size

from llmexp_tui.domain.text import neutralise
from llmexp_tui.reports.words import CUT_CHARS, Pair, Piece, TextDiff
from llmexp_tui.tui.state.cells import Line, Span

CONTEXT = 3
SHORTEST_FOLD = 4


@dataclass(frozen=True, slots=True)
class DiffRow:
    """One screen line: both sides' text, each with its mark (− or +, a blank where nothing changed).

    `folded` is how many equal lines this row stands for; its sides are then empty.
    """

    left_mark: str
    left: Line
    right_mark: str
    right: Line
    folded: int = 0


def beside(left: str, right: str) -> TextDiff:
    """Two texts line beside line, nothing marked: for judging them blind. Cut like compared ones."""
    sides = [neutralise(text[:CUT_CHARS]).expandtabs(4).split("\n") for text in (left, right)]
    pairs = (Pair(_plain(x), _plain(y), True) for x, y in zip_longest(*sides))
    return TextDiff(tuple(pairs), max(0, len(left) - CUT_CHARS), max(0, len(right) - CUT_CHARS))


def _plain(text: str | None) -> tuple[Piece, ...] | None:
    return None if text is None else (Piece(text),)


def wrap(pieces: Sequence[Piece], cells: int, tone: str) -> list[Line]:
    """The pieces broken into lines of at most `cells` cells, at blanks where there is one in the last third."""
    lines: list[Line] = []
    current: list[Span] = []
    room = max(cells, 1)
    for piece in pieces:
        text, style = piece.text, tone if piece.changed else ""
        while text:
            head, text = _take(text, room, fresh=not current)
            if head:
                current.append(Span(head, style))
                room -= cell_len(head)
            if text:
                lines.append(tuple(current))
                current, room = [], max(cells, 1)
    lines.append(tuple(current))
    return lines


def _take(text: str, room: int, fresh: bool) -> tuple[str, str]:
    if text.isascii():
        if len(text) <= room:
            return text, ""
        end = max(room, 0)
    else:
        end, used = 0, 0
        for char in text:
            used += get_character_cell_size(char)
            if used > room:
                break
            end += 1
        if end == len(text):
            return text, ""
    space = text.rfind(" ", 0, end + 1)
    if space > 0 and (space >= end - max(end // 3, 1) or not fresh):
        return text[:space], text[space + 1 :]
    if not fresh:
        return "", text.removeprefix(" ")
    end = max(end, 1)
    return text[:end], text[end:]


def lay_out(diff: TextDiff, cells: int, fold: bool = False) -> list[DiffRow]:
    """All screen lines for two columns of `cells` cells each; with `fold`, long equal stretches become one row."""
    rows: list[DiffRow] = []
    for pair in _folded(diff.pairs) if fold else diff.pairs:
        rows += [DiffRow(" ", (), " ", (), pair)] if isinstance(pair, int) else _pair_rows(pair, cells)
    return rows


def _pair_rows(pair: Pair, cells: int) -> list[DiffRow]:
    left = wrap(pair.left, cells, "removed") if pair.left is not None else []
    right = wrap(pair.right, cells, "added") if pair.right is not None else []
    minus, plus = (" ", " ") if pair.same else ("−", "+")
    return [
        DiffRow(
            minus if i < len(left) else " ", left[i] if i < len(left) else (),
            plus if i < len(right) else " ", right[i] if i < len(right) else (),
        )
        for i in range(max(len(left), len(right)))
    ]  # fmt: skip


def _folded(pairs: Sequence[Pair]) -> list[Pair | int]:
    near = [False] * len(pairs)
    for index, pair in enumerate(pairs):
        if not pair.same:
            for other in range(max(0, index - CONTEXT), min(len(pairs), index + CONTEXT + 1)):
                near[other] = True
    shown: list[Pair | int] = []
    for close, stretch in groupby(zip(near, pairs, strict=True), key=lambda item: item[0]):
        own = [pair for _, pair in stretch]
        shown += own if close or len(own) < SHORTEST_FOLD else [len(own)]
    return shown

"""Breaks paired lines into screen lines of a given width: what the side-by-side view draws, one line at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, zip_longest

from rich.cells import get_character_cell_size

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
    """The pieces broken into lines of at most `cells` cells, at blanks where no word is longer than a line.

    Where a piece ends is no place to break: a full stop stays with its word though only the word is marked.
    """
    lines: list[Line] = []
    rest, at = list(reversed(pieces)), 0  # `at` is where the last piece of `rest` begins
    for start, end in _breaks("".join(piece.text for piece in pieces), max(cells, 1)):
        spans: list[Span] = []
        while rest:
            piece = rest[-1]
            if text := piece.text[max(start - at, 0) : max(end - at, 0)]:
                spans.append(Span(text, tone if piece.changed else ""))
            if at + len(piece.text) > end:
                break
            at += len(piece.text)
            rest.pop()
        lines.append(tuple(spans))
    return lines


def _breaks(text: str, cells: int) -> Iterator[tuple[int, int]]:
    """Where each line starts and ends; the blank at which a line breaks is in none."""
    start, ascii_only = 0, text.isascii()
    while True:
        end = min(len(text), start + cells) if ascii_only else _fitting(text, start, cells)
        if end == len(text):
            yield start, end
            return
        space = text.rfind(" ", start, end + 1)
        word_end = text.find(" ", end)
        word_fits = (len(text) if word_end < 0 else word_end) - space - 1 <= cells
        if space > start and word_fits:
            yield start, space
            start = space + 1
        else:
            yield start, end
            start = end


def _fitting(text: str, start: int, cells: int) -> int:
    """How far the text fits into so many cells; one character always does."""
    used = 0
    for place in range(start, len(text)):
        used += get_character_cell_size(text[place])
        if used > cells:
            return max(place, start + 1)
    return len(text)


def lay_out(diff: TextDiff, cells: int, fold: bool = False) -> list[DiffRow]:
    """All screen lines for two columns of `cells` cells each; with `fold`, long equal stretches become one row."""
    rows: list[DiffRow] = []
    for pair in _folded(diff.pairs) if fold else diff.pairs:
        rows += [DiffRow(" ", (), " ", (), pair)] if isinstance(pair, int) else _pair_rows(pair, cells)
    return rows


def has_folds(diff: TextDiff) -> bool:
    """Whether there is a stretch of equal lines long enough to fold."""
    return any(isinstance(pair, int) for pair in _folded(diff.pairs))


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

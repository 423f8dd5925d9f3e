"""Two texts side by side with the words that differ marked.

Lines are matched first, then words inside the lines that changed, so the cost stays bounded: a pair of blocks too
large to compare word by word is marked whole. Texts are cut at CUT_CHARS a side with a notice. No drawing here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import NamedTuple

from llmexp_tui.domain.text import neutralise

CUT_CHARS = 64 * 1024
_MAX_LINES = 4_000
_MAX_WORD_PRODUCT = 4_000_000
_MAX_WORDS = 4_000
_WORD = re.compile(r"\w+|[^\w\s]|\s+")


class Piece(NamedTuple):
    """Part of a line; `changed` where the other side has something else."""

    text: str
    changed: bool = False


@dataclass(frozen=True, slots=True)
class Pair:
    """One line of each side; None where that side has no such line. `same` where both are equal."""

    left: tuple[Piece, ...] | None
    right: tuple[Piece, ...] | None
    same: bool


@dataclass(frozen=True, slots=True)
class TextDiff:
    """All lines, paired. `cut_left` and `cut_right` are how many characters were left out at the end."""

    pairs: tuple[Pair, ...]
    cut_left: int = 0
    cut_right: int = 0

    @property
    def same(self) -> bool:
        """True where nothing differs in what is shown."""
        return all(pair.same for pair in self.pairs)

    @property
    def changed_lines(self) -> int:
        """How many paired lines differ."""
        return sum(not pair.same for pair in self.pairs)


def diff_texts(left: str, right: str) -> TextDiff:
    """The paired lines of two texts, neutralised. Texts longer than CUT_CHARS are cut."""
    cut_left, cut_right = max(0, len(left) - CUT_CHARS), max(0, len(right) - CUT_CHARS)
    return TextDiff(tuple(_pair_lines(_lines(left), _lines(right))), cut_left, cut_right)


def _lines(text: str) -> list[str]:
    """The lines of a text; one without a character has none, so that no empty line is marked as taken away."""
    return neutralise(text[:CUT_CHARS]).expandtabs(4).split("\n") if text else []


def _pair_lines(a: Sequence[str], b: Sequence[str]) -> list[Pair]:
    if len(a) > _MAX_LINES or len(b) > _MAX_LINES:
        return [_pair(x, y) for x, y in zip_longest(a, b)]
    pairs: list[Pair] = []
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        if tag == "equal":
            pairs += [Pair((Piece(text),), (Piece(text),), True) for text in a[i1:i2]]
        else:
            pairs += [_pair(x, y) for x, y in zip_longest(a[i1:i2], b[j1:j2])]
    return pairs


def _pair(left: str | None, right: str | None) -> Pair:
    if left is None or right is None:
        return Pair(_whole(left), _whole(right), False)
    if left == right:
        return Pair((Piece(left),), (Piece(right),), True)
    pieces = _compare_words(left, right)
    return Pair(*pieces, same=False)


def _whole(text: str | None) -> tuple[Piece, ...] | None:
    return None if text is None else (Piece(text, True),)


def _compare_words(left: str, right: str) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
    a, b = _WORD.findall(left), _WORD.findall(right)
    if len(a) * len(b) > _MAX_WORD_PRODUCT or max(len(a), len(b)) > _MAX_WORDS:
        return (Piece(left, True),), (Piece(right, True),)
    matcher = SequenceMatcher(None, a, b, autojunk=False)
    shown_a: list[Piece] = []
    shown_b: list[Piece] = []
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        changed = tag != "equal"
        if i2 > i1:
            shown_a.append(Piece("".join(a[i1:i2]), changed))
        if j2 > j1:
            shown_b.append(Piece("".join(b[j1:j2]), changed))
    return tuple(_bridged(shown_a)), tuple(_bridged(shown_b))


def _bridged(pieces: list[Piece]) -> list[Piece]:
    """Changed words with only a blank between them become one piece: less noise for the eye."""
    joined: list[Piece] = []
    for index, piece in enumerate(pieces):
        blank = not piece.changed and piece.text.isspace() and 0 < index < len(pieces) - 1
        changed = piece.changed or (blank and pieces[index - 1].changed and pieces[index + 1].changed)
        if joined and joined[-1].changed == changed:
            joined[-1] = Piece(joined[-1].text + piece.text, changed)
        else:
            joined.append(Piece(piece.text, changed))
    return joined

"""Scoring answers by hand, blind: which answer stands on which side, what was said, what can be taken back.

Sides and order come from a seed, so that going on later shows the same. Nothing is stored here.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Preference = Literal["candidate", "baseline", "tie"]
Side = Literal["pair", "baseline", "candidate", "same"]
VALUES: Mapping[Preference, float] = {"candidate": 1.0, "tie": 0.5, "baseline": 0.0}
GRADES = (1, 2, 3, 4, 5)
PASSING = 4
"""From this grade on an answer counts as good, where it is held against a scorer that says right or wrong."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a person said of one item: a preference or a grade as a number, and a note."""

    value: float
    label: str
    note: str = ""


class Item(NamedTuple):
    """One thing to judge: a row's two answers against each other (pair), or one answer; `same` is both arms' own."""

    row: int
    side: Side


@dataclass
class Scoring:
    """One sitting. `rows` are the store's row numbers, `same` those where both arms said the very same.

    A/B leaves these out: nothing can be preferred. Grades take both answers of a row one after the other, in an order
    by chance, and an answer that both gave only once. `given` is what was said so far, in the order it was said.
    """

    rows: Sequence[int]
    kind: Literal["ab", "rubric"]
    seed: int
    given: dict[Item, Judgement] = field(default_factory=dict)
    same: frozenset[int] = frozenset()
    order: list[Item] = field(init=False)
    place: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        shuffled = random.Random(self.seed).sample(list(self.rows), len(self.rows))
        self.order = [item for row in shuffled for item in self._items(row)]
        there = set(self.order)
        self.given = {item: judgement for item, judgement in self.given.items() if item in there}
        self.place = self._next_open(0)

    def _items(self, row: int) -> list[Item]:
        if self.kind == "ab":
            return [] if row in self.same else [Item(row, "pair")]
        if row in self.same:
            return [Item(row, "same")]
        both: list[Side] = ["candidate", "baseline"] if self.swapped(row) else ["baseline", "candidate"]
        return [Item(row, side) for side in both]

    def _next_open(self, start: int) -> int:
        return next((at for at in range(start, len(self.order)) if self.order[at] not in self.given), len(self.order))

    @property
    def item(self) -> Item | None:
        """What is to be judged now; None once all is."""
        return self.order[self.place] if self.place < len(self.order) else None

    def swapped(self, row: int) -> bool:
        """Whether the candidate stands left, or comes first."""
        return random.Random(f"{self.seed} {row}").random() < 0.5

    def prefer(self, side: Literal["left", "right", "tie"], note: str = "") -> tuple[Item, Judgement] | None:
        """Say which side is better; what was said of which item, None where nothing is left."""
        if self.item is None:
            return None
        choice: Preference = "tie"
        if side != "tie":
            choice = "candidate" if (side == "left") == self.swapped(self.item.row) else "baseline"
        return self._say(Judgement(VALUES[choice], choice, note))

    def grade(self, grade: int, note: str = "") -> tuple[Item, Judgement] | None:
        """Give the answer shown a grade from 1 to 5."""
        if self.item is None or grade not in GRADES:
            return None
        return self._say(Judgement(float(grade), str(grade), note))

    def _say(self, judgement: Judgement) -> tuple[Item, Judgement]:
        item = self.order[self.place]
        self.given.pop(item, None)
        self.given[item] = judgement
        self.place = self._next_open(self.place + 1)
        if self.place == len(self.order):
            self.place = self._next_open(0)
        return item, judgement

    def undo(self) -> Item | None:
        """Take the last judgement back and return to it; the item, None where nothing was said."""
        if not self.given:
            return None
        item, _ = self.given.popitem()
        self.place = self.order.index(item)
        return item

    def skip(self) -> None:
        """Leave this one for later."""
        later = self._next_open(self.place + 1)
        self.place = later if later < len(self.order) else self._next_open(0)


def machine_grade(value: float, direction: str, range: tuple[float, float] = (0.0, 1.0)) -> str | None:
    """Whether a scorer calls an answer good or bad, by the half of its range; None without better side or bounds."""
    if direction == "none" or not range[0] <= value <= range[1]:
        return None
    middle = (range[0] + range[1]) / 2.0
    return "good" if (value <= middle if direction == "lower" else value >= middle) else "bad"


def machine_view(baseline: float | None, candidate: float | None, direction: str) -> Preference | None:
    """What a scorer prefers on a row; None where it has no score, or no better side."""
    if baseline is None or candidate is None or direction == "none":
        return None
    if baseline == candidate:
        return "tie"
    return "candidate" if (candidate > baseline) == (direction != "lower") else "baseline"

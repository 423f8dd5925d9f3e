"""Scoring answers by hand, blind: which answer stands on which side, what was said, what can be taken back.

Sides and order come from a seed, so that going on later shows the same. Nothing is stored here.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Preference = Literal["candidate", "baseline", "tie"]
VALUES: Mapping[Preference, float] = {"candidate": 1.0, "tie": 0.5, "baseline": 0.0}
GRADES = (1, 2, 3, 4, 5)
PASSING = 4
"""From this grade on an answer counts as good, where it is held against a scorer that says right or wrong."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a person said of one row: a preference or a grade as a number, and a note."""

    value: float
    label: str
    note: str = ""


@dataclass
class Scoring:
    """One sitting. `rows` are the store's row numbers; `given` what was said so far, in the order it was said."""

    rows: Sequence[int]
    kind: Literal["ab", "rubric"]
    seed: int
    given: dict[int, Judgement] = field(default_factory=dict)
    order: list[int] = field(init=False)
    place: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.order = random.Random(self.seed).sample(list(self.rows), len(self.rows))
        self.place = self._next_open(0)

    def _next_open(self, start: int) -> int:
        return next((at for at in range(start, len(self.order)) if self.order[at] not in self.given), len(self.order))

    @property
    def row(self) -> int | None:
        """The row to be judged now; None once all are."""
        return self.order[self.place] if self.place < len(self.order) else None

    def swapped(self, row: int) -> bool:
        """Whether the candidate stands left (in a rubric: whether it is the candidate's answer that is shown)."""
        return random.Random(f"{self.seed} {row}").random() < 0.5

    def prefer(self, side: Literal["left", "right", "tie"], note: str = "") -> tuple[int, Judgement] | None:
        """Say which side is better; what was said of which row, None where nothing is left."""
        if self.row is None:
            return None
        choice: Preference = "tie"
        if side != "tie":
            choice = "candidate" if (side == "left") == self.swapped(self.row) else "baseline"
        return self._say(Judgement(VALUES[choice], choice, note))

    def grade(self, grade: int, note: str = "") -> tuple[int, Judgement] | None:
        """Give the answer shown a grade from 1 to 5."""
        if self.row is None or grade not in GRADES:
            return None
        return self._say(Judgement(float(grade), str(grade), note))

    def _say(self, judgement: Judgement) -> tuple[int, Judgement]:
        row = self.order[self.place]
        self.given.pop(row, None)
        self.given[row] = judgement
        self.place = self._next_open(self.place + 1)
        if self.place == len(self.order):
            self.place = self._next_open(0)
        return row, judgement

    def undo(self) -> int | None:
        """Take the last judgement back and return to its row; the row, None where nothing was said."""
        if not self.given:
            return None
        row, _ = self.given.popitem()
        self.place = self.order.index(row)
        return row

    def skip(self) -> None:
        """Leave this row for later."""
        later = self._next_open(self.place + 1)
        self.place = later if later < len(self.order) else self._next_open(0)


def machine_view(baseline: float | None, candidate: float | None, direction: str) -> Preference | None:
    """What a scorer prefers on a row; None where it has no score, or no better side."""
    if baseline is None or candidate is None or direction == "none":
        return None
    if baseline == candidate:
        return "tie"
    return "candidate" if (candidate > baseline) == (direction != "lower") else "baseline"

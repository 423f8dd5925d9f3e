"""Human scores: kept like any scorer's, under the person's name, on the output they were given for."""

from __future__ import annotations

import random
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from llmexp_tui.domain.hashing import derived_seed
from llmexp_tui.domain.run import Output, RunRecord
from llmexp_tui.domain.score import Score
from llmexp_tui.reports.figures import UNKNOWN, agreement_text
from llmexp_tui.reports.record import ExperimentReport
from llmexp_tui.store import rows, runs, scores
from llmexp_tui.tui.reads.distribution import pair_of
from llmexp_tui.tui.reads.scorers import metric_of, range_of, scorers_of
from llmexp_tui.tui.state.rows import answer_of, input_lines_of
from llmexp_tui.tui.state.scoring import PASSING, Item, Judgement, Scoring, Side, machine_grade, machine_view
from llmexp_tui.workflows.human import give_grade, give_preference, human_fingerprint, people_agreement
from llmexp_tui.workflows.session import Session

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MOST_ROWS = 2_000
"""More than anybody scores by hand; of a longer run so many are drawn by chance."""
_LEAST = 5
"""Kappa of fewer judgements than this says nothing at all."""

_SIDES: tuple[Side, Side] = ("baseline", "candidate")
Values = Mapping[int, tuple[float | None, float | None]]


@dataclass(frozen=True, slots=True)
class Rival:
    """A metric that the person's judgements are held against; `judge` where a model gave it."""

    metric: str
    direction: str
    range: tuple[float, float]
    judge: bool
    values: Values


@dataclass(frozen=True, slots=True)
class Sitting:
    """What a sitting works on: the two runs, what is judged, and what it is held against, judges first.

    `answered` is how many rows both variants answered; the sitting may have drawn some of them.
    """

    records: tuple[RunRecord, RunRecord]
    scoring: Scoring
    rivals: tuple[Rival, ...]
    answered: int


class Keeper:
    """Stores judgements one after the other, in the order they were given, whichever threads come to do it."""

    def __init__(self, sitting: Sitting) -> None:
        self._sitting = sitting
        self._waiting: deque[tuple[Item, Judgement | None]] = deque()
        self._turn = threading.Lock()
        self.number = 0

    def add(self, item: Item, judgement: Judgement | None) -> None:
        """Remember one to be stored; None takes an earlier one back."""
        self._waiting.append((item, judgement))
        self.number += 1

    def keep(self, session: Session) -> None:
        """Store everything that waits."""
        with self._turn:
            while self._waiting:
                item, judgement = self._waiting[0]
                _keep(self._sitting, item, judgement, session)
                self._waiting.popleft()


@dataclass(frozen=True, slots=True)
class Sides:
    """One row as it is shown: its own text, and both answers."""

    item: Item
    text: str
    baseline: str
    candidate: str


def read_sitting(
    report: ExperimentReport, candidate: str, metrics: Sequence[tuple[str, str]], kind: str, session: Session
) -> Sitting:
    """What is to be judged and what was said before. `metrics`: (name, direction) of what to hold it against."""
    records = pair_of(report, candidate, session)
    known = scorers_of(session, records[0])
    seed = derived_seed("human", session.who, records[0].id, records[1].id)
    answered = _answered(session, records)
    drawn = random.Random(seed).sample(range(len(answered)), min(_MOST_ROWS, len(answered)))
    chosen = [int(answered[place]) for place in sorted(drawn)]
    scoring = Scoring(
        chosen,
        "rubric" if kind == "rubric" else "ab",
        seed,
        _given(session, records, kind, chosen),
        _same(session, records, chosen),
    )
    return Sitting(records, scoring, _rivals(session, records, known, metrics, chosen), len(answered))


def _answered(session: Session, records: tuple[RunRecord, RunRecord]) -> NDArray[np.int64]:
    """The rows whose first calls came back in both runs, in their order."""
    import numpy as np

    # Arrays: a set or list of a million keeps the whole process waiting while it is made and collected.
    columns = [scores.output_column(session.store, record.id, "errors") for record in records]
    left, right = (column.row_no[(column.repeat == 0) & ~column.failed] for column in columns)
    return np.intersect1d(left, right, assume_unique=True)


def _rivals(
    session: Session,
    records: tuple[RunRecord, RunRecord],
    known: Mapping[str, str],
    metrics: Sequence[tuple[str, str]],
    chosen: Sequence[int],
) -> tuple[Rival, ...]:
    """What each metric says of the very answers that are shown, the first ones."""
    left, right = (scores.scores_of(session.store, record.id, chosen) for record in records)
    rivals = []
    for metric, direction in metrics:
        fingerprint = metric_of(known, metric)
        judge = any(scores.judges_of(session.store, record.id, fingerprint) for record in records)
        values = {row: (_value(left, row, fingerprint), _value(right, row, fingerprint)) for row in chosen}
        rivals.append(Rival(metric, direction, range_of(session, fingerprint), judge, values))
    return tuple(sorted(rivals, key=lambda rival: not rival.judge))


def _value(found: Mapping[tuple[int, int], Mapping[str, Score]], row: int, fingerprint: str) -> float | None:
    score = found.get((row, 0), {}).get(fingerprint)
    return None if score is None else score.value


def _same(session: Session, records: tuple[RunRecord, RunRecord], chosen: Sequence[int]) -> frozenset[int]:
    """The rows whose first answers are equal to the letter."""
    left, right = (scores.answer_texts(session.store, record.id, chosen) for record in records)
    return frozenset(row for row in chosen if left.get((row, 0)) == right.get((row, 0)))


def _given(
    session: Session, records: tuple[RunRecord, RunRecord], kind: str, chosen: Sequence[int]
) -> dict[Item, Judgement]:
    """In the order it was said, under every item it may belong to: the sitting knows which of them there are."""
    fingerprint = human_fingerprint(kind, *records)
    said: list[tuple[str, int, tuple[Side, ...], Judgement]] = []
    for record, side in zip(records, _SIDES, strict=True):
        found = scores.scores_of(session.store, record.id, chosen, by=session.who)
        when = scores.scored_at(session.store, record.id, fingerprint, by=session.who)
        for (row, repeat), by_scorer in found.items():
            score = by_scorer.get(fingerprint)
            if score is not None and score.value is not None:
                judgement = Judgement(score.value, score.label or "", score.reason or "")
                said.append((when[row, repeat], row, ("pair", "same", side), judgement))
    said.sort(key=lambda one: one[0])
    return {Item(row, side): judgement for _, row, sides, judgement in said for side in sides}


def read_sides(sitting: Sitting, item: Item, session: Session) -> Sides:
    """A row's text and both first answers."""
    content = rows.rows_by_no(session.store, [item.row])[item.row]
    texts = [_first(runs.outputs(session.store, record.id, [item.row])) for record in sitting.records]
    return Sides(item, input_lines_of(content.values), texts[0], texts[1])


def _first(found: Sequence[Output]) -> str:
    return answer_of(found[0]) if found else ""


def _keep(sitting: Sitting, item: Item, judgement: Judgement | None, session: Session) -> None:
    """Store a judgement; None takes it back. A grade belongs to the answer that was shown."""
    note = "" if judgement is None else judgement.note
    if item.side == "pair":
        preferred = None if judgement is None else judgement.label
        give_preference(session, *sitting.records, item.row, preferred, note=note)
        return
    for record, side in zip(sitting.records, _SIDES, strict=True):
        if item.side in ("same", side):
            give_grade(session, record, item.row, None if judgement is None else judgement.value, note=note)


def read_agreement(sitting: Sitting, rival: Rival, session: Session) -> str:
    """How far the person and a metric agree beyond chance, in words."""
    from llmexp_tui.stats.agreement import cohen_kappa

    pairs = [(_said(item, said), _machine(rival, item)) for item, said in sitting.scoring.given.items()]
    both = [(said, machine) for said, machine in pairs if machine is not None]
    with_whom = f"{rival.metric}{' (a judge)' if rival.judge else ''}"
    if len(both) < _LEAST:
        return f"agreement with {with_whom}: shown after {_LEAST} judgements"
    found = cohen_kappa([said for said, _ in both], [machine for _, machine in both], draws=499)
    told = agreement_text(found)
    if told == UNKNOWN:
        return f"agreement with {with_whom}: one side always said the same, on {len(both)}; that tells nothing"
    return f"κ {told} with {with_whom} on {found.rows}"


def read_people(sitting: Sitting, session: Session) -> str:
    """How far everybody who scored these answers agrees, in words; empty where that is one person."""
    baseline, candidate = sitting.records
    found = people_agreement(session, sitting.scoring.kind, [baseline], [candidate])
    return "" if found is None else found.brief


def _said(item: Item, judgement: Judgement) -> str:
    if item.side == "pair":
        return judgement.label
    return "good" if judgement.value >= PASSING else "bad"


def _machine(rival: Rival, item: Item) -> str | None:
    baseline, candidate = rival.values.get(item.row, (None, None))
    if item.side == "pair":
        return machine_view(baseline, candidate, rival.direction)
    value = candidate if item.side == "candidate" else baseline
    return None if value is None else machine_grade(value, rival.direction, rival.range)

"""Human scores: kept like any scorer's, under the person's name, on the output they were given for."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from llmexp_tui.domain.hashing import derived_seed
from llmexp_tui.domain.run import Output, RunRecord
from llmexp_tui.reports.record import ExperimentReport
from llmexp_tui.store import rows, runs, scores
from llmexp_tui.store.pages import PairPages, PairQuery
from llmexp_tui.tui.reads.distribution import pair_of
from llmexp_tui.tui.reads.scorers import metric_of, scorers_of
from llmexp_tui.tui.state.rows import input_lines_of
from llmexp_tui.tui.state.scoring import PASSING, Judgement, Scoring, machine_view
from llmexp_tui.workflows.human import give_grade, give_preference, human_fingerprint
from llmexp_tui.workflows.session import Session

_MOST_ROWS = 2_000


@dataclass(frozen=True, slots=True)
class Sitting:
    """What a sitting works on: the two runs, the scorer's identity, the values of the metric it is held against."""

    records: tuple[RunRecord, RunRecord]
    fingerprint: str
    scoring: Scoring
    metric: str
    direction: str
    values: Mapping[int, tuple[float | None, float | None]]


class Keeper:
    """Stores judgements one after the other, in the order they were given, whichever threads come to do it."""

    def __init__(self, sitting: Sitting) -> None:
        self._sitting = sitting
        self._waiting: deque[tuple[int, Judgement | None]] = deque()
        self._turn = threading.Lock()
        self.number = 0

    def add(self, row: int, judgement: Judgement | None) -> None:
        """Remember one to be stored; None takes an earlier one back."""
        self._waiting.append((row, judgement))
        self.number += 1

    def keep(self, session: Session) -> None:
        """Store everything that waits."""
        with self._turn:
            while self._waiting:
                row, judgement = self._waiting[0]
                keep(self._sitting, row, judgement, session)
                self._waiting.popleft()


@dataclass(frozen=True, slots=True)
class Sides:
    """One row as it is shown: its own text, and both answers as (baseline, candidate)."""

    row: int
    text: str
    baseline: str
    candidate: str


def read_sitting(
    report: ExperimentReport, candidate: str, metric: str, direction: str, kind: str, session: Session
) -> Sitting:
    """The rows to be judged and what this person has said before."""
    records = pair_of(report, candidate, session)
    fingerprint = human_fingerprint(kind, *records)
    query = PairQuery(records[0].id, records[1].id, metric_of(scorers_of(session, records[0]), metric), direction)
    found = PairPages(session.store, query).page(0, _MOST_ROWS)
    values = {row.row_no: (row.baseline.value, row.candidate.value) for row in found}
    chosen = [row.row_no for row in found if not (row.baseline.failed or row.candidate.failed)]
    seed = derived_seed("human", session.who, records[0].id, records[1].id)
    scoring = Scoring(
        chosen, "rubric" if kind == "rubric" else "ab", seed, _given(session, records, fingerprint, chosen)
    )
    return Sitting(records, fingerprint, scoring, metric, direction, values)


def _given(
    session: Session, records: tuple[RunRecord, RunRecord], fingerprint: str, chosen: Sequence[int]
) -> dict[int, Judgement]:
    given = {}
    for record in records:
        found = scores.scores_of(session.store, record.id, chosen, by=session.who)
        for (row, _), by_scorer in found.items():
            score = by_scorer.get(fingerprint)
            if score is not None and score.value is not None:
                given[row] = Judgement(score.value, score.label or "", score.reason or "")
    return given


def read_sides(sitting: Sitting, row: int, session: Session) -> Sides:
    """A row's text and both first answers."""
    content = rows.rows_by_no(session.store, [row])[row]
    texts = [_first(runs.outputs(session.store, record.id, [row])) for record in sitting.records]
    return Sides(row, input_lines_of(content.values), texts[0], texts[1])


def _first(found: Sequence[Output]) -> str:
    return (found[0].text or "") if found else ""


def keep(sitting: Sitting, row: int, judgement: Judgement | None, session: Session) -> None:
    """Store a judgement; None takes it back. A grade belongs to the answer that was shown."""
    note = "" if judgement is None else judgement.note
    if sitting.scoring.kind == "ab":
        preferred = None if judgement is None else judgement.label
        give_preference(session, *sitting.records, row, preferred, note=note)
    else:
        record = sitting.records[1 if sitting.scoring.swapped(row) else 0]
        give_grade(session, record, row, None if judgement is None else judgement.value, note=note)


def read_agreement(sitting: Sitting, session: Session) -> str:
    """How far the person and the metric agree beyond chance, in words; empty while there is too little to say."""
    from llmexp_tui.stats.agreement import cohen_kappa

    pairs = [
        (_said(sitting, row, judgement), _machine(sitting, row)) for row, judgement in sitting.scoring.given.items()
    ]
    both = [(said, machine) for said, machine in pairs if machine is not None]
    if len(both) < 2:
        return ""
    found = cohen_kappa([said for said, _ in both], [machine for _, machine in both], draws=499)
    if found.value is None or found.low is None or found.high is None:
        return f"one answer only on {len(both)} rows: agreement says nothing yet"
    return f"κ {found.value:.2f} ({found.low:.2f} to {found.high:.2f}) with {sitting.metric} on {found.rows} rows"


def _said(sitting: Sitting, row: int, judgement: Judgement) -> str:
    if sitting.scoring.kind == "ab":
        return judgement.label
    return "good" if judgement.value >= PASSING else "bad"


def _machine(sitting: Sitting, row: int) -> str | None:
    baseline, candidate = sitting.values.get(row, (None, None))
    if sitting.scoring.kind == "ab":
        return machine_view(baseline, candidate, sitting.direction)
    value = candidate if sitting.scoring.swapped(row) else baseline
    return None if value is None else ("good" if value >= 0.5 else "bad")

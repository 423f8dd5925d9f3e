"""Scores that people give: kept like any scorer's, under the person's name, and how far people agree.

A grade belongs to an answer, a preference to the pair of runs that was compared. Nothing here knows a screen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from llmexp_tui.domain.hashing import content_hash
from llmexp_tui.domain.run import RunRecord
from llmexp_tui.domain.score import Score
from llmexp_tui.domain.text import one_line
from llmexp_tui.errors import UsageError
from llmexp_tui.reports.figures import UNKNOWN, agreement_text
from llmexp_tui.scoring.human import GRADES, PREFERENCE, SCALE, human_body
from llmexp_tui.store import experiments, scores
from llmexp_tui.store.names import run_no
from llmexp_tui.store.scores import OutputKey
from llmexp_tui.workflows.session import Session

if TYPE_CHECKING:
    from llmexp_tui.stats.agreement import Agreement, Scale, Weights
    from llmexp_tui.workflows.prepare import Prepared

DRAWS = 499
_NAMED = 3
_KINDS = {GRADES: "grades by people", PREFERENCE: "preferences of people"}
"""What people may say, and what a report calls it where no scorer of the experiment names it."""


@dataclass(frozen=True, slots=True)
class PeopleAgreement:
    """How far several people agree on what more than one of them scored. `method` names the coefficient."""

    people: tuple[str, ...]
    method: str
    agreement: Agreement

    @property
    def sentence(self) -> str:
        """For a report: who, how many answers, how far."""
        found, told = self.agreement, agreement_text(self.agreement)
        if told == UNKNOWN:
            why = "shared no answer, or one of them always said the same"
            return f"{self._who} {why}: {self.method} says nothing yet"
        answers = f"{found.rows:,} answer{'' if found.rows == 1 else 's'}"
        return f"{self._who} on {answers}: {self.method} {told}" + (", which is weak" if found.weak else "")

    @property
    def brief(self) -> str:
        """For one line of a screen: the figure first, which must not be cut."""
        symbol, told = "κ" if len(self.people) == 2 else "α", agreement_text(self.agreement)
        return self.sentence if told == UNKNOWN else f"{symbol} {told} of {self._who} on {self.agreement.rows:,}"

    @property
    def _who(self) -> str:
        """The names of a few, without their addresses; of more people how many."""
        if len(self.people) > _NAMED:
            return f"{len(self.people)} people"
        names = [one_line(person.partition(" <")[0], 40) for person in self.people]
        return f"{', '.join(names[:-1])} and {names[-1]}"


def human_fingerprint(kind: str, baseline: RunRecord | None = None, candidate: RunRecord | None = None) -> str:
    """What people's scores of a kind (`rubric` or `ab`) are stored under; a preference needs the two runs."""
    return content_hash(_body(kind, baseline, candidate))


def _body(kind: str, baseline: RunRecord | None, candidate: RunRecord | None) -> Mapping[str, object]:
    pair = (None if run is None else run.id for run in (baseline, candidate))
    return human_body(kind, *pair)


def give_grade(
    session: Session, run: RunRecord, row_no: int, grade: float | None, *, repeat: int = 0, note: str = ""
) -> None:
    """Stores this person's grade (1 to 5) of one answer; None takes it back. Raises UsageError."""
    if grade is not None and not SCALE[0] <= grade <= SCALE[1]:
        raise UsageError(f"{grade:g} is no grade", mend=f"give one from {SCALE[0]:g} to {SCALE[1]:g}")
    score = Score(grade, label=None if grade is None else f"{grade:g}", reason=note or None)
    _keep(session, _body(GRADES, None, None), run, row_no, repeat, score)


def give_preference(
    session: Session,
    baseline: RunRecord,
    candidate: RunRecord,
    row_no: int,
    preferred: str | None,
    *,
    repeat: int = 0,
    note: str = "",
) -> None:
    """Stores which answer this person prefers: candidate, baseline or tie; None takes it back. Raises UsageError."""
    worth = {"candidate": 1.0, "tie": 0.5, "baseline": 0.0}
    if preferred is not None and preferred not in worth:
        raise UsageError(f'"{preferred}" is no preference', mend="say candidate, baseline or tie")
    score = Score(None)
    if preferred is not None:
        score = Score(worth[preferred], label=preferred, reason=note or None)
    _keep(session, _body(PREFERENCE, baseline, candidate), candidate, row_no, repeat, score)


def _keep(
    session: Session, body: Mapping[str, object], run: RunRecord, row_no: int, repeat: int, score: Score
) -> None:
    fingerprint = content_hash(dict(body))
    experiments.save_scorer(session.store, fingerprint, body)
    with session.store.read() as connection:
        key = OutputKey(run_no(session.store, connection, run.id), row_no, repeat)
    scores.write_scores(session.store, fingerprint, [(key, score)], at=session.at(), by=session.who)


def people_agreement(
    session: Session, kind: str, baseline: Sequence[RunRecord], candidates: Sequence[RunRecord]
) -> PeopleAgreement | None:
    """How far people agree over the runs; None where fewer than two scored. Two: Cohen's kappa; more: alpha.

    Grades count by how far apart they are, preferences as same or different.
    """
    # The app scores without comparing: it should not pay for NumPy.
    from llmexp_tui.stats.agreement import cohen_kappa, krippendorff_alpha

    found: list[dict[str, Score]] = []
    for base, candidate in zip(baseline, candidates, strict=False):
        fingerprint = human_fingerprint(kind, base, candidate)
        sides = (candidate,) if kind == PREFERENCE else (base, candidate)
        found += [said for run in sides for said in scores.ratings(session.store, run.id, fingerprint).values()]
    people = tuple(sorted({name for said in found for name in said}))
    if len(people) < 2:
        return None
    table = [[_value(said.get(name)) for name in people] for said in found]
    table = [row for row in table if sum(value is not None for value in row) > 1]
    if len(people) == 2:
        weights: Weights = "none" if kind == PREFERENCE else "quadratic"
        first, second = [row[0] for row in table], [row[1] for row in table]
        return PeopleAgreement(people, "Cohen's kappa", cohen_kappa(first, second, weights=weights, draws=DRAWS))
    scale: Scale = "nominal" if kind == PREFERENCE else "ordinal"
    return PeopleAgreement(people, "Krippendorff's alpha", krippendorff_alpha(table, scale=scale, draws=DRAWS))


def _value(score: Score | None) -> float | None:
    return None if score is None else score.value


def agreement_notes(
    session: Session, prepared: Prepared, baseline: Sequence[RunRecord], candidates: Sequence[Sequence[RunRecord]]
) -> tuple[str, ...]:
    """A sentence for each kind of score and each candidate that several people gave it, asked for or not."""
    asked = {PREFERENCE if s.needs_baseline else GRADES: name for name, s in prepared.scorers.items() if s.by_people}
    notes = []
    for kind, name in (_KINDS | asked).items():
        for arm in candidates:
            found = people_agreement(session, kind, baseline, arm)
            if found is not None:
                notes.append(f"{name}, {arm[-1].variant}: {found.sentence}")
    return tuple(notes)

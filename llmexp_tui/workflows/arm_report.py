"""One arm as a report tells of it: what came back, what was not scored, who judged it and for how much."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from llmexp_tui.domain.run import RunRecord, RunTotals
from llmexp_tui.domain.score import against
from llmexp_tui.reports.record import ArmReport
from llmexp_tui.store import runs
from llmexp_tui.store.scores import judge_cost
from llmexp_tui.workflows.judges import judges_of
from llmexp_tui.workflows.prepare import Prepared
from llmexp_tui.workflows.session import Session


def arm_report(
    session: Session, prepared: Prepared, arm: Sequence[RunRecord], opponents: Sequence[RunRecord] = ()
) -> ArmReport:
    """The arm's entry, over all its runs; `opponents`: the run that each of them was preferred to or not, if any."""
    record = arm[-1]
    asked = [scorer for scorer in prepared.scorers.values() if scorer.models]
    models = (model for scorer in asked for run in arm for model in judges_of(session, scorer, run))
    return ArmReport(
        id=record.id,
        variant=record.variant,
        totals=RunTotals.added([runs.totals(session.store, run.id) for run in arm]),
        runs=tuple(run.id for run in arm),
        unscored=_unscored(session, prepared, arm, opponents),
        judges=tuple(dict.fromkeys(models)),
        judge_cost_usd=_judge_cost(session, arm, [scorer.fingerprint for scorer in asked]),
    )


def _judge_cost(session: Session, arm: Sequence[RunRecord], fingerprints: Sequence[str]) -> float | None:
    """What judging the arm's outputs cost, over all its runs; None where nobody judges or a cost is not known."""
    if not fingerprints:
        return None
    costs = [judge_cost(session.store, run.id, fingerprints) for run in arm]
    return None if None in costs else sum(cost for cost in costs if cost is not None)


def _unscored(
    session: Session, prepared: Prepared, arm: Sequence[RunRecord], opponents: Sequence[RunRecord]
) -> tuple[tuple[str, int], ...]:
    """How many answers each scorer left without a score.

    People score the rows they like, and the baseline has no preference over itself: neither counts here.
    """
    counts: Counter[str] = Counter()
    for name, scorer in prepared.scorers.items():
        if scorer.by_people or (scorer.needs_baseline and not opponents):
            continue
        wanted = {name: scorer.fingerprint}
        sides = [against(run.id) for run in opponents] if scorer.needs_baseline else [""] * len(arm)
        for run, by in zip(arm, sides, strict=True):
            counts.update(runs.unscored(session.store, run.id, wanted, by=by))
    return tuple((name, count) for name, count in counts.items() if count)

"""`compare`: judges what is stored, calls nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from llmexp_tui.domain.run import SLOT_MAIN, RunRecord, RunStatus
from llmexp_tui.errors import UsageError
from llmexp_tui.reports.record import ExperimentReport
from llmexp_tui.store import runs
from llmexp_tui.workflows.arms import find_aa
from llmexp_tui.workflows.judge import JudgedArms, judge
from llmexp_tui.workflows.prepare import Prepared, find_experiment, prepare
from llmexp_tui.workflows.session import Session
from llmexp_tui.workflows.stored import prepare_stored

JUDGEABLE = (RunStatus.COMPLETE, RunStatus.STOPPED_EARLY)


def compare_experiment(
    session: Session, name: str, *, by_row: bool = False, told: Callable[[float], object] = lambda share: None
) -> ExperimentReport:
    """The newest complete runs of the experiment's variants. `told` hears how much is done (0 to 1).

    Raises UsageError where a side was never run.
    """
    baseline, candidates = newest_arms(session, name)
    return _compare(session, prepare(session, name), baseline, candidates, by_row, told)


def newest_arms(session: Session, name: str) -> tuple[RunRecord, list[RunRecord]]:
    """The newest complete run of each candidate that has one, and of the baseline: the one that ran beside the newest

    candidate, unless the baseline has changed since. Raises UsageError.
    """
    experiment = find_experiment(session.project, name)
    newest: dict[str, RunRecord] = {}
    beside: dict[str, RunRecord] = {}
    for record in runs.find_runs(session.store, experiment=name, statuses=JUDGEABLE):
        if record.slot == SLOT_MAIN and record.number == 1:
            newest.setdefault(record.variant, record)
            if record.variant == experiment.baseline:
                beside.setdefault(record.group, record)
    mend = f"run it with `llmexp-tui run {name}`"
    if experiment.baseline not in newest:
        raise UsageError(f'the baseline "{experiment.baseline}" has no complete run', where=name, mend=mend)
    candidates = [newest[variant] for variant in experiment.candidates if variant in newest]
    if not candidates:
        raise UsageError("no candidate has a complete run", where=name, mend=mend)
    baseline = newest[experiment.baseline]
    for candidate in sorted(candidates, key=lambda run: run.id, reverse=True):
        other = beside.get(candidate.group)
        if other is not None and other.variant_hash == baseline.variant_hash:
            return other, candidates
    return baseline, candidates


def compare_runs(session: Session, run_a: str, run_b: str, *, by_row: bool = False) -> ExperimentReport:
    """Two runs, the first as the baseline. Raises UsageError where they belong to different experiments."""
    first, second = runs.get_run(session.store, run_a), runs.get_run(session.store, run_b)
    if first.id == second.id:
        raise UsageError("both are the same run", mend="name two runs, see `llmexp-tui runs`")
    require_one_experiment((first, second))
    return _compare(session, prepare_stored(session, (first, second)), first, [second], by_row)


def require_one_experiment(records: Sequence[RunRecord]) -> None:
    """Raises UsageError where the runs belong to different experiments."""
    first = records[0]
    for other in records[1:]:
        if other.experiment != first.experiment:
            raise UsageError(
                f'run {first.id} is of experiment "{first.experiment}", run {other.id} of "{other.experiment}"',
                mend="name runs of one experiment",
            )


def _compare(
    session: Session,
    prepared: Prepared,
    baseline: RunRecord,
    candidates: list[RunRecord],
    by_row: bool,
    told: Callable[[float], object] = lambda share: None,
) -> ExperimentReport:
    at = datetime.fromisoformat(baseline.created_at)
    aa = find_aa(session, prepared, groups=(baseline.group,), at=at)
    sides = _pooled(session, [baseline, *candidates])
    sentinel = _sentinel(session, baseline, candidates)
    arms = JudgedArms(sides[0], tuple(sides[1:]), None if aa is None else (aa.main, aa.copy), sentinel)
    return judge(session, prepared, arms, record=False, by_row=by_row, told=told)


def _sentinel(session: Session, baseline: RunRecord, candidates: Sequence[RunRecord]) -> RunRecord | None:
    """The baseline's variant as it ran beside candidates that are of one other group: today's look at the past."""
    groups = {candidate.group for candidate in candidates}
    if len(groups) != 1 or baseline.group in groups:
        return None
    found = runs.find_runs(
        session.store, group=groups.pop(), variant_hash=baseline.variant_hash,
        dataset_hash=baseline.dataset_hash, statuses=JUDGEABLE,
    )  # fmt: skip
    return next((run for run in found if run.number == 1 and run.repeats == baseline.repeats), None)


def _pooled(session: Session, arms: Sequence[RunRecord]) -> list[tuple[RunRecord, ...]]:
    """Each arm with its second and third run, where the three-run rule has made them for all arms."""
    found = []
    for arm in arms:
        group = runs.find_runs(
            session.store, group=arm.group, variant_hash=arm.variant_hash, slot=SLOT_MAIN, statuses=JUDGEABLE
        )
        later = {run.number: run for run in group if run.variant == arm.variant and run.number > 1}
        found.append((arm, *(later[number] for number in sorted(later))))
    whole = all(arm.number == 1 for arm in arms) and min(len(side) for side in found) == 3
    return found if whole else [(arm,) for arm in arms]

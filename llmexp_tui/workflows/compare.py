"""`compare`: judges what is stored, calls nothing."""

from __future__ import annotations

from llmexp_tui.domain.run import SLOT_MAIN, RunRecord, RunStatus
from llmexp_tui.errors import UsageError
from llmexp_tui.reports.record import ExperimentReport
from llmexp_tui.store import runs
from llmexp_tui.workflows.aa import find_aa
from llmexp_tui.workflows.judge import JudgedArms, judge
from llmexp_tui.workflows.prepare import Prepared, find_experiment, prepare
from llmexp_tui.workflows.session import Session
from llmexp_tui.workflows.stored import prepare_stored

JUDGEABLE = (RunStatus.COMPLETE, RunStatus.STOPPED_EARLY)


def compare_experiment(session: Session, name: str) -> ExperimentReport:
    """The newest complete runs of the experiment's variants. Raises UsageError where a side was never run."""
    experiment = find_experiment(session.project, name)
    newest: dict[str, RunRecord] = {}
    for record in runs.find_runs(session.store, experiment=name, statuses=JUDGEABLE):
        if record.slot == SLOT_MAIN and record.number == 1:
            newest.setdefault(record.variant, record)
    mend = f"run it with `llmexp-tui run {name}`"
    if experiment.baseline not in newest:
        raise UsageError(f'the baseline "{experiment.baseline}" has no complete run', where=name, mend=mend)
    candidates = [newest[variant] for variant in experiment.candidates if variant in newest]
    if not candidates:
        raise UsageError("no candidate has a complete run", where=name, mend=mend)
    return _compare(session, prepare(session, name), newest[experiment.baseline], candidates)


def compare_runs(session: Session, run_a: str, run_b: str) -> ExperimentReport:
    """Two runs, the first as the baseline. Raises UsageError where they belong to different experiments."""
    first, second = runs.get_run(session.store, run_a), runs.get_run(session.store, run_b)
    if first.id == second.id:
        raise UsageError("both are the same run", mend="name two runs, see `llmexp-tui runs`")
    if first.experiment != second.experiment:
        raise UsageError(
            f'run {first.id} is of experiment "{first.experiment}", run {second.id} of "{second.experiment}"',
            mend="compare runs of one experiment",
        )
    return _compare(session, prepare_stored(session, (first, second)), first, [second])


def _compare(
    session: Session, prepared: Prepared, baseline: RunRecord, candidates: list[RunRecord]
) -> ExperimentReport:
    aa = find_aa(session, prepared, groups=(baseline.group,))
    arms = JudgedArms((baseline,), tuple((c,) for c in candidates), None if aa is None else (aa.main, aa.copy))
    return judge(session, prepared, arms, record=False)

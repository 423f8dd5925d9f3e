"""An experiment's results: the stored comparison where it speaks of the newest runs, else compared now and stored."""

from __future__ import annotations

from collections.abc import Callable

from llmexp_tui.domain.run import SLOT_MAIN, RunRecord, RunStatus
from llmexp_tui.domain.watch import Watch, unwatched
from llmexp_tui.reports.json import experiment_json
from llmexp_tui.reports.record import ExperimentReport
from llmexp_tui.store import comparisons, runs
from llmexp_tui.tui.reads.decode import report_of
from llmexp_tui.workflows.session import Session

_JUDGEABLE = (RunStatus.COMPLETE, RunStatus.STOPPED_EARLY)
_LARGE = 5_000
"""From so many rows on a comparison takes seconds, and its process stalls: it gets one of its own."""


def read_report(experiment: str, session: Session, *, watch: Watch = unwatched) -> ExperimentReport:
    """The newest results. Raises UsageError where there is nothing to compare yet, CalledOffError as `watch` says."""
    stored = comparisons.latest(session.store, experiment)
    newest = _newest(experiment, session)
    if stored and (newest is None or newest.group == stored[0].group):
        return report_of(stored[0].body)
    return refresh_report(experiment, session, watch=watch)


def refresh_report(experiment: str, session: Session, *, watch: Watch = unwatched) -> ExperimentReport:
    """Compare what is stored now and keep the answer, so that Home shows it too."""
    newest = _newest(experiment, session)
    if newest is not None and newest.rows * newest.repeats >= _LARGE and not session.store.read_only:
        from llmexp_tui.tui.comparing import compare_apart

        compare_apart(experiment, session, watch)
        return report_of(comparisons.latest(session.store, experiment)[0].body)
    return compare_and_keep(experiment, session)


def compare_and_keep(
    experiment: str, session: Session, told: Callable[[float], object] = lambda share: None
) -> ExperimentReport:
    """Compare in this process. `told` hears how much is done (0 to 1)."""
    from llmexp_tui.workflows.compare import compare_experiment

    report = compare_experiment(session, experiment, told=told)
    if not session.store.read_only and report.baseline is not None:
        group = runs.get_run(session.store, report.baseline.id).group
        body = experiment_json(report)
        comparisons.save_comparison(
            session.store, experiment, group, report.registration, report.status, session.at(), body
        )
    return report


def _newest(experiment: str, session: Session) -> RunRecord | None:
    found = runs.find_runs(session.store, experiment=experiment, slot=SLOT_MAIN, statuses=_JUDGEABLE, limit=1)
    return found[0] if found else None

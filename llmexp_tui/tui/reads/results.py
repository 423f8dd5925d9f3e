"""An experiment's results: the stored comparison where it speaks of the newest runs, else compared now and stored."""

from __future__ import annotations

from llmexp_tui.domain.run import SLOT_MAIN, RunStatus
from llmexp_tui.reports.json import experiment_json
from llmexp_tui.reports.record import ExperimentReport
from llmexp_tui.store import comparisons, runs
from llmexp_tui.tui.reads.decode import report_of
from llmexp_tui.workflows.session import Session

_JUDGEABLE = (RunStatus.COMPLETE, RunStatus.STOPPED_EARLY)


def read_report(experiment: str, session: Session) -> ExperimentReport:
    """The newest results. Raises UsageError where there is nothing to compare yet."""
    stored = comparisons.latest(session.store, experiment)
    newest = runs.find_runs(session.store, experiment=experiment, slot=SLOT_MAIN, statuses=_JUDGEABLE, limit=1)
    if stored and (not newest or newest[0].group == stored[0].group):
        return report_of(stored[0].body)
    return refresh_report(experiment, session)


def refresh_report(experiment: str, session: Session) -> ExperimentReport:
    """Compare what is stored now and keep the answer, so that Home shows it too."""
    from llmexp_tui.workflows.compare import compare_experiment

    report = compare_experiment(session, experiment)
    if not session.store.read_only and report.baseline is not None:
        group = runs.get_run(session.store, report.baseline.id).group
        comparisons.save_comparison(
            session.store,
            experiment,
            group,
            report.registration,
            report.status,
            session.at(),
            experiment_json(report),
        )
    return report

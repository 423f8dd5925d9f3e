"""An experiment's results: the stored comparison where it speaks of the newest runs, else compared now and stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from llmexp_tui.domain.run import SLOT_MAIN, RunRecord, RunStatus
from llmexp_tui.domain.score import PEOPLE
from llmexp_tui.domain.watch import Watch, unwatched
from llmexp_tui.errors import LlmexpError
from llmexp_tui.reports.json import experiment_json
from llmexp_tui.reports.record import ExperimentReport
from llmexp_tui.scoring.human import GRADES, PREFERENCE
from llmexp_tui.store import audit, comparisons, runs, scores
from llmexp_tui.store.comparisons import Comparison
from llmexp_tui.tui.reads.decode import report_of
from llmexp_tui.tui.reads.scorers import declared_scorers, kept_of, scorers_of
from llmexp_tui.workflows.human import human_fingerprint
from llmexp_tui.workflows.session import Session

_JUDGEABLE = (RunStatus.COMPLETE, RunStatus.STOPPED_EARLY)
_LARGE = 5_000
"""From so many rows on a comparison takes seconds, and its process stalls: it gets one of its own."""


def read_report(experiment: str, session: Session, *, watch: Watch = unwatched) -> ExperimentReport:
    """The newest results. Raises UsageError where there is nothing to compare yet, CalledOffError as `watch` says."""
    stored = comparisons.latest(session.store, experiment)
    newest = _newest(experiment, session)
    if stored and (newest is None or _speaks_of(stored[0], newest, session)):
        return report_of(stored[0].body)
    return refresh_report(experiment, session, watch=watch)


def knows_of(comparison: Comparison, newest: RunRecord) -> bool:
    """Whether a comparison knew of this run: is of its group, or came after it (one arm may have run alone)."""
    return comparison.group == newest.group or comparison.at >= (newest.ended_at or newest.created_at)


def _speaks_of(comparison: Comparison, newest: RunRecord, session: Session) -> bool:
    """Whether a comparison is of the newest runs, with the project file's scorers and what was said by now."""
    if not knows_of(comparison, newest) or comparison.at < _last_judged(newest.experiment, session):
        return False
    if comparison.at < _last_said(comparison, newest, session):
        return False
    compared = comparison.body.get("scorers")
    return compared is None or session.store.read_only or compared == _scorers_now(newest, session, compared)


def _last_judged(experiment: str, session: Session) -> str:
    """When judges were last asked about stored answers, wherever that was; empty where they never were."""
    asked = audit.entries(session.store, subject=experiment, action="judge", limit=1)
    return asked[0].at if asked and not session.store.read_only else ""


def _last_said(comparison: Comparison, newest: RunRecord, session: Session) -> str:
    """When people last scored an answer of a comparison, for one of its metrics, or more than one of them did."""
    report, scorers = report_of(comparison.body), scorers_of(session, newest)
    if report.baseline is None or session.store.read_only:
        return ""
    times = [""]
    for arm in report.candidates:
        pair = runs.get_run(session.store, report.baseline.id), runs.get_run(session.store, arm.id)
        kept = (kept_of(session, scorers, metric, *pair) for metric in scorers)
        asked = {one.metric for one in kept if one.by == PEOPLE}
        for fingerprint in (human_fingerprint(kind, *pair) for kind in (GRADES, PREFERENCE)):
            for at, people in (scores.last_said(session.store, run.id, fingerprint) for run in pair):
                if people > 1 or fingerprint in asked:
                    times.append(at)
    return max(times)


def _scorers_now(newest: RunRecord, session: Session, otherwise: Mapping[str, str]) -> Mapping[str, str]:
    try:
        return declared_scorers(session, newest.experiment, newest.dataset, newest.dataset_hash)
    except LlmexpError:
        return otherwise


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
        baseline = runs.get_run(session.store, report.baseline.id)
        scorers = declared_scorers(session, experiment, baseline.dataset, baseline.dataset_hash)
        body = {**experiment_json(report), "scorers": dict(scorers)}
        comparisons.save_comparison(
            session.store, experiment, baseline.group, report.registration, report.status, session.at(), body
        )
    return report


def start_judging(report: ExperimentReport, session: Session) -> str:
    """Queue the judges for what they have not scored of the report's runs, or failed on. The command's id."""
    from llmexp_tui.workflows.start import queue_run

    arms = (report.baseline, *report.candidates)
    return queue_run(session, "judge", report.name, {"runs": [arm.id for arm in arms if arm is not None]})


def _newest(experiment: str, session: Session) -> RunRecord | None:
    found = runs.find_runs(session.store, experiment=experiment, slot=SLOT_MAIN, statuses=_JUDGEABLE, limit=1)
    return found[0] if found else None

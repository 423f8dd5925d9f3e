"""From a comparison to a standing: registration, what a gate tolerates, what is written down, which label moves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from llmexp_tui.domain.gate import RATIO_METRICS
from llmexp_tui.domain.run import RunRecord
from llmexp_tui.domain.text import one_line
from llmexp_tui.reports.json import experiment_json
from llmexp_tui.reports.record import ExperimentReport
from llmexp_tui.store import comparisons, experiments, runs
from llmexp_tui.workflows.prepare import Prepared
from llmexp_tui.workflows.session import Session


def settle(
    session: Session,
    prepared: Prepared,
    runs_judged: Sequence[RunRecord],
    report: ExperimentReport,
    *,
    record: bool,
) -> ExperimentReport:
    """The report with its final status. `record` stores the comparison with its audit entry."""
    baseline = runs_judged[0]
    invalid = _invalid_reasons(session, prepared, runs_judged)
    if invalid:
        report = _as_exploratory(report, invalid)
    elif report.status == "inconclusive" and report.has_gates:
        report = _tolerated(report)
    report = replace(report, notes=(*report.notes, *_missing_sides(prepared), *_winner(report)))
    if record and not session.store.read_only:
        comparisons.save_comparison(
            session.store,
            experiment=report.name,
            group=baseline.group,
            registration=report.registration,
            status=report.status,
            at=session.at(),
            body={**experiment_json(report), "scorers": {n: s.fingerprint for n, s in prepared.scorers.items()}},
        )
        if report.has_gates:
            detail = {"status": report.status, "registration": report.registration, "group": baseline.group}
            session.audit("gate", report.name, detail)
    return report


def _invalid_reasons(session: Session, prepared: Prepared, arms: Sequence[RunRecord]) -> tuple[str, ...]:
    """Why the arms must not be judged together; empty where they may. The first is the baseline's."""
    baseline = arms[0]
    reasons = []
    for run in arms[1:]:
        if run.dataset_hash != baseline.dataset_hash:
            reasons.append(f'arms not comparable: "{run.variant}" ran on another version of the dataset')
        if run.repeats != baseline.repeats:
            reasons.append(f'arms not comparable: "{run.variant}" ran with other repeats')
    if prepared.experiment.gates and any(r.registration != prepared.registration.hash for r in arms):
        changed = _changed(session, prepared, baseline)
        reasons.append(f"the registration changed after its run ({changed}); judge it anew with --fresh")
    elif prepared.experiment.gates and all(runs.known_before(session.store, run.id) for run in arms):
        reasons.append("every answer was known before these gates were registered; judge them anew with --fresh")
    return tuple(dict.fromkeys(reasons))


def _changed(session: Session, prepared: Prepared, baseline: RunRecord) -> str:
    """What differs between the run's registration and the present one, by its top keys."""
    old = experiments.registration(session.store, baseline.registration).body
    new = prepared.registration.body
    keys = [key for key in new if old.get(key) != new.get(key)]
    return one_line(", ".join(keys) or "its arms were registered apart")


def _as_exploratory(report: ExperimentReport, reasons: tuple[str, ...]) -> ExperimentReport:
    metrics = tuple(replace(m, registered=False, gate=None) for m in report.metrics)
    return replace(report, status="invalid", reasons=reasons, metrics=metrics)


def _tolerated(report: ExperimentReport) -> ExperimentReport:
    """Inconclusive gates that were registered as tolerable count as passed, with a warning."""
    undecided = [m for m in report.metrics if m.gate == "inconclusive"]
    if not undecided or any(m.on_inconclusive != "pass" for m in undecided):
        return report
    warnings = tuple(f"{m.candidate}, {m.metric}: inconclusive, but tolerated: {m.reason}" for m in undecided)
    return replace(report, status="pass", reasons=(), warnings=(*report.warnings, *warnings))


def _missing_sides(prepared: Prepared) -> tuple[str, ...]:
    """A gate on quality alone is told that it does not look at the rest."""
    named = {gate.metric for gate in prepared.experiment.gates if gate.role != "exploratory"}
    missing = [m for m in ("latency", "cost", "errors") if m not in named]
    if missing and named - set(RATIO_METRICS) - {"errors"}:
        return (f"no gate looks at {', '.join(missing)}: shown as exploratory",)
    return ()


def _winner(report: ExperimentReport) -> tuple[str, ...]:
    """The best of several was chosen for its luck too; a run of its own tells how good it is."""
    passed = {metric.candidate for metric in report.metrics if metric.gate == "pass"}
    if len(report.candidates) < 2 or not passed:
        return ()
    return ("the best of several candidates looks better than it is: confirm it by a fresh run against the baseline",)

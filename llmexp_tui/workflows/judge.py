"""Compares stored runs, judges the registered gates, and writes down what it found. Calls nothing.

`check`, `compare` and the app all come through here, so that what one shows, all show.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from llmexp_tui.domain.run import SLOT_MAIN, RunRecord
from llmexp_tui.errors import LlmexpError
from llmexp_tui.reports.record import DatasetReport, ExperimentReport
from llmexp_tui.stats.compare import compare_arms
from llmexp_tui.stats.floor import FloorRecord
from llmexp_tui.stats.judgement import MetricData
from llmexp_tui.stats.pairs import Samples
from llmexp_tui.stats.result import Comparison, MetricResult
from llmexp_tui.stats.spec import ComparisonPlan
from llmexp_tui.store import runs
from llmexp_tui.workflows import judges
from llmexp_tui.workflows.arm_report import arm_report
from llmexp_tui.workflows.columns import Frame, frame, metric_samples
from llmexp_tui.workflows.differences import worst_rows
from llmexp_tui.workflows.floors import floor_from_runs
from llmexp_tui.workflows.human import agreement_notes
from llmexp_tui.workflows.looks import look_of
from llmexp_tui.workflows.metrics import Metric, metrics_of
from llmexp_tui.workflows.outcome import settle
from llmexp_tui.workflows.prepare import Prepared
from llmexp_tui.workflows.rescore import rescore
from llmexp_tui.workflows.session import Session

AA_ARM = "\x00aa"
"""The A/A copy's name among the arms; no variant can be called so."""


Arm = tuple[RunRecord, ...]
"""One arm's runs: one, or three under the three-run rule."""


@dataclass(frozen=True, slots=True)
class JudgedArms:
    """The runs to be compared. `aa` is the A/A's (main, copy), from this group or from elsewhere."""

    baseline: Arm
    candidates: tuple[Arm, ...]
    aa: tuple[RunRecord, RunRecord] | None = None

    @property
    def own_aa(self) -> RunRecord | None:
        """The A/A copy of the baseline's own run: a health check of today's run, not just a size."""
        return self.aa[1] if self.aa is not None and self.aa[0].id == self.baseline[0].id else None

    @property
    def sides(self) -> tuple[RunRecord, ...]:
        """Every run of every arm, the baseline's first; the A/A left out."""
        return (*self.baseline, *(run for arm in self.candidates for run in arm))

    @property
    def all(self) -> tuple[RunRecord, ...]:
        """Every run that is read."""
        found = {r.id: r for r in (*self.sides, *(self.aa or ()))}
        return tuple(found.values())


@dataclass(frozen=True, slots=True)
class Effort:
    """What the invocation did before judging."""

    calls: int = 0
    cost_usd: float = 0.0
    saved: int = 0


def judge(
    session: Session, prepared: Prepared, arms: JudgedArms, *, effort: Effort = Effort(), record: bool = True
) -> ExperimentReport:
    """The report of an experiment from stored runs. `record` stores the comparison and its audit entry."""
    if not session.store.read_only:
        rescore(session, prepared, arms.all)
    slices = sorted({gate.slice_parts[0] for gate in prepared.experiment.gates if gate.slice_parts})
    first = arms.baseline[0]
    rows = frame(session, first.dataset_hash, prepared.source, slices, seed=first.seed)
    metrics = metrics_of(prepared.experiment, prepared.scorers, prepared.variants.get(prepared.baseline))
    data = [d for metric in metrics if (d := _data(session, rows, arms, metric)) is not None]
    comparison = compare_arms(
        data,
        baseline=arms.baseline[0].variant,
        candidates=[arm[0].variant for arm in arms.candidates],
        aa=AA_ARM if arms.own_aa is not None else None,
        plan=_plan(session, prepared, arms),
    )
    comparison = _undirected(comparison, metrics)
    report = ExperimentReport(
        name=prepared.experiment.name,
        status=comparison.status,
        question=prepared.experiment.question,
        axis=prepared.experiment.axis,
        registration=arms.baseline[0].registration,
        dataset=dataset_report(prepared),
        baseline=arm_report(session, prepared, arms.baseline),
        candidates=tuple(arm_report(session, prepared, c, arms.baseline) for c in arms.candidates),
        metrics=comparison.metrics,
        reasons=comparison.reasons,
        warnings=(*prepared.warnings, *judges.warnings_of(session, prepared, arms.baseline, arms.candidates)),
        notes=(
            *prepared.notes,
            *judges.position_notes(session, prepared, arms.baseline, arms.candidates),
            *agreement_notes(session, prepared, arms.baseline, arms.candidates),
        ),
        worst_rows=worst_rows(session, prepared, rows, arms.baseline, arms.candidates, metrics),
        confounded=prepared.experiment.axis == "any",
        has_gates=bool(prepared.experiment.gates),
        calls=effort.calls,
        calls_saved=effort.saved,
        cost_usd=effort.cost_usd,
        judge_noise=judges.noise_of(
            session, rows, metrics, prepared, arms.baseline, _floors(session, rows, arms, metrics)
        ),
    )
    return settle(session, prepared, arms.sides, report, record=record)


def _plan(session: Session, prepared: Prepared, arms: JudgedArms) -> ComparisonPlan:
    plan = prepared.experiment.plan
    first = arms.baseline[0]
    look = look_of(prepared, runs.totals(session.store, first.id).attempted // first.repeats)
    return ComparisonPlan(
        alpha=plan.alpha,
        seed=int(first.registration[:15], 16),
        aa_required=plan.aa == "required",
        levels=look.levels,
        final_look=look.final,
        runs=plan.runs,
        anytime=plan.anytime,
        interleaved=all(run.group == first.group for run in arms.sides),
        confounded=prepared.experiment.axis == "any",
    )


def _data(session: Session, rows: Frame, arms: JudgedArms, metric: Metric) -> MetricData | None:
    """The metric's columns; None for an unregistered metric that nobody measured (time to first token)."""
    samples = _sides(session, rows, arms, metric)
    unmeasured = not any(bool(np.isfinite(s.scores).any()) for s in samples.values())
    if unmeasured and not metric.spec.registered and (metric.name == "ttft" or metric.by_people):
        return None
    floor = None
    if arms.own_aa is not None and not metric.by_people:
        copy = metric_samples(session, rows, (arms.own_aa,), metric, arms.baseline)
        if bool(np.isfinite(copy.scores).any()) or metric.fingerprint is None:
            samples[AA_ARM] = copy
    elif arms.aa is not None:
        floor = floor_from_runs(session, rows, metric, *arms.aa)
    masks = {name: _usable(rows, metric, samples.get(arms.baseline[0].variant), s) for name, s in samples.items()}
    return MetricData(metric.spec, samples, rows.size, rows.clusters, masks, floor, rows.labels)


def _sides(session: Session, rows: Frame, arms: JudgedArms, metric: Metric) -> dict[str, Samples]:
    """Each arm's samples by its name. A preference has none of the baseline; people grade the rows that they like."""
    sides = arms.candidates if metric.against_baseline else (arms.baseline, *arms.candidates)
    samples = {arm[0].variant: metric_samples(session, rows, arm, metric, arms.baseline) for arm in sides}
    if metric.by_people and not metric.against_baseline:
        common = np.ones(rows.size, dtype=bool)
        for one in samples.values():
            common &= np.bincount(one.rows, minlength=rows.size) > 0
        samples = {name: one.select(common[one.rows]) for name, one in samples.items()}
    return samples


def _usable(rows: Frame, metric: Metric, baseline: Samples | None, other: Samples) -> npt.NDArray[np.bool_]:
    """(n,) rows that may be used for a candidate: those of the slice; for times and costs, called by both arms."""
    mask = np.ones(rows.size, dtype=bool) if metric.spec.slice is None else rows.mask(*_slice(metric))
    if metric.spec.is_ratio:
        for side in (baseline, other):
            if side is not None and side.cached is not None:
                mask[side.rows[side.cached]] = False
    return mask


def _floors(session: Session, rows: Frame, arms: JudgedArms, metrics: Sequence[Metric]) -> dict[str, FloorRecord]:
    """The A/A's floor of each scorer whose judge judged again; none without an A/A."""
    if arms.aa is None:
        return {}
    wanted = [m for m in metrics if m.rejudged and m.spec.slice is None and m.spec.statistic == "mean"]
    return {m.name: floor_from_runs(session, rows, m, *arms.aa) for m in wanted}


def _slice(metric: Metric) -> tuple[str, str]:
    column, _, value = (metric.spec.slice or "").partition("=")
    return column.strip(), value.strip()


def _undirected(comparison: Comparison, metrics: Sequence[Metric]) -> Comparison:
    """A metric without a better side is shown with its numbers, and claims nothing."""
    names = {m.spec.name for m in metrics if not m.directed}
    reason = "shown for information: neither more nor less of it is better"
    results: list[MetricResult] = []
    for result in comparison.metrics:
        if result.metric in names:
            result = replace(
                result, direction="none", verdict="inconclusive", reason=reason, cause=None, equivalent=False
            )
        results.append(result)
    return replace(comparison, metrics=tuple(results))


def dataset_report(prepared: Prepared) -> DatasetReport:
    """The dataset's entry in a report."""
    version = prepared.dataset
    return DatasetReport(version.name, version.label, version.hash, version.rows)


def failed_report(
    session: Session, prepared: Prepared, records: Sequence[RunRecord], error: LlmexpError, effort: Effort
) -> ExperimentReport:
    """The report of an experiment whose runs could not be completed: what finished, and why it stopped."""
    arms = {r.variant: arm_report(session, prepared, (r,)) for r in records if r.slot == SLOT_MAIN}
    return ExperimentReport(
        name=prepared.experiment.name,
        status="error",
        question=prepared.experiment.question,
        axis=prepared.experiment.axis,
        registration=prepared.registration.hash,
        dataset=dataset_report(prepared),
        baseline=arms.get(prepared.baseline),
        candidates=tuple(arms[c] for c in prepared.candidates if c in arms),
        metrics=(),
        reasons=(error.sentence,),
        warnings=prepared.warnings,
        notes=prepared.notes,
        calls=effort.calls,
        calls_saved=effort.saved,
        cost_usd=effort.cost_usd,
    )

"""Compares stored runs, judges the registered gates, and writes down what it found. Calls nothing.

`check`, `compare` and the app all come through here, so that what one shows, all show.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import cast

import numpy as np
import numpy.typing as npt

from llmexp_tui.domain.run import SLOT_MAIN, RunRecord
from llmexp_tui.errors import LlmexpError
from llmexp_tui.reports.record import DatasetReport, ExperimentReport
from llmexp_tui.stats.compare import compare_arms
from llmexp_tui.stats.floor import DRIFT_RUNS, REUSE_ROWS, FloorRecord, drift_between
from llmexp_tui.stats.judgement import MetricData
from llmexp_tui.stats.pairs import Samples
from llmexp_tui.stats.result import Comparison, MetricResult
from llmexp_tui.stats.slices import compare_slices
from llmexp_tui.stats.spec import ComparisonPlan, WorstRun
from llmexp_tui.stats.verdict import MIN_CLUSTERS
from llmexp_tui.store import runs
from llmexp_tui.workflows import judges
from llmexp_tui.workflows.arm_report import arm_report
from llmexp_tui.workflows.arms import DONE
from llmexp_tui.workflows.columns import Frame, frame, metric_samples
from llmexp_tui.workflows.differences import row_scores, worst_rows
from llmexp_tui.workflows.floors import floor_from_runs, stored_floor, usable_rows
from llmexp_tui.workflows.human import agreement_notes
from llmexp_tui.workflows.looks import look_of
from llmexp_tui.workflows.metrics import Metric, metrics_of
from llmexp_tui.workflows.outcome import settle
from llmexp_tui.workflows.prepare import Prepared
from llmexp_tui.workflows.rescore import rescore
from llmexp_tui.workflows.sentinel import stale_notes
from llmexp_tui.workflows.session import Session

AA_ARM = "\x00aa"
"""The A/A copy's name among the arms; no variant can be called so."""


_ROWS_SHARE, _COLUMNS_SHARE = 0.15, 0.35
"""About so much of the time is gone once the rows are read, and once the columns are; the rest is the statistics'."""

Arm = tuple[RunRecord, ...]
"""One arm's runs: one, or three under the three-run rule."""


@dataclass(frozen=True, slots=True)
class JudgedArms:
    """The runs to be compared. `aa` is the A/A's (main, copy), from this group or from elsewhere.

    `sentinel` is the baseline's variant as it ran together with candidates of another group.
    """

    baseline: Arm
    candidates: tuple[Arm, ...]
    aa: tuple[RunRecord, RunRecord] | None = None
    sentinel: RunRecord | None = None

    @property
    def interleaved(self) -> bool:
        """True where all arms were run together."""
        return all(run.group == self.baseline[0].group for run in self.sides)

    @property
    def own_aa(self) -> RunRecord | None:
        """The A/A copy that checks the health of this very comparison, not just a size.

        The copy of the baseline's own run; beside candidates of another time, the baseline run again with them.
        """
        if not self.interleaved:
            return self.sentinel
        return self.aa[1] if self.aa is not None and self.aa[0].id == self.baseline[0].id else None

    @property
    def sides(self) -> tuple[RunRecord, ...]:
        """Every run of every arm, the baseline's first; the A/A left out."""
        return (*self.baseline, *(run for arm in self.candidates for run in arm))

    @property
    def all(self) -> tuple[RunRecord, ...]:
        """Every run that is read."""
        found = {r.id: r for r in (*self.sides, *(self.aa or ()), *((self.sentinel,) if self.sentinel else ()))}
        return tuple(found.values())


@dataclass(frozen=True, slots=True)
class Effort:
    """What the invocation did before judging. `cost_usd` is None where an answer's cost is not known.

    `notes` says what it saved.
    """

    calls: int = 0
    cost_usd: float | None = 0.0
    saved: int = 0
    notes: tuple[str, ...] = ()


def judge(
    session: Session,
    prepared: Prepared,
    arms: JudgedArms,
    *,
    effort: Effort = Effort(),
    record: bool = True,
    by_row: bool = True,
    told: Callable[[float], object] = lambda share: None,
) -> ExperimentReport:
    """The report of an experiment from stored runs. `record` stores the comparison and its audit entry.

    `by_row` adds every row's scores; a look on the way needs none. `told` hears how much is done (0 to 1).
    """
    if not session.store.read_only:
        rescore(session, prepared, arms.all)
    gated = {gate.slice_parts[0] for gate in prepared.experiment.gates if gate.slice_parts}
    first = arms.baseline[0]
    # Slices are for whole runs: a look on the way decides gates only.
    declared = prepared.source.slices if first.status in DONE else ()
    slices = sorted(gated | set(declared))
    rows = frame(session, first.dataset_hash, prepared.source, slices, seed=first.seed)
    metrics = metrics_of(prepared.experiment, prepared.scorers, prepared.variants.get(prepared.baseline))
    told(_ROWS_SHARE)
    data = [d for metric in metrics if (d := arm_data(session, prepared, rows, arms, metric)) is not None]
    told(_COLUMNS_SHARE)
    groups = {column: rows.groups[column] for column in declared}
    comparison, by_slice = _compare(data, metrics, groups, arms, _plan(session, prepared, arms), told)
    report = ExperimentReport(
        name=prepared.experiment.name,
        status=comparison.status,
        question=prepared.experiment.question,
        axis=prepared.experiment.axis,
        registration=first.registration,
        dataset=dataset_report(prepared),
        baseline=arm_report(session, prepared, arms.baseline),
        candidates=tuple(arm_report(session, prepared, c, arms.baseline) for c in arms.candidates),
        metrics=comparison.metrics,
        slices=by_slice,
        reasons=comparison.reasons,
        warnings=(*prepared.warnings, *judges.warnings_of(session, prepared, arms.baseline, arms.candidates)),
        notes=(
            *prepared.notes,
            *effort.notes,
            *stale_notes(session, first, [arm[0] for arm in arms.candidates], arms.own_aa),
            *judges.position_notes(session, prepared, arms.baseline, arms.candidates),
            *agreement_notes(session, prepared, arms.baseline, arms.candidates),
        ),
        worst_rows=worst_rows(session, prepared, rows, arms.baseline, arms.candidates, metrics),
        row_scores=row_scores(session, rows, arms.baseline, arms.candidates, metrics) if by_row else (),
        confounded=prepared.experiment.axis == "any",
        has_gates=bool(prepared.experiment.gates),
        calls=effort.calls,
        calls_saved=effort.saved,
        cost_usd=effort.cost_usd,
        judge_noise=judges.noise_of(
            session, rows, metrics, prepared, arms.baseline, arms.candidates, _floors(session, rows, arms, metrics)
        ),
    )
    return settle(session, prepared, arms.sides, report, record=record)


def _compare(
    data: Sequence[MetricData],
    metrics: Sequence[Metric],
    groups: Mapping[str, npt.NDArray[np.object_]],
    arms: JudgedArms,
    plan: ComparisonPlan,
    told: Callable[[float], object],
) -> tuple[Comparison, tuple[MetricResult, ...]]:
    """The comparison of whole arms, and of every metric that has a better side on each slice of `groups`."""
    baseline, candidates = arms.baseline[0].variant, [arm[0].variant for arm in arms.candidates]
    aa = AA_ARM if arms.own_aa is not None else None
    comparison = compare_arms(
        data, baseline=baseline, candidates=candidates, aa=aa, plan=plan,
        told=lambda share: told(_COLUMNS_SHARE + (1.0 - _COLUMNS_SHARE) * share),
    )  # fmt: skip
    undirected = {m.spec.name for m in metrics if not m.directed}
    sliced = [d for d in data if d.spec.name not in undirected]
    by_slice = compare_slices(sliced, groups, baseline=baseline, candidates=candidates, aa=aa, plan=plan)
    return _undirected(comparison, metrics), by_slice


def _plan(session: Session, prepared: Prepared, arms: JudgedArms) -> ComparisonPlan:
    plan = prepared.experiment.plan
    first = arms.baseline[0]
    rows = runs.totals(session.store, first.id).attempted // first.repeats
    look = look_of(prepared, rows)
    planned = plan.anytime or (look.rows == rows and not look.final)
    return ComparisonPlan(
        alpha=plan.alpha,
        seed=int(first.registration[:15], 16),
        aa_required=plan.aa == "required",
        levels=look.levels,
        final_look=look.final,
        unplanned=not planned and any(run.status not in DONE for run in arms.sides),
        runs=plan.runs,
        worst_run=cast(WorstRun, plan.worst_run),
        anytime=plan.anytime,
        interleaved=arms.interleaved,
        confounded=prepared.experiment.axis == "any",
    )


def arm_data(
    session: Session, prepared: Prepared, rows: Frame, arms: JudgedArms, metric: Metric
) -> MetricData | None:
    """The metric's columns; None for an unregistered metric that nobody measured (time to first token)."""
    samples = _sides(session, rows, arms, metric)
    unmeasured = not any(bool(np.isfinite(s.scores).any()) for s in samples.values())
    if unmeasured and not metric.spec.registered and (metric.name == "ttft" or metric.by_people):
        return None
    baseline = samples.get(arms.baseline[0].variant)
    copy = _copy(session, rows, arms, metric, baseline)
    floor = None
    if arms.aa is not None and arms.own_aa is None:
        floor = floor_from_runs(session, rows, metric, *arms.aa)
    elif copy is None or _row_count(copy) < min(REUSE_ROWS, *map(_row_count, samples.values())):
        at = datetime.fromisoformat(arms.baseline[0].created_at)
        floor = stored_floor(session, prepared, rows, metric, at)
    if copy is not None:
        samples[AA_ARM] = copy
    masks = {name: usable_rows(rows, metric, baseline, side) for name, side in samples.items()}
    promised = prepared.experiment.plan.fresh_rows
    names = [arm[0].variant for arm in arms.candidates]
    scarcity = {name: _scarcity(rows, metric, baseline, samples[name], promised) for name in names}
    drift = 0.0 if arms.interleaved else _drift(session, rows, arms, metric)
    return MetricData(metric.spec, samples, rows.size, rows.clusters, masks, floor, rows.labels, scarcity, drift)


def _copy(
    session: Session, rows: Frame, arms: JudgedArms, metric: Metric, baseline: Samples | None
) -> Samples | None:
    """The A/A copy's samples; None where it has none that may be held against the baseline's."""
    if arms.own_aa is None or metric.by_people:
        return None
    copy = metric_samples(session, rows, (arms.own_aa,), metric, arms.baseline)
    if arms.sentinel is not None and copy.cached is not None:
        copy = copy.select(~copy.cached)  # what another run answered says nothing of today
    if not bool(np.isfinite(copy.scores).any()) and metric.fingerprint is not None:
        return None
    # A sentinel's rows are those whose baseline came from the cache: it has no times of today to compare with.
    timed = copy.select(usable_rows(rows, metric, baseline)[copy.rows])
    return copy if not metric.spec.same_job or _row_count(timed) >= MIN_CLUSTERS else None


def _row_count(samples: Samples) -> int:
    return len(np.unique(samples.rows))


def _scarcity(
    rows: Frame, metric: Metric, baseline: Samples | None, candidate: Samples, fresh_rows: int
) -> str | None:
    """Why too few rows were called by both arms for a time or a cost; None where the plan's promise was kept.

    Codes follow the order of dispatch, so what was promised are the first `fresh_rows` of those that were run.
    """
    if baseline is None or not metric.spec.same_job:
        return None
    usable = usable_rows(rows, metric, baseline, candidate)
    tried = np.bincount(baseline.rows, minlength=rows.size) * np.bincount(candidate.rows, minlength=rows.size) > 0
    called = int((usable & tried).sum())
    if not called:
        return "no row was called by both arms in this job, and what comes from the cache was timed at another time"
    promised = usable_rows(rows, metric) & tried
    promised[fresh_rows:] = False
    if not metric.spec.registered or called >= int(promised.sum()):
        return None
    return f"only {called} rows were called by both arms in this job, and the plan asks for {int(promised.sum())}"


def _drift(session: Session, rows: Frame, arms: JudgedArms, metric: Metric) -> float:
    """How far the baseline moves from run to run, where it was run often enough, each time afresh."""
    first = arms.baseline[0]
    found = runs.find_runs(
        session.store, variant_hash=first.variant_hash, dataset_hash=first.dataset_hash, statuses=DONE
    )
    mains = [r for r in reversed(found) if r.slot == SLOT_MAIN and r.number == 1 and r.repeats == first.repeats]
    if metric.against_baseline or metric.by_people or len(mains) <= DRIFT_RUNS:
        return 0.0
    samples = [metric_samples(session, rows, (run,), metric) for run in mains]
    fresh = [s if s.cached is None else s.select(~s.cached) for s in samples]
    return drift_between(metric.spec, [s for s in fresh if len(s.rows)], rows.size, rows.clusters)


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


def _floors(session: Session, rows: Frame, arms: JudgedArms, metrics: Sequence[Metric]) -> dict[str, FloorRecord]:
    """The A/A's floor of each scorer whose judge judged again; none without an A/A."""
    if arms.aa is None:
        return {}
    wanted = [m for m in metrics if m.rejudged and m.spec.slice is None and m.spec.statistic == "mean"]
    return {m.name: floor_from_runs(session, rows, m, *arms.aa) for m in wanted}


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
        notes=(*prepared.notes, *effort.notes),
        calls=effort.calls,
        calls_saved=effort.saved,
        cost_usd=effort.cost_usd,
    )

"""One metric of one candidate, from samples to a judged result; the gate's corrections come later.

Decides in which cases no verdict may be given at all. Knows nothing of other metrics or candidates.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from llmexp_tui.stats.anytime import BettingModel
from llmexp_tui.stats.engine import mean_model
from llmexp_tui.stats.estimate import ArmValue, Estimate, arm_value, betting_model, estimate
from llmexp_tui.stats.floor import FloorRecord, floor_from_repeats
from llmexp_tui.stats.fragility import fewest_swaps
from llmexp_tui.stats.interval import BoolArray, IntArray, IntervalModel
from llmexp_tui.stats.pairs import Pairs, Samples, pair
from llmexp_tui.stats.result import InfluentialRow, Verdict
from llmexp_tui.stats.sequential import runs3_levels
from llmexp_tui.stats.spec import ComparisonPlan, Levels, MetricSpec, tail_rows
from llmexp_tui.stats.verdict import MIN_CLUSTERS, Decision, Evidence, decide, guard_by_runs, undecided

UNBOUNDED_ROWS = 30
UNPLANNED = "the runs are not finished, and no look was planned for now"
FRAGILITY_ROWS = 20_000
"""Fragility re-estimates a few dozen times; above this many rows it would cost more than it tells."""


@dataclass(frozen=True, slots=True, eq=False)
class MetricData:
    """The columns of one metric.

    arms: variant name to its Samples, the A/A copy included. n_rows: row codes are below it. clusters: (n_rows,) int
    code of each row's cluster, None where rows are independent. mask: (n_rows,) rows that may be used, or one
    mask for each candidate (for latency: rows freshly called in both arms). floor: a stored noise floor, used
    where no A/A copy is given, and for its size where that copy is small. row_labels: (n_rows,) what the reader calls
    a row. scarcity: candidate to why the mask left it fewer rows than the plan promised, or None; there is no verdict
    then. drift: variance between runs (`floor.drift_between`), counted where the baseline was measured at another
    time.
    """

    spec: MetricSpec
    arms: Mapping[str, Samples]
    n_rows: int
    clusters: IntArray | None = None
    mask: BoolArray | Mapping[str, BoolArray] | None = None
    floor: FloorRecord | None = None
    row_labels: Sequence[Any] | None = None
    scarcity: Mapping[str, str | None] | None = None
    drift: float = 0.0

    def mask_for(self, name: str) -> BoolArray | None:
        """The rows that may be used for a candidate (or the A/A copy)."""
        return self.mask.get(name) if isinstance(self.mask, Mapping) else self.mask


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """All that is known about one metric of one candidate before corrections.

    estimate and evidence are None where nothing could be computed. invalid: the data must not be judged at all.
    """

    data: MetricData
    spec: MetricSpec
    candidate: str
    pairs: Pairs
    estimate: Estimate | None
    evidence: Evidence | None
    decision: Decision
    invalid: bool
    floor: FloorRecord
    levels: Levels
    baseline_value: ArmValue | None = None
    candidate_value: ArmValue | None = None
    row_variance: float | None = None
    fragility: int | None = None
    influential: tuple[InfluentialRow, ...] = ()
    run_deltas: tuple[float, ...] = ()


def judge_metric(
    data: MetricData, baseline: str, candidate: str, floor: FloorRecord, plan: ComparisonPlan, seed: int,
    *, details: bool = True,
) -> Judgement:
    """Judge one metric. floor: the metric's own, `unmeasured` where there is none; its health is already checked.

    details: with fragility and influential rows, which decide nothing.
    """
    spec = data.spec
    arms, levels, runs = _runs_in_force(data, baseline, candidate, plan)
    pairs = pair(spec, arms[0], arms[1], data.n_rows, data.clusters, data.mask_for(candidate))
    if floor.state == "unmeasured" and pairs.problem is None:
        floor = floor_from_repeats(spec, pairs)
    scarce = (data.scarcity or {}).get(candidate)
    few = "fewer than two independent rows"
    none = undecided("not_called", scarce) if scarce else undecided("too_little", few)
    blank = Judgement(data, spec, candidate, pairs, None, None, none, False, floor, levels)
    if scarce and pairs.n_clusters < 2:
        return blank
    if pairs.problem is not None:
        return replace(blank, decision=undecided("invalid", pairs.problem), invalid=True)
    if pairs.n_clusters < 2:
        return blank
    drift = 0.0 if plan.interleaved else max(data.drift, floor.drift_variance)
    try:
        est = estimate(spec, pairs, plan, seed, drift)
    except ValueError as error:
        return replace(blank, decision=undecided("invalid", str(error)), invalid=True)
    evidence = _evidence(spec, pairs, est, floor, levels, plan, seed)
    decision, invalid = _decision(spec, pairs, est, evidence, floor, levels, plan)
    deltas: tuple[float, ...] = ()
    by_run: tuple[Pairs, ...] = ()
    if scarce and not invalid:
        decision = none
    elif len(runs) == 3:
        by_run = _per_run(data, baseline, candidate, runs)
        decision, deltas = _guarded(decision, evidence, by_run, spec, plan, levels)
    judged = replace(
        blank,
        estimate=est,
        evidence=evidence,
        decision=decision,
        invalid=invalid,
        baseline_value=arm_value(spec, pairs, "baseline", plan.alpha),
        candidate_value=arm_value(spec, pairs, "candidate", plan.alpha),
        row_variance=_row_variance(spec, pairs, est),
        run_deltas=deltas,
    )
    if not details:
        return judged
    judged = replace(judged, influential=_influential(data, spec, pairs, est))
    return judged if scarce else replace(judged, fragility=_fragility(judged, by_run, plan, seed, drift))


def _runs_in_force(
    data: MetricData, baseline: str, candidate: str, plan: ComparisonPlan
) -> tuple[tuple[Samples | None, Samples], Levels, tuple[int, ...]]:
    """Arms, levels and runs: under the three-run rule the first run alone until all three are there."""
    first, second = data.arms.get(baseline), data.arms[candidate]
    if plan.runs != 3:
        return (first, second), plan.nominal, ()
    looks = runs3_levels(plan.alpha)
    if first is None:
        return (first, second), plan.levels or looks.levels(0), ()
    runs = np.intersect1d(first.run_numbers, second.run_numbers)
    if len(runs) >= 3:
        return (first, second), plan.levels or looks.levels(1), tuple(int(run) for run in runs[:3])
    only = int(runs[0]) if len(runs) else 0
    arms = first.select(first.run_numbers == only), second.select(second.run_numbers == only)
    return arms, plan.levels or looks.levels(0), ()


def _per_run(data: MetricData, baseline: str, candidate: str, runs: tuple[int, ...]) -> tuple[Pairs, ...]:
    """Each run's own pairs, without those of a run that has too few."""
    found = []
    for run in runs:
        sides = [data.arms[name] for name in (baseline, candidate)]
        one = [side.select(side.run_numbers == run) for side in sides]
        found.append(pair(data.spec, one[0], one[1], data.n_rows, data.clusters, data.mask_for(candidate)))
    return tuple(pairs for pairs in found if pairs.problem is None and pairs.n_clusters >= 2)


def _guarded(
    decision: Decision, evidence: Evidence, by_run: Sequence[Pairs], spec: MetricSpec, plan: ComparisonPlan,
    levels: Levels,
) -> tuple[Decision, tuple[float, ...]]:
    """The decision on pooled runs after the worst run's veto, and each run's own delta (oriented, working scale)."""
    models = [model for pairs in by_run if (model := _run_model(spec, pairs, plan)) is not None]
    deltas = tuple(model.estimate for model in models)
    lowers = tuple(model.lower(levels.noninferior) for model in models)
    shown = evidence.p_noninferior is not None and evidence.p_noninferior <= levels.noninferior
    margin = spec.working_margin if shown else None
    return guard_by_runs(decision, deltas, margin, plan.worst_run, lowers), deltas


def _run_model(spec: MetricSpec, pairs: Pairs, plan: ComparisonPlan) -> IntervalModel | None:
    """One run's own interval; None where its ratio is undefined."""
    try:
        return estimate(spec, pairs, plan, plan.seed, quick=True).interval
    except ValueError:
        return None


def _evidence(
    spec: MetricSpec, pairs: Pairs, est: Estimate, floor: FloorRecord, levels: Levels, plan: ComparisonPlan, seed: int
) -> Evidence:
    strict: BettingModel | None = None
    if spec.strict and not plan.anytime:
        order = np.random.default_rng(seed).permutation(pairs.n_clusters)
        strict = betting_model(spec, pairs, order)
    half = est.flip.p / 2.0
    bound = strict or est.interval
    return Evidence(
        delta=est.interval.estimate,
        p_flip=est.flip.p,
        p_improved=max(half, est.interval.p_above(spec.working_min_effect)),
        p_regressed=max(half, est.interval.p_below(0.0)),
        p_noninferior=est.p_noninferior(spec, strict),
        floor=floor.at(pairs.n, pairs.repeats),
        lower90=bound.lower(levels.noninferior),
        upper90=bound.upper(levels.noninferior),
        margin=spec.working_margin,
        significantly_worse=est.interval.p_below(0.0) <= levels.regress,
        significantly_better=max(half, est.interval.p_above(0.0)) <= levels.improve,
        active=est.flip.active,
        p_unseen=0.0 if strict is not None else est.p_unseen(spec),
        strict=strict is not None,
    )


def _decision(
    spec: MetricSpec, pairs: Pairs, est: Estimate, evidence: Evidence, floor: FloorRecord, levels: Levels,
    plan: ComparisonPlan,
) -> tuple[Decision, bool]:
    """The verdict, or why there is none; and whether the metric is invalid."""
    if floor.state == "invalid":
        return undecided("invalid", floor.reason or "the A/A failed"), True
    if plan.unplanned:
        return undecided("unplanned", UNPLANNED), False
    if pairs.doubt:
        return undecided("lost", pairs.doubt), False
    reason = _too_little(spec, pairs, est, plan)
    return undecided("too_little", reason) if reason else decide(evidence, levels), False


def _too_little(spec: MetricSpec, pairs: Pairs, est: Estimate, plan: ComparisonPlan) -> str | None:
    """Why there is too little of something for any verdict; None where there is enough."""
    if est.effective < MIN_CLUSTERS - 1e-9:
        what = "clusters" if pairs.clustered else "rows"
        return f"fewer than {MIN_CLUSTERS} independent {what} (effectively {est.effective:.1f})"
    if spec.type == "unbounded" and spec.quantile is None and pairs.n < UNBOUNDED_ROWS:
        return f"a score without bounds needs at least {UNBOUNDED_ROWS} rows"
    if spec.quantile is not None:
        if not plan.final_look or plan.anytime:
            return "a quantile is judged at the last look only"
        if pairs.n < tail_rows(spec.quantile):
            return f"too few rows beyond {spec.statistic}: use a lower quantile or the share above a limit"
    if plan.anytime and spec.width is None:
        return "watching live needs scores with bounds"
    return None


def _row_variance(spec: MetricSpec, pairs: Pairs, est: Estimate) -> float:
    """Variance of a row's difference (working scale, clusters' inflation included), for the planner."""
    if spec.quantile is not None or spec.type == "ratio":
        return est.interval.se**2 * pairs.n
    if not pairs.clustered:
        return float(np.mean(est.differences**2))
    plain = mean_model(pairs.cluster_sums(est.differences), pairs.cluster_sums(np.ones(pairs.n)))
    return plain.se**2 * pairs.n


def _influential(data: MetricData, spec: MetricSpec, pairs: Pairs, est: Estimate) -> tuple[InfluentialRow, ...]:
    """The three rows whose absence would move a graded delta most."""
    graded = spec.type in ("bounded", "unbounded", "latency", "ratio") or spec.interval_scale
    if spec.quantile is not None or not graded or pairs.n < 4:
        return ()
    if spec.type == "ratio":
        a, b = pairs.baseline, pairs.candidate
        if not math.isfinite(est.interval.estimate) or not b.any():
            return ()
        with np.errstate(divide="ignore", invalid="ignore"):
            change = np.log((b.sum() - b) / (a.sum() - a)) - math.log(b.sum() / a.sum())
    else:
        change = spec.sign * (est.differences.mean() - est.differences) / (pairs.n - 1)
    change = np.nan_to_num(change, nan=0.0, posinf=0.0, neginf=0.0)
    top = np.argsort(-np.abs(change), kind="stable")[:3]
    labels = data.row_labels
    return tuple(
        InfluentialRow(int(pairs.rows[i]) if labels is None else labels[int(pairs.rows[i])], float(change[i]))
        for i in top
        if change[i] != 0.0
    )


def _fragility(
    judged: Judgement, by_run: tuple[Pairs, ...], plan: ComparisonPlan, seed: int, drift: float
) -> int | None:
    spec, pairs, est = judged.spec, judged.pairs, judged.estimate
    if est is None or judged.invalid or plan.anytime or plan.unplanned or spec.quantile is not None or spec.strict:
        return None
    if pairs.n > FRAGILITY_ROWS or _too_little(spec, pairs, est, plan) or pairs.doubt:
        return None

    def verdict_after(mask: BoolArray) -> Verdict:
        swapped = _swapped(pairs, mask)
        runs = [_swapped(run, np.isin(run.rows, pairs.rows[mask])) for run in by_run]
        try:
            again = estimate(spec, swapped, plan, seed, drift, quick=True)
            evidence = _evidence(spec, swapped, again, judged.floor, judged.levels, plan, seed)
            decision = decide(evidence, judged.levels)
            return _guarded(decision, evidence, runs, spec, plan, judged.levels)[0].verdict
        except ValueError:
            return "inconclusive"

    none = verdict_after(np.zeros(pairs.n, dtype=bool))
    return fewest_swaps(est.differences, none, verdict_after)


def _swapped(pairs: Pairs, mask: BoolArray) -> Pairs:
    """The pairs with the two results of some rows exchanged."""
    a, b = pairs.baseline, pairs.candidate
    return replace(pairs, baseline=np.where(mask, b, a), candidate=np.where(mask, a, b))

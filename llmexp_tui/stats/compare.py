"""The public call: columns of numbers in, verdicts and a gate out.

`compare_arms` takes columns as arrays and is what the gate and the app call; `compare_scores` takes a table of scores
from anywhere and turns it into those arrays. Results depend on the data, the plan and its seed alone: not on
the order of rows, nor on which other metrics are asked about.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from llmexp_tui.domain.hashing import derived_seed
from llmexp_tui.errors import UnknownNameError, UsageError
from llmexp_tui.stats.anytime import BettingModel
from llmexp_tui.stats.estimate import Estimate
from llmexp_tui.stats.floor import HEALTH_ALPHA, SENTINEL_ROWS, UNMEASURED, FloorRecord, measure_floor
from llmexp_tui.stats.gate import GateInput, judge
from llmexp_tui.stats.judgement import Judgement, MetricData, judge_metric
from llmexp_tui.stats.multiplicity import benjamini_hochberg, holm
from llmexp_tui.stats.pairs import Samples
from llmexp_tui.stats.planner import MarginClaim, Variance, detectable_effect, rows_for_effect
from llmexp_tui.stats.result import Comparison, GateState, MetricResult, finite
from llmexp_tui.stats.spec import ComparisonPlan, Levels, MetricSpec
from llmexp_tui.stats.table import Table, metric_data

STALE = "the baseline is of another time, and no A/A of today on 30 rows or more shows that nothing has drifted"


def compare_scores(
    table: Table,
    *,
    baseline: str,
    candidates: Sequence[str],
    metrics: Sequence[MetricSpec],
    aa: str | None = None,
    alpha: float = 0.05,
    seed: int = 1,
    aa_required: bool = False,
    floors: Mapping[str, FloorRecord] | None = None,
    plan: ComparisonPlan | None = None,
) -> Comparison:
    """Compare candidates with a baseline on a table of scores.

    table: column name to a sequence or array: `row_id`, `variant`, `score`, and optionally `cluster`, `repeat`,
    `metric`, `error`, and any column that a slice names. An empty score with `error` set is a failed call; without,
    a failed scorer. Without a `metric` column every row belongs to every spec.
    aa: the variant that is the baseline's self-A/A copy; without one, and without a floor stored in `floors` (by
    metric name), the noise floor is unmeasured, which keeps the gate from passing only with `aa_required`.
    plan: replaces alpha, seed and aa_required by a full plan.
    Raises UsageError for a malformed table, UnknownNameError for a variant or metric that is not in it. Data that
    cannot be judged give status "invalid", never an exception.
    """
    plan = plan or ComparisonPlan(alpha=alpha, seed=seed, aa_required=aa_required)
    data = metric_data(table, metrics, [baseline, *candidates, *([aa] if aa else [])], plan, floors)
    return compare_arms(data, baseline=baseline, candidates=candidates, aa=aa, plan=plan)


def compare_arms(
    metrics: Sequence[MetricData],
    *,
    baseline: str,
    candidates: Sequence[str],
    aa: str | None = None,
    plan: ComparisonPlan | None = None,
    details: bool = True,
    told: Callable[[float], object] = lambda share: None,
) -> Comparison:
    """Compare candidates with a baseline on columns. One result for each candidate and MetricData, in that order.

    aa: name of the arm that is the baseline's A/A copy. A MetricData without that arm falls back to its stored floor,
    then to the baseline's repeats; with both, the copy is the health check and the stored floor the size. details:
    False leaves out fragility and influential rows. told: called with the share of the metrics that are judged
    (0 to 1); what it raises ends the comparison. Raises UsageError for an arm in two parts,
    UnknownNameError for an arm that is missing.
    """
    plan = plan or ComparisonPlan()
    _check_arms(metrics, baseline, candidates, aa)
    floors = _floors(metrics, baseline, aa, plan)
    stale: tuple[str, ...] = ()
    if not plan.interleaved:
        stale = tuple(dict.fromkeys(data.spec.name for data in metrics if _is_stale(data, aa)))
        metrics = [_demoted(data, aa) for data in metrics]
    judged: list[Judgement] = []
    for candidate in candidates:
        for data, floor in zip(metrics, floors, strict=True):
            seed = _seed(plan, data.spec, baseline, candidate)
            judged.append(judge_metric(data, baseline, candidate, floor, plan, seed, details=details))
            told(len(judged) / (len(candidates) * len(metrics)))
    outcome = judge([_gate_input(one) for one in judged], _levels(judged, plan), aa_required=plan.aa_required)
    adjusted = _adjusted(judged, plan)
    results = tuple(
        replace(_result(one, plan, state, p), shortfall=shortfall)
        for one, state, p, shortfall in zip(judged, outcome.states, adjusted, outcome.shortfalls, strict=True)
    )
    status, reasons = outcome.status, outcome.reasons
    if stale:
        status, reasons = "invalid", (f"{', '.join(stale)}: {STALE}", *reasons)
    return Comparison(status, results, reasons, finite(outcome.p_gate), plan.alpha, plan.seed)


def _check_arms(
    metrics: Sequence[MetricData], baseline: str, candidates: Sequence[str], aa: str | None
) -> None:
    if not metrics or not candidates:
        raise UsageError("nothing to compare", mend="name at least one metric and one candidate")
    if len(set(candidates)) < len(candidates):
        raise UsageError("a candidate is named twice", mend="name each one once")
    if aa is not None and aa in (baseline, *candidates):
        mend = "give the baseline's second run a name of its own"
        raise UsageError(f'"{aa}" cannot be the A/A copy too', mend=mend)
    for data in metrics:
        for name in candidates:
            if name == baseline:
                raise UsageError(f'candidate "{name}" is the baseline', mend="run it as a self-A/A instead")
            if name not in data.arms:
                raise UnknownNameError("variant", name, data.arms)
        if baseline not in data.arms and data.spec.type != "pairwise":
            raise UnknownNameError("variant", baseline, data.arms)


def _is_stale(data: MetricData, aa: str | None) -> bool:
    """True for a registered score whose baseline is of another time, without an A/A of today that watched for drift.

    An A/A of today that failed is no less today's: it makes its metric invalid by itself.
    """
    copy = data.arms.get(aa) if aa else None
    watched = 0 if copy is None else len(np.unique(copy.rows[np.isfinite(copy.scores)]))
    return data.spec.registered and not data.spec.same_job and watched < SENTINEL_ROWS


def _demoted(data: MetricData, aa: str | None) -> MetricData:
    """Times and costs of another hour prove nothing, and scores only beside an A/A of today."""
    if data.spec.same_job or _is_stale(data, aa):
        return replace(data, spec=replace(data.spec, role="exploratory"))
    return data


def _seed(plan: ComparisonPlan, spec: MetricSpec, one: str, other: str) -> int:
    """The metric's own seed: free of which other metrics there are, and of which arm is called the baseline."""
    low, high = sorted((one, other))
    return derived_seed(plan.seed, spec.name, spec.statistic, spec.slice or "", low, high)


def _levels(judged: Sequence[Judgement], plan: ComparisonPlan) -> Levels:
    """The strictest levels that a registered metric was held to; they differ where a metric lacks its later runs."""
    used = [one.levels for one in judged if one.spec.registered] or [plan.nominal]
    return Levels(
        min(level.improve for level in used),
        min(level.regress for level in used),
        min(level.noninferior for level in used),
    )


def _floors(
    metrics: Sequence[MetricData], baseline: str, aa: str | None, plan: ComparisonPlan
) -> list[FloorRecord]:
    """Each metric's floor, the unhealthy ones marked invalid.

    Health is corrected (Holm) among the registered metrics alone, so that an added exploratory one changes nothing.
    """
    floors = []
    for data in metrics:
        copy = data.arms.get(aa) if aa else None
        if copy is None or len(copy.rows) == 0:
            floors.append(replace(data.floor, source="stored") if data.floor else UNMEASURED)
            continue
        measured = measure_floor(
            data.spec, _first_run(data.arms.get(baseline, copy)), copy, data.n_rows, clusters=data.clusters,
            mask=data.mask_for(aa or ""), seed=_seed(plan, data.spec, baseline, aa or ""), draws=plan.draws,
        )  # fmt: skip
        floors.append(_sized(measured, data.floor))
    fresh = [i for i, floor in enumerate(floors) if floor.source != "repeats" and floor.p_value is not None]
    registered = [i for i in fresh if metrics[i].spec.registered]
    for family, members in ((registered, registered), (fresh, [i for i in fresh if i not in registered])):
        corrected = dict(zip(family, holm([floors[i].p_value or 0.0 for i in family]), strict=True))
        for i in members:
            if corrected[i] <= HEALTH_ALPHA:
                reason = "the baseline differs from itself: drift, a cache, or an order effect"
                if floors[i].source == "sentinel":
                    reason = "the baseline's stored answers differ from those that it gives now: call both arms anew"
                floors[i] = replace(floors[i], state="invalid", reason=reason)
    return floors


def _sized(measured: FloorRecord, stored: FloorRecord | None) -> FloorRecord:
    """The floor of a small A/A (a sentinel): its health, with the size of the stored one, which had more rows."""
    if stored is None or measured.state == "invalid":
        return measured
    moves_after_all = stored.state == "deterministic" and measured.state == "measured"
    size = measured if moves_after_all else stored
    return replace(size, p_value=measured.p_value, source="sentinel")


def _first_run(arm: Samples) -> Samples:
    """The calls that the A/A copy was interleaved with: those of the first run under the three-run rule."""
    if arm.runs is None or len(arm.runs) == 0:
        return arm
    return arm.select(arm.runs == arm.runs.min())


def _gate_input(one: Judgement) -> GateInput:
    evidence = one.evidence
    return GateInput(
        candidate=one.candidate,
        metric=_title(one.spec),
        role=one.spec.role,
        verdict=one.decision.verdict,
        reason=one.decision.reason,
        p_noninferior=evidence.p_noninferior if evidence else None,
        p_improved=evidence.p_improved if evidence else None,
        p_regressed=evidence.p_regressed if evidence else None,
        invalid=one.invalid,
        floor_unmeasured=one.floor.state == "unmeasured",
    )


def _title(spec: MetricSpec) -> str:
    """What a gate's reason calls the metric: two gates on one metric are told apart."""
    statistic = "" if spec.statistic == "mean" else spec.statistic
    limit = "" if spec.threshold is None else f"above {spec.threshold:g}"
    return " ".join(filter(None, (spec.name, statistic, limit, spec.slice)))


def _adjusted(judged: Sequence[Judgement], plan: ComparisonPlan) -> list[float | None]:
    """Holm over what is registered, Benjamini-Hochberg over the rest; None where there is no p-value."""
    adjusted: list[float | None] = [None] * len(judged)
    for registered, correct in ((True, holm), (False, benjamini_hochberg)):
        family = [(i, one.estimate) for i, one in enumerate(judged) if one.spec.registered == registered]
        tested = {
            i: est.flip.p if registered else est.p_explored for i, est in family if est and _testable(est, plan)
        }
        for i, p in zip(tested, correct(list(tested.values())), strict=True):
            adjusted[i] = p
    return adjusted


def _testable(est: Estimate, plan: ComparisonPlan) -> bool:
    """False where nobody planned to look, or a plan may at any time and the p-value holds for one look only."""
    return not plan.unplanned and (not plan.anytime or isinstance(est.interval, BettingModel))


def _result(one: Judgement, plan: ComparisonPlan, state: GateState | None, p_adjusted: float | None) -> MetricResult:
    """The judgement in the metric's own sign and unit."""
    spec, pairs, evidence, floor = one.spec, one.pairs, one.evidence, one.floor
    shown_floor = evidence.floor if evidence else floor.at(pairs.n, pairs.repeats)
    blank = MetricResult(
        candidate=one.candidate, metric=spec.name, statistic=spec.statistic, type=spec.type,
        registered=spec.registered, n_pairs=pairs.n, n_dropped=pairs.n_dropped, clusters=pairs.n_clusters,
        repeats=pairs.repeats, baseline=None, candidate_value=None, delta=None, ci_low=None, ci_high=None,
        ci90_low=None, ci90_high=None, p_value=None, p_adjusted=None, p_noninferiority=None, margin=spec.margin,
        noise_floor=_size(spec, shown_floor), noise_floor_state=floor.state, mde=None, rows_needed=None, wins=0,
        losses=0, ties=0, method="none", seed=plan.seed, verdict=one.decision.verdict,
        equivalent=one.decision.equivalent, reason=one.decision.reason, gate=state, role=spec.role, slice=spec.slice,
        direction="higher" if spec.sign > 0 else "lower", is_ratio=spec.is_ratio, invalid=one.invalid,
        on_inconclusive=spec.on_inconclusive, cause=one.decision.cause, alpha=plan.alpha, note=_note(one, plan),
        confounded=plan.confounded, threshold=spec.threshold, net=spec.is_net,
        aa_p_value=finite(floor.p_value), aa_rows=floor.rows or None, floor_source=_floor_source(floor),
        flip_rate=finite(floor.flip_rate), flip_rate_bound=finite(floor.flip_rate_bound),
        repeats_min=pairs.repeats_min, n_failed_baseline=pairs.n_failed_baseline,
        n_failed_candidate=pairs.n_failed_candidate, n_scorer_failed=pairs.n_scorer_failed,
        n_unpaired=pairs.n_unpaired, n_left_out=pairs.n_left_out, n_bad_values=pairs.n_bad_values,
    )
    return blank if evidence is None else _with_numbers(blank, one, plan, p_adjusted)


def _with_numbers(
    blank: MetricResult, one: Judgement, plan: ComparisonPlan, p_adjusted: float | None
) -> MetricResult:
    est, evidence, spec, levels = one.estimate, one.evidence, one.spec, one.levels
    assert est is not None and evidence is not None
    model = est.interval
    error = model.se
    ci = _interval(spec, model.lower(levels.improve), model.upper(levels.regress))
    ci90 = _interval(spec, evidence.lower90, evidence.upper90)
    rows, repeats = _needed(one, plan)
    variance = one.row_variance or 0.0
    worst = _worst_case(one)
    floor = evidence.floor
    tested = _testable(est, plan)
    return replace(
        blank,
        baseline=finite(one.baseline_value.value) if one.baseline_value else None,
        candidate_value=finite(one.candidate_value.value) if one.candidate_value else None,
        baseline_low=finite(one.baseline_value.low) if one.baseline_value else None,
        baseline_high=finite(one.baseline_value.high) if one.baseline_value else None,
        candidate_low=finite(one.candidate_value.low) if one.candidate_value else None,
        candidate_high=finite(one.candidate_value.high) if one.candidate_value else None,
        delta=_own(spec, evidence.delta),
        ci_low=ci[0],
        ci_high=ci[1],
        ci90_low=ci90[0],
        ci90_high=ci90[1],
        p_value=finite(evidence.p_flip) if tested else None,
        p_adjusted=finite(p_adjusted),
        q_value=None if spec.registered else finite(p_adjusted),
        p_noninferiority=finite(evidence.p_noninferior) if tested else None,
        p_improved=finite(evidence.p_improved) if tested else None,
        p_regressed=finite(evidence.p_regressed) if tested else None,
        p_mid=finite(est.p_mid) if tested else None,
        p_wilcoxon=finite(est.p_wilcoxon) if tested else None,
        mde=_size(spec, detectable_effect(error**2, 1.0, alpha=plan.alpha)),
        rows_needed=rows,
        repeats_needed=repeats,
        wins=est.wins,
        losses=est.losses,
        ties=one.pairs.n - est.wins - est.losses,
        method=f"{est.method}+betting margin" if evidence.strict else est.method,
        effective_clusters=finite(est.effective),
        sd=finite(math.sqrt(variance)),
        standard_error=finite(error),
        floor_ratio=finite(abs(evidence.delta) / floor) if floor else None,
        worst_case_low=worst[0],
        worst_case_high=worst[1],
        fragility=one.fragility,
        influential=one.influential,
        run_deltas=tuple(value for delta in one.run_deltas if (value := _own(spec, delta)) is not None),
    )


def _own(spec: MetricSpec, oriented: float | None) -> float | None:
    """A signed working value in the metric's own sign and unit."""
    value = finite(oriented)
    if value is None:
        return None
    signed = spec.sign * value + 0.0  # without a minus before a zero
    return _ratio(signed) if spec.is_ratio else signed


def _size(spec: MetricSpec, working: float | None) -> float | None:
    """An unsigned working size in the metric's unit."""
    value = finite(working)
    return _ratio(value) if value is not None and spec.is_ratio else value


def _ratio(log: float) -> float | None:
    """exp(log) - 1, None where that is beyond a float: with hardly one cluster there is no bound."""
    try:
        return math.expm1(log)
    except OverflowError:
        return None


def _interval(spec: MetricSpec, low: float, high: float) -> tuple[float | None, float | None]:
    """The ends in the metric's own sign; a bounded score cannot differ by more than its range."""
    if spec.width is not None:
        low, high = max(low, -spec.width), min(high, spec.width)
    ends = _own(spec, low), _own(spec, high)
    return ends if spec.sign > 0 else (ends[1], ends[0])


def _needed(one: Judgement, plan: ComparisonPlan) -> tuple[int | None, int | None]:
    """Rows, or repeats on the same rows, that would decide; the rows there are where it is decided already.

    First what an equal candidate would need to pass. Where that many rows are there already, what the delta seen
    would need if it were the truth: to pass if it lies within the margin, else to be called a regression.
    """
    spec, pairs, evidence, variance = one.spec, one.pairs, one.evidence, one.row_variance
    if one.decision.verdict != "inconclusive" or evidence is None or variance is None:
        return pairs.n, None
    margin, delta = spec.working_margin, evidence.delta
    if margin is None:
        return rows_for_effect(variance, delta, alpha=plan.alpha), None
    size = pairs.n / one.estimate.independent if one.estimate else 1.0
    claim = MarginClaim(
        margin, spec.width, plan.alpha, design_effect=size, betting=spec.strict or plan.anytime
    )
    rows = claim.rows(variance)
    if rows is not None and rows <= pairs.n:
        toward = claim.rows(variance, min(0.0, delta))
        away = rows_for_effect(variance, delta, alpha=plan.alpha) if delta < 0 else None
        rows = max(pairs.n, min((n for n in (toward, away) if n is not None), default=pairs.n))
    repeats = None
    if one.floor.variance is not None:
        between = max(0.0, variance - 2.0 * one.floor.variance / max(1.0, pairs.repeats))
        split = Variance(between, one.floor.variance, "aa")
        repeats = claim.repeats(split, pairs.n)
        repeats = repeats if repeats is not None and repeats > pairs.repeats else None
    return rows, repeats


def _worst_case(one: Judgement) -> tuple[float | None, float | None]:
    """The delta if every pair lost to the scorer had gone one way."""
    lost, width, evidence = one.pairs.n_scorer_failed, one.spec.width, one.evidence
    if not lost or width is None or evidence is None:
        return None, None
    n, total = one.pairs.n, evidence.delta * one.pairs.n
    return _interval(one.spec, (total - lost * width) / (n + lost), (total + lost * width) / (n + lost))


def _floor_source(floor: FloorRecord) -> str | None:
    return None if floor.state == "unmeasured" else floor.source


def _note(one: Judgement, plan: ComparisonPlan) -> str | None:
    notes = [one.decision.note] if one.decision.note else []
    if one.spec.type == "unbounded" and one.spec.quantile is None:
        notes.append("no finite-sample guarantee for a score without bounds")
    if not plan.interleaved and not one.spec.registered:
        notes.append("exploratory: the baseline was measured at another time")
    return "; ".join(notes) or None

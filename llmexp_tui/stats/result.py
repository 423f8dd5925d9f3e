"""What a comparison answers. Numbers are finite floats or None, in the metric's own sign and unit.

The names of a MetricResult are the names of the report's JSON. Nothing here computes a statistic.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Literal

from llmexp_tui.stats.spec import Direction, OnInconclusive, Role

Verdict = Literal["improved", "regressed", "no_regression", "inconclusive"]
GateState = Literal["pass", "fail", "inconclusive"]
Status = Literal["pass", "fail", "inconclusive", "invalid"]
Cause = Literal["open", "unseen", "floor", "few_differ", "no_margin", "worst_run", "too_little", "not_called", "lost",
                "invalid", "unplanned"]  # fmt: skip
Shortfall = Literal["correction", "must_improve", "floor"]
FloorState = Literal["measured", "deterministic", "unmeasured", "invalid"]


@dataclass(frozen=True, slots=True)
class InfluentialRow:
    """A row and by how much the delta would change without it (working scale, metric's own sign)."""

    row: Any
    change: float


@dataclass(frozen=True, slots=True)
class MetricResult:
    """One metric of one candidate against the baseline.

    delta, ci_*, noise_floor, margin, mde: candidate minus baseline; a ratio minus one where `is_ratio`.
    ci_low/ci_high: the interval behind improved and regressed (95 % for alpha .05; the repeated interval at a
    planned look). ci90_low/ci90_high: the interval behind the margin claim.
    p_value: two-sided, no difference. p_adjusted: Holm over the registered metrics and candidates, or the
    Benjamini-Hochberg q-value where nothing is registered. p_noninferiority: one-sided, worse by the margin.
    mde: smallest true effect that would be found 8 times in 10. rows_needed, repeats_needed: what would give the
    margin claim that chance if the variants are equal; None where nothing would.
    n_dropped: rows without a usable pair. fragility: fewest rows whose two results, swapped, change the verdict.
    cause: what kind of reason an inconclusive verdict has; None for every other verdict.
    shortfall: what keeps a verdict from counting for the gate: the correction for several metrics or candidates, a
    role that asks for more, or the floor that the plan requires; None where nothing does.
    threshold: of a share, the limit above which a value counts. net: the delta is rows won less rows lost, as a share
    of the rows, whatever unit the arms' own values have.
    worst_case_low/high: the delta if every pair lost to the scorer had gone against, or for, the candidate.
    """

    candidate: str
    metric: str
    statistic: str
    type: str
    registered: bool
    n_pairs: int
    n_dropped: int
    clusters: int
    repeats: float
    baseline: float | None
    candidate_value: float | None
    delta: float | None
    ci_low: float | None
    ci_high: float | None
    ci90_low: float | None
    ci90_high: float | None
    p_value: float | None
    p_adjusted: float | None
    p_noninferiority: float | None
    margin: float | None
    noise_floor: float | None
    noise_floor_state: FloorState
    mde: float | None
    rows_needed: int | None
    wins: int
    losses: int
    ties: int
    method: str
    seed: int
    verdict: Verdict
    equivalent: bool
    reason: str
    gate: GateState | None
    # What follows is beyond the report's required names.
    role: Role = "gate"
    slice: str | None = None
    direction: Direction | Literal["none"] = "higher"
    is_ratio: bool = False
    threshold: float | None = None
    net: bool = False
    invalid: bool = False
    on_inconclusive: OnInconclusive = "fail"
    alpha: float = 0.05
    cause: Cause | None = None
    shortfall: Shortfall | None = None
    note: str | None = None
    confounded: bool = False
    q_value: float | None = None
    p_improved: float | None = None
    p_regressed: float | None = None
    p_mid: float | None = None
    p_wilcoxon: float | None = None
    effective_clusters: float | None = None
    sd: float | None = None
    standard_error: float | None = None
    baseline_low: float | None = None
    baseline_high: float | None = None
    candidate_low: float | None = None
    candidate_high: float | None = None
    aa_p_value: float | None = None
    aa_rows: int | None = None
    floor_source: str | None = None
    floor_ratio: float | None = None
    flip_rate: float | None = None
    flip_rate_bound: float | None = None
    repeats_min: int = 1
    repeats_needed: int | None = None
    n_failed_baseline: int = 0
    n_failed_candidate: int = 0
    n_scorer_failed: int = 0
    n_unpaired: int = 0
    n_left_out: int = 0
    n_bad_values: int = 0
    worst_case_low: float | None = None
    worst_case_high: float | None = None
    fragility: int | None = None
    influential: tuple[InfluentialRow, ...] = ()
    run_deltas: tuple[float, ...] = ()


SLICE_ROWS = 30
"""A slice with fewer rows says little, whatever it shows."""
SLICE_Q = 0.10
"""Of the slices with a q-value up to here, about so many stand out by chance alone."""


def is_small(metric: MetricResult) -> bool:
    """True for a slice with so few rows that it is shown for completeness only."""
    return metric.n_pairs < SLICE_ROWS


def stands_out(metric: MetricResult) -> bool:
    """True for a slice whose change is more than looking at many slices would show by chance."""
    return metric.q_value is not None and metric.q_value <= SLICE_Q and not is_small(metric)


@dataclass(frozen=True, slots=True)
class Comparison:
    """All metrics of all candidates, and what the gate makes of them.

    status: fail where a gate metric regressed after correction; else invalid where a registered metric cannot be
    judged; else inconclusive where one is undecided; else pass. `reasons` says why, one short sentence each.
    """

    status: Status
    metrics: tuple[MetricResult, ...]
    reasons: tuple[str, ...] = ()
    p_gate: float | None = None
    alpha: float = 0.05
    seed: int = 1


def to_json(value: Any) -> Any:
    """A result as plain JSON values: dataclasses to objects, tuples to lists, anything not finite to null."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, (list, tuple)):
        return [to_json(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (str, bool, int)):
        return value
    return str(value)


def finite(value: float | None) -> float | None:
    """The value as a Python float, None for what is not a finite number."""
    if value is None or not math.isfinite(value):
        return None
    return float(value)

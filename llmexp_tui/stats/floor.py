"""The noise floor: how far the baseline moves when it is run against itself.

An extra hurdle for improved and regressed, a health check of the whole harness (drift, caches, order effects),
and what the planner needs. Four states are told apart: measured, deterministic (it moved on no row),
unmeasured, invalid.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from llmexp_tui.stats.estimate import quantile_test
from llmexp_tui.stats.interval import BoolArray, IntArray
from llmexp_tui.stats.pairs import Pairs, Samples, pair
from llmexp_tui.stats.result import FloorState
from llmexp_tui.stats.signflip import flip_sd, sign_flip
from llmexp_tui.stats.spec import MetricSpec

REACH = 1.96
HEALTH_ALPHA = 0.01
VALID_SECONDS = 7 * 86400.0
REUSE_ROWS = 100
DRIFT_RUNS = 5
SENTINEL_ROWS = 30
"""Rows of an A/A of today that a comparison with a stored baseline needs, to notice that something drifted."""


@dataclass(frozen=True, slots=True)
class FloorKey:
    """All that a floor was measured with. Two floors are the same thing only where every part is equal."""

    variant: str
    dataset: str
    scorer: str
    model: str
    metric: str
    statistic: str = "mean"
    slice: str | None = None


@dataclass(frozen=True, slots=True)
class FloorRecord:
    """A measured noise floor, with everything that defines it.

    value: F on the working scale (log for ratios), for `rows` rows of `repeats` calls; None where unmeasured.
    p_value: sign-flip p of the A/A. variance: sampling variance of one call (working scale). flip_rate: share of rows
    that moved. delta: the A/A's own difference. measured_at: Unix seconds. source: `aa`, `stored`, `repeats`, or
    `sentinel` (stored, with the health of a small A/A).
    """

    state: FloorState
    value: float | None = None
    rows: int = 0
    repeats: float = 1.0
    p_value: float | None = None
    variance: float | None = None
    flip_rate: float | None = None
    delta: float | None = None
    source: str = "aa"
    reason: str | None = None
    key: FloorKey | None = None
    measured_at: float | None = None
    seed: int | None = None
    drift_variance: float = 0.0

    def at(self, rows: int, repeats: float) -> float | None:
        """F for an experiment of this size: it shrinks with the root of rows and of repeats."""
        if self.value is None or rows <= 0 or repeats <= 0:
            return None
        return self.value * math.sqrt(self.rows / rows) * math.sqrt(self.repeats / repeats)

    @property
    def flip_rate_bound(self) -> float | None:
        """95 % upper bound of the flip rate where no row moved."""
        return 1.0 - 0.05 ** (1.0 / self.rows) if self.state == "deterministic" and self.rows else None

    def refusal(self, key: FloorKey, now: float, of_rows: int | None = None) -> str | None:
        """Why this stored floor may not be used for `key` at `now` (Unix seconds); None where it may.

        It must have REUSE_ROWS rows, or the `of_rows` that there are; a tenth of those may be lost to failed calls.
        """
        needed = REUSE_ROWS if of_rows is None else math.ceil(0.9 * min(REUSE_ROWS, of_rows))
        if self.state not in ("measured", "deterministic"):
            return f"the stored A/A is {self.state}"
        if self.key != key:
            return "the stored A/A was measured with another variant, dataset, scorer or model"
        if self.measured_at is None or abs(now - self.measured_at) > VALID_SECONDS:
            return "the stored A/A is older than seven days"
        if self.rows < needed:
            return f"the stored A/A has {self.rows} rows, fewer than {needed}"
        if self.p_value is not None and self.p_value <= HEALTH_ALPHA:
            return "the stored A/A found a difference where there is none"
        return None


UNMEASURED = FloorRecord("unmeasured")


def measure_floor(
    spec: MetricSpec,
    baseline: Samples,
    copy: Samples,
    n_rows: int,
    *,
    clusters: IntArray | None = None,
    mask: BoolArray | None = None,
    seed: int = 1,
    draws: int = 9999,
) -> FloorRecord:
    """The floor from a self-A/A: the baseline's samples and those of its copy, called fresh and interleaved.

    Arrays as in `pairs.pair`; the copy may cover fewer rows than the baseline, F scales with them. An A/A with an
    answer from the cache is invalid, never deterministic.
    """
    if copy.cached is not None and bool(copy.cached.any()):
        return FloorRecord("invalid", reason="the A/A copy holds answers from the cache")
    covered = np.bincount(copy.rows, minlength=n_rows) > 0
    mask = covered if mask is None else covered & mask
    pairs = pair(spec, None if spec.type == "pairwise" else baseline, copy, n_rows, clusters, mask)
    if pairs.problem or pairs.n < 2:
        return FloorRecord("invalid", rows=pairs.n, reason=f"the A/A cannot be used: {pairs.problem or 'one row'}")
    if spec.quantile is not None:
        return _quantile_floor(spec, pairs, seed)
    difference = pairs.difference(spec.sign)
    if spec.is_net:
        difference = np.sign(difference)
    sums = pairs.cluster_sums(difference)
    scale = float(pairs.n)
    if spec.type == "ratio":
        scale = float(pairs.baseline.sum() + pairs.candidate.sum()) / 2.0
        # Nothing that costs nothing can move.
        scale = scale or 1.0
    moved = float(np.mean(difference != 0.0))
    per_row = difference * (pairs.n / scale)
    return FloorRecord(
        state="measured" if moved else "deterministic",
        value=REACH * flip_sd(sums) / scale,
        rows=pairs.n,
        repeats=pairs.repeats,
        p_value=sign_flip(sums, seed, draws).p,
        variance=pairs.repeats * float(np.mean(per_row**2)) / 2.0,
        flip_rate=moved,
        delta=float(sums.sum()) / scale,
        seed=seed,
    )


def _quantile_floor(spec: MetricSpec, pairs: Pairs, seed: int) -> FloorRecord:
    observed, swapped, flip = quantile_test(spec, pairs, seed)
    moved = bool(np.any(swapped > 0.0))
    reach = float(np.quantile(swapped, 0.95))
    return FloorRecord(
        state="measured" if moved else "deterministic",
        value=reach,
        rows=pairs.n,
        repeats=pairs.repeats,
        p_value=flip.p,
        variance=pairs.repeats * pairs.n * (reach / REACH) ** 2 / 2.0,
        flip_rate=float(np.mean(pairs.difference(1) != 0.0)),
        delta=observed,
        seed=seed,
    )


def floor_from_repeats(spec: MetricSpec, pairs: Pairs) -> FloorRecord:
    """The free floor of two or more repeats: the baseline's own spread within rows. Means only; no health check."""
    free = pairs.baseline_counts - 1
    if spec.quantile is not None or spec.type in ("pairwise", "ordinal") or int(free.sum()) < pairs.n / 2:
        return UNMEASURED
    within = float(pairs.baseline_spread.sum()) / float(free.sum())
    if spec.type == "ratio":
        mean = float(pairs.baseline.mean())
        within = within / mean / mean if mean > 0.0 else within
    # A mean of equal repeats leaves rounding noise, which is not sampling noise.
    size = float(np.max(np.abs(pairs.baseline), initial=0.0))
    if within <= (1e-12 * max(1.0, size)) ** 2:
        within = 0.0
    repeats = pairs.repeats
    return FloorRecord(
        state="measured" if within else "deterministic",
        value=REACH * math.sqrt(2.0 * within / (repeats * pairs.n)),
        rows=pairs.n,
        repeats=repeats,
        variance=within,
        flip_rate=float(np.mean(pairs.baseline_spread > 0.0)),
        source="repeats",
    )


def drift_variance(deltas: list[float], floor: float) -> float:
    """Between-run variance tau^2 from at least five stored A/As of separate runs, on the working scale; else 0.

    deltas: the A/As' differences. floor: their F. To be added to the squared error of a comparison whose arms were
    not interleaved.
    """
    if len(deltas) < DRIFT_RUNS:
        return 0.0
    return max(0.0, float(np.var(deltas, ddof=1)) - (floor / REACH) ** 2)


def drift_between(
    spec: MetricSpec, runs: Sequence[Samples], n_rows: int, clusters: IntArray | None = None
) -> float:
    """Between-run variance from runs of one variant at different times, in their order; 0 for fewer than six.

    Each run is held against the one before it, as `measure_floor` holds a copy against its baseline.
    """
    pairs = [measure_floor(spec, one, other, n_rows, clusters=clusters, draws=99) for one, other in pairwise(runs)]
    usable = [(f.delta, at) for f in pairs if f.delta is not None and (at := f.at(f.rows, f.repeats)) is not None]
    if not usable:
        return 0.0
    typical = math.sqrt(float(np.mean([floor**2 for _, floor in usable])))
    return drift_variance([delta for delta, _ in usable], typical)


@dataclass(frozen=True, slots=True)
class NoiseShares:
    """Sampling variance of one call, split: what the model adds, what the judge adds, and the judge's share."""

    total: float
    judge: float
    generation: float
    judge_share: float | None


def change_shares(noise: NoiseShares, row_variance: float, repeats: float) -> tuple[float, float, float] | None:
    """The parts of (judge, generation, rows) in the variance of a row's difference between two arms; their sum is 1.

    row_variance: of the rows' differences; repeats: calls a row and arm. V = omega^2 + 2 sigma^2 / K (Miller 2024),
    so rows have what the noise of the calls leaves. None where nothing varies.
    """
    judge, generation = 2.0 * noise.judge / repeats, 2.0 * noise.generation / repeats
    whole = max(row_variance, judge + generation)
    return (judge / whole, generation / whole, 1.0 - (judge + generation) / whole) if whole > 0.0 else None


def judge_share(variance: float, first: Samples, again: Samples) -> NoiseShares:
    """Split an A/A's variance by a scorer A/A: the same outputs scored twice, `first` and `again` call by call.

    Raises ValueError where the two do not describe the same calls.
    """
    if len(first.rows) != len(again.rows) or bool(np.any(first.rows != again.rows)):
        raise ValueError("both scorings must hold the same calls in the same order")
    gaps = again.scores - first.scores
    gaps = gaps[np.isfinite(gaps)]
    judge = float(np.mean(gaps**2)) / 2.0 if len(gaps) else 0.0
    share = min(1.0, judge / variance) if variance > 0.0 else None
    return NoiseShares(variance, judge, max(0.0, variance - judge), share)


"""From calls to pairs: which rows count, what a failed call is worth, and what was lost on the way.

One place decides the error policy, so that quality, latency and cost can never disagree about which rows they used.
A failed call is the variant's fault and counts against it; a failed scorer is not, and costs the pair.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from llmexp_tui.errors import UsageError
from llmexp_tui.stats.distributions import sign_test
from llmexp_tui.stats.interval import BoolArray, FloatArray, IntArray
from llmexp_tui.stats.spec import MetricSpec

LOST_SHARE = 0.02
"""More than this share of pairs lost, and what is left need not speak for the rows."""
LARGEST = 1e100
"""A score beyond this is as little one as infinity is; its square would be."""
_TIE = 1e-12
"""Differences below this share of the largest one are rounding of equal means."""


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """One arm's scores on one metric, one entry per call.

    rows: (N,) int row codes, 0 <= code < n_rows, the same code meaning the same row in every arm.
    scores: (N,) floats in the metric's unit; NaN, infinite or beyond 1e100 means that there is no score.
    failed: (N,) bools, True where the call itself failed after retries; None where none did.
    repeats: (N,) ints; needed as soon as a row occurs twice. runs: (N,) ints, which run a call belongs to, for the
    three-run rule; None takes the repeats for the runs.
    cached: (N,) bools, True for an answer taken from another run; None where none was. Latencies so marked are left
    out, and an A/A copy so marked is invalid.
    """

    rows: IntArray
    scores: FloatArray
    failed: BoolArray | None = None
    repeats: IntArray | None = None
    cached: BoolArray | None = None
    runs: IntArray | None = None

    def __post_init__(self) -> None:
        for name in ("scores", "failed", "repeats", "cached", "runs"):
            column = getattr(self, name)
            if column is not None and len(column) != len(self.rows):
                raise UsageError(
                    f"column {name} has {len(column)} entries, rows has {len(self.rows)}",
                    mend="give every column one entry per call",
                )

    def select(self, keep: BoolArray) -> Samples:
        """The calls where `keep` (N,) is True."""
        return Samples(
            self.rows[keep],
            self.scores[keep],
            None if self.failed is None else self.failed[keep],
            None if self.repeats is None else self.repeats[keep],
            None if self.cached is None else self.cached[keep],
            None if self.runs is None else self.runs[keep],
        )

    @property
    def run_numbers(self) -> IntArray:
        """(N,) the run of each call; 0 where neither runs nor repeats are known."""
        if self.runs is not None:
            return self.runs
        return np.zeros(len(self.rows), dtype=np.int64) if self.repeats is None else self.repeats


@dataclass(frozen=True, slots=True, eq=False)
class Arm:
    """One arm reduced to rows. All arrays have shape (n_rows,).

    mean: row mean on the working scale (log for latency), NaN where no repeat has a value. count: repeats with a
    value. attempted: the row was called. scorer_failed: no value, and not because the call failed. spread: sum of
    squared deviations within the row. calls, call_rows: (M,) single values and their rows, kept for quantiles.
    """

    mean: FloatArray
    count: IntArray
    attempted: BoolArray
    scorer_failed: BoolArray
    spread: FloatArray
    calls: FloatArray
    call_rows: IntArray
    failed_calls: int
    bad_values: int


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Rows with a value in both arms, in ascending row code; arrays of shape (n,) unless said otherwise.

    clusters: 0..n_clusters-1. largest_cluster: rows of the largest cluster there is, those not called yet included.
    single: no row was called more than once. baseline_calls, candidate_calls: single values (M,) with their pair's
    index (M,).
    problem: why the data cannot be judged at all, None where they can. doubt: why they cannot be decided.
    """

    rows: IntArray
    baseline: FloatArray
    candidate: FloatArray
    clusters: IntArray
    n_clusters: int
    clustered: bool
    largest_cluster: int
    single: bool
    counts: IntArray
    baseline_spread: FloatArray
    baseline_counts: IntArray
    baseline_calls: tuple[FloatArray, IntArray]
    candidate_calls: tuple[FloatArray, IntArray]
    n_failed_baseline: int = 0
    n_failed_candidate: int = 0
    n_scorer_failed: int = 0
    n_unpaired: int = 0
    n_left_out: int = 0
    n_bad_values: int = 0
    problem: str | None = None
    doubt: str | None = None

    @property
    def n(self) -> int:
        """Number of pairs."""
        return len(self.rows)

    @property
    def n_dropped(self) -> int:
        """Rows without a usable pair, whatever the cause."""
        return self.n_scorer_failed + self.n_unpaired + self.n_left_out

    @property
    def repeats_min(self) -> int:
        """Fewest repeats that any pair rests on."""
        return int(self.counts.min()) if self.n else 0

    @property
    def repeats(self) -> float:
        """Median repeats of a pair."""
        return float(np.median(self.counts)) if self.n else 0.0

    def difference(self, sign: int) -> FloatArray:
        """(n,) oriented row differences, positive where the candidate is better; rounding noise is zero."""
        d = sign * (self.candidate - self.baseline)
        size = float(np.max(np.abs(self.baseline), initial=0.0) + np.max(np.abs(self.candidate), initial=0.0))
        d[np.abs(d) <= _TIE * size] = 0.0
        return d

    def cluster_sums(self, values: FloatArray) -> FloatArray:
        """(n_clusters,) sums of row values."""
        if not self.clustered:
            return values
        return np.asarray(np.bincount(self.clusters, weights=values, minlength=self.n_clusters), dtype=np.float64)


def pair(
    spec: MetricSpec,
    baseline: Samples | None,
    candidate: Samples,
    n_rows: int,
    clusters: IntArray | None = None,
    mask: BoolArray | None = None,
) -> Pairs:
    """Pair two arms of one metric by row.

    clusters: (n_rows,) int codes, None where every row stands alone. mask: (n_rows,) rows that may be used.
    baseline may be None for `pairwise`, whose scores compare the candidate with the baseline by themselves.
    """
    if spec.type == "pairwise":
        baseline, candidate = _preferences(baseline, candidate)
    assert baseline is not None
    worst = _worst_value(spec, baseline, candidate)
    arms = [_reduce(spec, samples, n_rows, worst, mask) for samples in (baseline, candidate)]
    a, b = arms
    both = a.attempted & b.attempted
    usable = both & (a.count > 0) & (b.count > 0)
    scorer_lost = both & ~usable & (a.scorer_failed | b.scorer_failed)
    rows = np.flatnonzero(usable)
    codes, n_clusters = _cluster_codes(clusters, rows)
    problem = _problem(spec, (baseline, candidate), a, b, both, usable)
    return Pairs(
        rows=rows,
        baseline=a.mean[rows],
        candidate=b.mean[rows],
        clusters=codes,
        n_clusters=n_clusters,
        clustered=n_clusters < len(rows),
        largest_cluster=1 if clusters is None else int(np.unique(clusters, return_counts=True)[1].max(initial=1)),
        single=max(a.count.max(initial=0), b.count.max(initial=0)) <= 1,
        counts=np.minimum(a.count[rows], b.count[rows]),
        baseline_spread=a.spread[rows],
        baseline_counts=a.count[rows],
        baseline_calls=_calls_of(a, rows, n_rows),
        candidate_calls=_calls_of(b, rows, n_rows),
        n_failed_baseline=a.failed_calls,
        n_failed_candidate=b.failed_calls,
        n_scorer_failed=int(np.count_nonzero(scorer_lost)),
        n_unpaired=int(np.count_nonzero(a.attempted ^ b.attempted)),
        n_left_out=int(np.count_nonzero(both & ~usable & ~scorer_lost)),
        n_bad_values=a.bad_values + b.bad_values,
        problem=problem,
        doubt=_doubt(a, b, both, int(np.count_nonzero(scorer_lost))),
    )


def _worst_value(spec: MetricSpec, baseline: Samples, candidate: Samples) -> float | None:
    """What a failed call counts as, in the metric's unit; None where its row is left out instead."""
    if spec.type == "errors":
        return 1.0
    if spec.type in ("latency", "ratio") and spec.quantile is None:
        return None
    if spec.failure_value is not None:
        return spec.failure_value
    if spec.type == "share":
        return np.inf
    if spec.type == "pairwise":
        return -1.0
    if spec.range is not None:
        return spec.range[0] if spec.sign > 0 else spec.range[1]
    seen = np.concatenate([baseline.scores, candidate.scores])
    seen = seen[np.isfinite(seen)]
    if len(seen) == 0:
        return None
    return float(seen.min() if spec.sign > 0 else seen.max())


def _reduce(spec: MetricSpec, samples: Samples, n_rows: int, worst: float | None, mask: BoolArray | None) -> Arm:
    """Row means, counts and losses of one arm."""
    if mask is not None:
        samples = samples.select(mask[samples.rows])
    if samples.cached is not None and spec.type in ("latency", "share"):
        samples = samples.select(~samples.cached)
    rows = samples.rows
    values, bad = _values(spec, samples, worst)
    failed = np.zeros(len(rows), dtype=bool) if samples.failed is None else samples.failed
    ok = np.isfinite(values)
    good_rows, good = rows[ok], values[ok]
    count = np.bincount(good_rows, minlength=n_rows)
    total = np.bincount(good_rows, weights=good, minlength=n_rows)
    mean = np.full(n_rows, np.nan)
    np.divide(total, count, out=mean, where=count > 0)
    if samples.repeats is None and samples.runs is None:
        spread = np.zeros(n_rows)
    else:
        squares = (good - mean[good_rows]) ** 2
        spread = np.bincount(good_rows, weights=squares, minlength=n_rows).astype(np.float64)
    attempted = np.bincount(rows, minlength=n_rows) > 0
    lost = np.bincount(rows[~ok & ~failed], minlength=n_rows) > 0
    return Arm(
        mean=mean,
        count=count,
        attempted=attempted,
        scorer_failed=lost & (count == 0),
        spread=spread,
        calls=good,
        call_rows=good_rows,
        failed_calls=int(np.count_nonzero(failed)),
        bad_values=bad,
    )


def _values(spec: MetricSpec, samples: Samples, worst: float | None) -> tuple[FloatArray, int]:
    """(N,) values on the working scale, NaN where there is none, and how many were refused as impossible."""
    values = np.asarray(samples.scores, dtype=np.float64).copy()
    values[~(np.abs(values) <= LARGEST)] = np.nan
    if spec.type == "errors":
        values = np.where(np.isnan(values), 0.0, values)
    bad = np.zeros(len(values), dtype=bool)
    if spec.type == "latency":
        bad = values <= 0.0
    elif spec.type == "ratio":
        bad = values < 0.0
    values[bad] = np.nan
    if samples.failed is not None and samples.failed.any():
        if worst is not None:
            values[samples.failed] = worst
        elif spec.type == "latency":
            values[samples.failed] = np.nan
    if spec.threshold is not None:
        values = np.where(np.isnan(values), np.nan, (values > spec.threshold).astype(np.float64))
    if spec.type == "latency" and spec.quantile is None:
        values = np.log(values)
    return values, int(np.count_nonzero(bad))


def _preferences(baseline: Samples | None, candidate: Samples) -> tuple[Samples, Samples]:
    """Pairwise judgements as two arms: the candidate's row is +1 or -1 where all orders agree, else 0.

    With a baseline arm the preference is the sign of the difference, call by call (same row, same repeat).
    """
    if baseline is None or len(baseline.rows) == 0:
        scores = np.sign([score for _, score in _keyed(candidate)])
    else:
        theirs = dict(_keyed(baseline))
        scores = np.sign([score - theirs.get(call, np.nan) for call, score in _keyed(candidate)])
    ok = np.isfinite(scores)
    rows, inverse = np.unique(candidate.rows, return_inverse=True)
    low = np.full(len(rows), np.inf)
    high = np.full(len(rows), -np.inf)
    np.minimum.at(low, inverse[ok], scores[ok])
    np.maximum.at(high, inverse[ok], scores[ok])
    agreed = np.where(low == high, low, 0.0)
    agreed[np.isinf(low)] = np.nan
    return Samples(rows, np.zeros(len(rows))), Samples(rows, agreed)


def _keyed(samples: Samples) -> list[tuple[tuple[int, int], float]]:
    """((row, repeat), score) of every call; a failed call is worse than any score and ties with another."""
    scores = np.where(np.abs(samples.scores) <= LARGEST, samples.scores, np.nan)
    if samples.failed is not None:
        scores[samples.failed] = -1e300
    repeats = np.zeros(len(samples.rows), dtype=np.int64) if samples.repeats is None else samples.repeats
    return list(zip(zip(samples.rows.tolist(), repeats.tolist(), strict=True), scores.tolist(), strict=True))


def _calls_of(arm: Arm, rows: IntArray, n_rows: int) -> tuple[FloatArray, IntArray]:
    """The single values of the paired rows, with each one's index among the pairs."""
    position = np.full(n_rows, -1, dtype=np.int64)
    position[rows] = np.arange(len(rows))
    index = position[arm.call_rows]
    keep = index >= 0
    return arm.calls[keep], index[keep]


def _cluster_codes(clusters: IntArray | None, rows: IntArray) -> tuple[IntArray, int]:
    if clusters is None:
        return np.arange(len(rows)), len(rows)
    names, codes = np.unique(clusters[rows], return_inverse=True)
    return codes.astype(np.int64), len(names)


def _problem(
    spec: MetricSpec, samples: tuple[Samples, Samples], a: Arm, b: Arm, both: BoolArray, usable: BoolArray
) -> str | None:
    """Why these data cannot be judged, None where they can (section "edge cases" of the method)."""
    for side in samples:
        if _repeated(side):
            return "a row occurs twice in one variant without a repeat number of its own"
    if not both.any():
        return "no row was measured in both variants"
    if not usable.any():
        return "no row has a usable score in both variants"
    unpaired = int(np.count_nonzero(a.attempted ^ b.attempted))
    if unpaired > LOST_SHARE * int(np.count_nonzero(a.attempted | b.attempted)):
        return f"{unpaired} rows were measured in one variant only, more than {LOST_SHARE:.0%}"
    return _out_of_range(spec, a, b, usable)


def _repeated(samples: Samples) -> bool:
    """True where a row (with its repeat) occurs more than once."""
    if len(samples.rows) == 0:
        return False
    keys = samples.rows
    for part in (samples.repeats, samples.runs):
        if part is not None:
            keys = keys * (int(part.max()) + 1) + part
    keys = np.sort(keys)
    return bool(np.any(keys[1:] == keys[:-1]))


def _out_of_range(spec: MetricSpec, a: Arm, b: Arm, usable: BoolArray) -> str | None:
    calls = np.concatenate([a.calls, b.calls])
    if spec.type in ("binary", "share", "errors") and not np.all((calls == 0.0) | (calls == 1.0)):
        return "a binary score is neither 0 nor 1"
    if spec.type in ("bounded", "ordinal") and spec.range is not None:
        low, high = spec.range
        slack = 1e-9 * (high - low)
        if float(calls.min()) < low - slack or float(calls.max()) > high + slack:
            return f"a score lies outside the range {low:g} to {high:g}"
    if spec.max_change is not None and spec.width is not None:
        largest = float(np.max(np.abs(b.mean[usable] - a.mean[usable])))
        if largest > spec.width * (1 + 1e-9):
            return f"a row moved by {largest:g}, more than the registered max_change {spec.max_change:g}"
    return None


def _doubt(a: Arm, b: Arm, both: BoolArray, lost: int) -> str | None:
    """Why the scorer's losses forbid a decision, None where they do not."""
    rows = int(np.count_nonzero(both))
    if rows and lost > LOST_SHARE * rows:
        return f"{lost} of {rows} pairs have no usable score, more than {LOST_SHARE:.0%}"
    only_a = int(np.count_nonzero(both & a.scorer_failed & ~b.scorer_failed))
    only_b = int(np.count_nonzero(both & b.scorer_failed & ~a.scorer_failed))
    if sign_test(only_a, only_b)[0] < 0.05:
        return f"{only_a} baseline and {only_b} candidate rows have no usable score: the loss depends on the variant"
    return None

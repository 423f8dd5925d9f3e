"""Do judges agree, with each other and with themselves in the other order?

Kappa and alpha with bootstrap intervals over rows, and the test for position bias. Ratings are labels or numbers; a
missing rating is NaN (numbers) or None (labels).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from llmexp_tui.errors import UsageError
from llmexp_tui.stats.distributions import clopper_pearson, sign_test
from llmexp_tui.stats.interval import FloatArray, IntArray

Weights = Literal["none", "linear", "quadratic"]
Scale = Literal["nominal", "ordinal", "interval"]
WEAK = 0.6
"""Agreement below this deserves a warning before anything rests on the judge."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """A coefficient (1 is perfect, 0 is chance) with its interval over rows, and the rows it rests on.

    value, low and high are None where the ratings do not vary at all: chance agreement is then undefined.
    """

    value: float | None
    low: float | None
    high: float | None
    rows: int

    @property
    def weak(self) -> bool:
        """True where the agreement is too low, or unknown."""
        return self.value is None or self.value < WEAK


@dataclass(frozen=True, slots=True)
class PositionBias:
    """A pairwise judge asked in both orders.

    flip_rate: share of rows where the order changed the preferred answer. first_share: among those flips, how often
    the first-shown answer won both times, with its interval; p_value: against no preference for a place.
    """

    rows: int
    flips: int
    flip_rate: float
    first_share: float | None
    first_low: float | None
    first_high: float | None
    p_value: float


def cohen_kappa(
    first: Sequence[Any], second: Sequence[Any], *, weights: Weights = "none", level: float = 0.95, seed: int = 1,
    draws: int = 1999,
) -> Agreement:
    """Cohen's kappa of two raters; rows where either is missing are left out.

    weights: `none` for categories, `quadratic` for grades: how far apart two numbers are, or two places in the order
    of labels that are no numbers. Raises UsageError where the two are of different length. Sources: Cohen 1960, 1968.
    """
    if len(first) != len(second):
        raise UsageError("the two raters rated different numbers of rows", mend="give one rating per row from each")
    kept = [(a, b) for a, b in zip(first, second, strict=True) if not (_missing(a) or _missing(b))]
    codes, names = _label_codes([label for pair in kept for label in pair])
    pairs, count = codes.reshape(-1, 2), len(names)
    penalty = _penalty(names, weights)

    def statistic(rows: IntArray) -> float:
        table = np.bincount(pairs[rows, 0] * count + pairs[rows, 1], minlength=count * count)
        return _kappa(table.reshape(count, count).astype(np.float64), penalty)

    return _bootstrapped(statistic, len(kept), level, seed, draws)


def krippendorff_alpha(
    ratings: Sequence[Sequence[Any]], *, scale: Scale = "nominal", level: float = 0.95, seed: int = 1,
    draws: int = 999,
) -> Agreement:
    """Krippendorff's alpha of any number of raters, with missing ratings.

    ratings: one sequence per row, one entry per rater. Rows with fewer than two ratings are left out. For `interval`
    the labels are numbers; for `ordinal` their order is the labels' order. Source: Krippendorff 2011.
    """
    rows = [[label for label in row if not _missing(label)] for row in ratings]
    rows = [row for row in rows if len(row) >= 2]
    labels = sorted({label for row in rows for label in row}, key=_order)
    index = {label: i for i, label in enumerate(labels)}
    counts = np.zeros((len(rows), len(labels)))
    for i, row in enumerate(rows):
        for label in row:
            counts[i, index[label]] += 1.0
    values = np.array(labels if scale == "interval" else range(len(labels)), dtype=np.float64)

    def statistic(chosen: IntArray) -> float:
        return _alpha(counts[chosen], values, scale)

    return _bootstrapped(statistic, len(rows), level, seed, draws)


def position_bias(
    first_order: Sequence[float] | FloatArray, second_order: Sequence[float] | FloatArray, *, level: float = 0.95
) -> PositionBias:
    """Whether a pairwise judge prefers a place.

    first_order, second_order: (rows,) preference for the candidate (+1, 0, -1) when it was shown first, and when it
    was shown second. A flip is a row where both orders prefer an answer, but not the same one.
    """
    shown_first, shown_second = np.sign(np.asarray(first_order, float)), np.sign(np.asarray(second_order, float))
    if shown_first.shape != shown_second.shape:
        raise UsageError("the two orders hold different numbers of rows", mend="ask the judge in both orders")
    both = np.isfinite(shown_first) & np.isfinite(shown_second)
    shown_first, shown_second = shown_first[both], shown_second[both]
    to_first = int(np.count_nonzero((shown_first > 0) & (shown_second < 0)))
    to_second = int(np.count_nonzero((shown_first < 0) & (shown_second > 0)))
    flips, rows = to_first + to_second, len(shown_first)
    low, high = clopper_pearson(to_first, flips, level) if flips else (None, None)
    return PositionBias(
        rows=rows,
        flips=flips,
        flip_rate=flips / rows if rows else 0.0,
        first_share=to_first / flips if flips else None,
        first_low=low,
        first_high=high,
        p_value=sign_test(to_first, to_second)[0],
    )


def _missing(label: Any) -> bool:
    return label is None or (isinstance(label, float) and math.isnan(label))


def _order(label: Any) -> tuple[bool, Any]:
    """Numbers by size, everything else by its text."""
    return (False, float(label)) if isinstance(label, (bool, int, float)) else (True, str(label))


def _label_codes(labels: Sequence[Any]) -> tuple[IntArray, list[Any]]:
    names = sorted(set(labels), key=_order)
    index = {name: i for i, name in enumerate(names)}
    return np.array([index[label] for label in labels], dtype=np.int64), names


def _penalty(names: Sequence[Any], weights: Weights) -> FloatArray:
    """(names, names) disagreement of each pair of labels; a grade that nobody gave still takes its room."""
    numbers = all(isinstance(name, (int, float)) for name in names)
    places = np.array(names if numbers else range(len(names)), dtype=np.float64)
    gap = np.abs(np.subtract.outer(places, places))
    if weights == "none":
        return (gap > 0).astype(np.float64)
    return np.asarray(gap if weights == "linear" else gap * gap)


def _kappa(table: FloatArray, penalty: FloatArray) -> float:
    total = table.sum()
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / total
    chance = float((penalty * expected).sum())
    return 1.0 - float((penalty * table).sum()) / chance if chance > 0.0 else math.nan


def _alpha(counts: FloatArray, values: FloatArray, scale: Scale) -> float:
    """Alpha from (rows, labels) counts by the coincidence matrix."""
    per_row = counts.sum(axis=1)
    coincidence = (counts.T / (per_row - 1.0)) @ counts - np.diag((counts / (per_row - 1.0)[:, None]).sum(axis=0))
    margins = coincidence.sum(axis=0)
    distance = _distance(margins, values, scale)
    expected = float((np.outer(margins, margins) * distance).sum() / (margins.sum() - 1.0))
    return 1.0 - float((coincidence * distance).sum()) / expected if expected > 0.0 else math.nan


def _distance(margins: FloatArray, values: FloatArray, scale: Scale) -> FloatArray:
    """(labels, labels) squared distance of the scale."""
    if scale == "nominal":
        return np.asarray(values[:, None] != values[None, :], dtype=np.float64)
    if scale == "interval":
        return np.asarray((values[:, None] - values[None, :]) ** 2)
    middle = np.cumsum(margins) - margins / 2.0
    return np.asarray((middle[:, None] - middle[None, :]) ** 2)


def _bootstrapped(
    statistic: Callable[[IntArray], float], rows: int, level: float, seed: int, draws: int
) -> Agreement:
    """The statistic on all rows and its percentile interval over resampled rows."""
    if rows == 0:
        return Agreement(None, None, None, 0)
    value = statistic(np.arange(rows))
    if math.isnan(value):
        return Agreement(None, None, None, rows)
    rng = np.random.default_rng(seed)
    sampled = np.array([statistic(rng.integers(0, rows, size=rows)) for _ in range(draws)])
    sampled = sampled[~np.isnan(sampled)]
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(sampled, [tail, 1.0 - tail]) if len(sampled) else (math.nan, math.nan)
    return Agreement(value, None if math.isnan(low) else float(low), None if math.isnan(high) else float(high), rows)

"""Do judges agree, with each other and with themselves in the other order?

Kappa and alpha with intervals over rows, and the test for position bias. Ratings are labels or numbers; a missing
rating is NaN (numbers) or None (labels).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, Literal, get_args

import numpy as np

from llmexp_tui.errors import UnknownNameError, UsageError
from llmexp_tui.stats.distributions import clopper_pearson, sign_test
from llmexp_tui.stats.interval import FloatArray, IntArray

Weights = Literal["none", "linear", "quadratic"]
Scale = Literal["nominal", "ordinal", "interval"]
WEAK = 0.6
"""Agreement below this deserves a warning before anything rests on the judge."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """A coefficient (1 is perfect, 0 is chance) with its interval over rows, and the rows it rests on.

    value, low and high are None where the ratings do not vary at all: chance agreement is then undefined. low and
    high alone are None where no resampled rows give another value, as where one rater never varies: kappa is 0 then,
    whatever the other says.
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
    of labels that are no numbers. Raises UsageError where the two are of different length, UnknownNameError for
    other weights. Sources: Cohen 1960, 1968.
    """
    if weights not in get_args(Weights):
        raise UnknownNameError("weights", str(weights), get_args(Weights))
    if len(first) != len(second):
        raise UsageError("the two raters rated different numbers of rows", mend="give one rating per row from each")
    kept = [(a, b) for a, b in zip(first, second, strict=True) if not (_missing(a) or _missing(b))]
    codes, names = _label_codes([label for pair in kept for label in pair])
    pairs, count = codes.reshape(-1, 2), len(names)
    penalty = _penalty(names, weights)

    def statistic(rows: IntArray) -> tuple[float, float]:
        table = np.bincount(pairs[rows, 0] * count + pairs[rows, 1], minlength=count * count)
        return _kappa(table.reshape(count, count).astype(np.float64), penalty)

    return _bootstrapped(statistic, len(kept), level, seed, draws)


def krippendorff_alpha(
    ratings: Sequence[Sequence[Any]], *, scale: Scale = "nominal", level: float = 0.95, seed: int = 1,
    draws: int = 999,
) -> Agreement:
    """Krippendorff's alpha of any number of raters, with missing ratings.

    ratings: one sequence per row, one entry per rater. Rows with fewer than two ratings are left out. For `interval`
    the labels are numbers; for `ordinal` their order is the labels' order. Raises UsageError for an interval of
    labels that are no numbers, UnknownNameError for another scale. Source: Krippendorff 2011.
    """
    if scale not in get_args(Scale):
        raise UnknownNameError("scale", str(scale), get_args(Scale))
    rows = [[label for label in row if not _missing(label)] for row in ratings]
    rows = [row for row in rows if len(row) >= 2]
    labels = sorted({label for row in rows for label in row}, key=_order)
    words = [label for label in labels if not (isinstance(label, Real) and math.isfinite(label))]
    if scale == "interval" and words:
        mend = 'give numbers, or take scale="ordinal" or "nominal"'
        raise UsageError(f'rating "{str(words[0])[:40]}" is no number, which an interval scale needs', mend=mend)
    index = {label: i for i, label in enumerate(labels)}
    counts = np.zeros((len(rows), len(labels)))
    for i, row in enumerate(rows):
        for label in row:
            counts[i, index[label]] += 1.0
    values = np.array(labels if scale == "interval" else range(len(labels)), dtype=np.float64)

    def statistic(chosen: IntArray) -> tuple[float, float]:
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
    return label is None or (isinstance(label, Real) and math.isnan(label))


def _order(label: Any) -> tuple[bool, Any]:
    """Numbers by size, everything else by its text."""
    return (False, float(label)) if isinstance(label, Real) else (True, str(label))


def _label_codes(labels: Sequence[Any]) -> tuple[IntArray, list[Any]]:
    names = sorted(set(labels), key=_order)
    index = {name: i for i, name in enumerate(names)}
    return np.array([index[label] for label in labels], dtype=np.int64), names


def _penalty(names: Sequence[Any], weights: Weights) -> FloatArray:
    """(names, names) disagreement of each pair of labels; a grade that nobody gave still takes its room."""
    numbers = all(isinstance(name, Real) for name in names)
    places = np.array(names if numbers else range(len(names)), dtype=np.float64)
    gap = np.abs(np.subtract.outer(places, places))
    if weights == "none":
        return (gap > 0).astype(np.float64)
    return np.asarray(gap if weights == "linear" else gap * gap)


def _kappa(table: FloatArray, penalty: FloatArray) -> tuple[float, float]:
    """Kappa, and how much of it each share of rows costs on which the raters disagree as far as can be."""
    total = table.sum()
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / total
    chance = float((penalty * expected).sum())
    if chance <= 0.0:
        return math.nan, math.nan
    return 1.0 - float((penalty * table).sum()) / chance, float(total * penalty.max()) / chance


def _alpha(counts: FloatArray, values: FloatArray, scale: Scale) -> tuple[float, float]:
    """Alpha from (rows, labels) counts by the coincidence matrix, and its cost as of `_kappa`."""
    per_row = counts.sum(axis=1)
    coincidence = (counts.T / (per_row - 1.0)) @ counts - np.diag((counts / (per_row - 1.0)[:, None]).sum(axis=0))
    margins = coincidence.sum(axis=0)
    distance = _distance(margins, values, scale)
    expected = float((np.outer(margins, margins) * distance).sum() / (margins.sum() - 1.0))
    if expected <= 0.0:
        return math.nan, math.nan
    return 1.0 - float((coincidence * distance).sum()) / expected, float(margins.sum() * distance.max()) / expected


def _distance(margins: FloatArray, values: FloatArray, scale: Scale) -> FloatArray:
    """(labels, labels) squared distance of the scale."""
    if scale == "nominal":
        return np.asarray(values[:, None] != values[None, :], dtype=np.float64)
    if scale == "interval":
        return np.asarray((values[:, None] - values[None, :]) ** 2)
    middle = np.cumsum(margins) - margins / 2.0
    return np.asarray((middle[:, None] - middle[None, :]) ** 2)


def _bootstrapped(
    statistic: Callable[[IntArray], tuple[float, float]], rows: int, level: float, seed: int, draws: int
) -> Agreement:
    """The statistic on all rows and its percentile interval over resampled rows.

    Where the raters agree on every row, all resampled rows agree too, which says nothing of the rows not seen. The
    lower end is then what the statistic would be if they disagreed, as far as can be, on as many rows as may have
    stayed unseen; their use of the labels is taken as it is. Source: Clopper and Pearson 1934.
    """
    if not 0.0 < level < 1.0:
        raise UsageError(f"level {level} is not between 0 and 1", mend="0.95 is usual")
    if rows == 0:
        return Agreement(None, None, None, 0)
    value, cost = statistic(np.arange(rows))
    if math.isnan(value):
        return Agreement(None, None, None, rows)
    if value >= 1.0 - 1e-12:
        return Agreement(1.0, max(-1.0, 1.0 - cost * clopper_pearson(0, rows, level)[1]), 1.0, rows)
    rng = np.random.default_rng(seed)
    sampled = np.array([statistic(rng.integers(0, rows, size=rows))[0] for _ in range(draws)])
    sampled = sampled[~np.isnan(sampled)]
    if len(sampled) == 0 or np.ptp(sampled) <= 1e-12:
        return Agreement(value, None, None, rows)
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(sampled, [tail, 1.0 - tail])
    return Agreement(value, float(low), float(high), rows)

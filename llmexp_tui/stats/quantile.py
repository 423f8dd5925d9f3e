"""Tail latency: quantiles of both arms, a paired cluster bootstrap, and the swap test.

A resampled quantile can only land near the observed one, so only rows with a value in a window of WINDOW standard
errors around it are resampled one by one; all other clusters matter through how many of their values lie below the
windows, and are drawn as counts. The result is the plain bootstrap at a cost of root n rows a draw.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from llmexp_tui.stats.engine import effective_clusters
from llmexp_tui.stats.interval import BoolArray, BootstrapModel, FloatArray, IntArray

BOOTSTRAP_DRAWS = 4000
SWAP_DRAWS = 1999
WINDOW = 7.0
CHUNK_CELLS = 2_000_000
_NO_RATIO = 1000.0
"""The log of a ratio to zero, finite so that percentiles of draws stay defined."""


def quantile7(values: FloatArray, q: float) -> float:
    """Type-7 quantile (Hyndman and Fan 1996), NumPy's default."""
    return float(np.quantile(values, q))


@dataclass(frozen=True, slots=True, eq=False)
class _Window:
    """The part of one arm whose values may become the quantile.

    values: (M,) sorted. unit: (M,) index of each value's unit among the near ones. below: (U,) per unit, how many
    of its values lie under the window. total: (U,) values per unit.
    """

    values: FloatArray
    unit: IntArray
    below: IntArray
    total: IntArray


def bootstrap_model(
    baseline: tuple[FloatArray, IntArray],
    candidate: tuple[FloatArray, IntArray],
    clusters: IntArray,
    n_clusters: int,
    q: float,
    seed: int,
    *,
    log: bool,
    sign: int,
    draws: int = BOOTSTRAP_DRAWS,
) -> BootstrapModel:
    """Percentile bootstrap of sign x (Q_B - Q_A), or of sign x log(Q_B / Q_A).

    baseline, candidate: (values (M,), pair index (M,)), repeats pooled. clusters: (n,) code of each pair. Both arms
    of a cluster are resampled together. Source: Efron and Tibshirani 1993.
    """
    arms = [(values, clusters[index]) for values, index in (baseline, candidate)]
    a, b = (quantile7(values, q) for values, _ in arms)
    windows, near = _windows(arms, q, n_clusters)
    far_below, lumps = _lumps(windows, near)
    rng = np.random.default_rng(seed)
    step = max(1, CHUNK_CELLS // max(1, len(near) + sum(len(w.values) for w in windows)))
    parts: list[FloatArray] = []
    for start in range(0, draws, step):
        rows = min(step, draws - start)
        counts, far = _resample(rng, rows, len(near), lumps, n_clusters)
        pair = [
            _draw_quantiles(window, near, counts, far @ far_below[:, 2 * i], far @ far_below[:, 2 * i + 1], q)
            for i, window in enumerate(windows)
        ]
        parts.append(_contrast(pair[0], pair[1], log=log))
    estimate = sign * float(_contrast(np.array([a]), np.array([b]), log=log)[0])
    return BootstrapModel(estimate, np.sort(sign * np.concatenate(parts)))


def swap_statistics(
    baseline: tuple[FloatArray, IntArray],
    candidate: tuple[FloatArray, IntArray],
    clusters: IntArray,
    n_clusters: int,
    q: float,
    seed: int,
    *,
    log: bool,
    draws: int = SWAP_DRAWS,
) -> tuple[float, FloatArray]:
    """The observed |contrast| and its (draws,) values with the arms swapped at random inside each cluster."""
    a, b = quantile7(baseline[0], q), quantile7(candidate[0], q)
    if a > b:  # the same draws whichever arm is called the baseline
        baseline, candidate = candidate, baseline
    arms = [(values, clusters[index]) for values, index in (baseline, candidate)]
    pooled = np.concatenate([arms[0][0], arms[1][0]])
    shared = _bounds(pooled, q, min(_units(unit, n_clusters) for _, unit in arms))
    windows, near = _windows(arms, q, n_clusters, shared)
    delta, lumps = _lumps(windows, near)
    rng = np.random.default_rng(seed)
    step = max(1, CHUNK_CELLS // max(1, len(near) + sum(len(w.values) for w in windows)))
    parts = []
    for start in range(0, draws, step):
        rows = min(step, draws - start)
        # One byte a coin: this table and what is made of it are the largest that a comparison holds.
        keep = rng.integers(0, 2, size=(rows, len(near)), dtype=np.int64).astype(np.int8)
        far = rng.binomial(lumps[None, :], 0.5, size=(rows, len(lumps)))
        first = _swapped_quantiles(windows, near, keep, far, delta, lumps, q)
        second = _swapped_quantiles(windows, near, 1 - keep, lumps[None, :] - far, delta, lumps, q)
        parts.append(np.abs(_contrast(first, second, log=log)))
    return float(np.abs(_contrast(np.array([a]), np.array([b]), log=log)[0])), np.concatenate(parts)


def _contrast(a: FloatArray, b: FloatArray, *, log: bool) -> FloatArray:
    """The difference, or the log ratio: 0 for two zeros, beyond any float's exponential for one."""
    if not log:
        return np.asarray(b - a)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(a == b, 0.0, np.log(b) - np.log(a))
    return np.clip(ratio, -_NO_RATIO, _NO_RATIO)


def _bounds(values: FloatArray, q: float, n: float) -> tuple[float, float]:
    """Lowest and highest value that a resampled quantile can reasonably take, for n independent units."""
    half = WINDOW * math.sqrt(q * (1.0 - q) / max(1.0, n)) + 3.0 / max(1.0, n)
    low = -math.inf if q - half <= 0.0 else quantile7(values, q - half)
    high = math.inf if q + half >= 1.0 else quantile7(values, q + half)
    return low, high


def _units(unit: IntArray, n_units: int) -> float:
    """How many independent values an arm is worth at least: a cluster's values may all move together."""
    return effective_clusters(np.bincount(unit, minlength=n_units))


def _windows(
    arms: list[tuple[FloatArray, IntArray]],
    q: float,
    n_units: int,
    shared: tuple[float, float] | None = None,
) -> tuple[list[_Window], IntArray]:
    """Both arms' windows, and the (sorted) units with at least one value inside either."""
    inside: BoolArray = np.zeros(n_units, dtype=bool)
    cuts = []
    for values, unit in arms:
        low, high = shared or _bounds(values, q, _units(unit, n_units))
        chosen = (values >= low) & (values <= high)
        inside[unit[chosen]] = True
        cuts.append((low, chosen))
    windows = []
    for (values, unit), (low, chosen) in zip(arms, cuts, strict=True):
        order = np.argsort(values[chosen], kind="stable")
        below = np.bincount(unit[values < low], minlength=n_units)
        total = np.bincount(unit, minlength=n_units)
        windows.append(_Window(values[chosen][order], unit[chosen][order], below, total))
    return windows, np.flatnonzero(inside)


def _lumps(windows: list[_Window], near: IntArray) -> tuple[IntArray, IntArray]:
    """Far units grouped by what they add: (L, 4) below and total of each arm, and (L,) how many units."""
    mask = np.ones(len(windows[0].below), dtype=bool)
    mask[near] = False
    table = np.stack([windows[0].below, windows[0].total, windows[1].below, windows[1].total], axis=1)[mask]
    if len(table) == 0:
        return np.zeros((0, 4), dtype=np.int64), np.zeros(0, dtype=np.int64)
    kinds, counts = np.unique(table, axis=0, return_counts=True)
    return kinds, counts


def _resample(
    rng: np.random.Generator, draws: int, near: int, lumps: IntArray, n_units: int
) -> tuple[IntArray, IntArray]:
    """Bootstrap counts: (draws, near) of the near units and (draws, L) of the lumps, together n_units a draw."""
    shares = np.append(lumps, near) / n_units
    sizes = rng.multinomial(n_units, shares / shares.sum(), size=draws)
    hits = sizes[:, -1]
    if near == 0:
        return np.zeros((draws, 0), dtype=np.int64), sizes[:, :-1]
    picks = rng.integers(0, near, size=int(hits.sum()))
    picks += np.repeat(np.arange(draws) * near, hits)
    counts = np.bincount(picks, minlength=draws * near).reshape(draws, near)
    return counts, sizes[:, :-1]


def _draw_quantiles(
    window: _Window, near: IntArray, counts: IntArray, far_below: IntArray, far_total: IntArray, q: float
) -> FloatArray:
    """(draws,) type-7 quantiles of one arm, from unit counts (draws, near) and the far units' totals (draws,)."""
    column = np.searchsorted(near, window.unit)
    below = far_below + counts @ window.below[near]
    total = far_total + counts @ window.total[near]
    return _order_statistic(window.values, _reached(below, counts[:, column]), total, q)


def _reached(below: IntArray, counts: npt.NDArray[np.signedinteger[Any]]) -> npt.NDArray[np.int32]:
    """(draws, M) how many values of a draw lie at or below each of the sorted ones."""
    reached = np.cumsum(counts, axis=1, dtype=np.int32)
    reached += below[:, None].astype(np.int32)
    return reached


def _swapped_quantiles(
    windows: list[_Window],
    near: IntArray,
    keep: npt.NDArray[np.int8],
    far: IntArray,
    kinds: IntArray,
    lumps: IntArray,
    q: float,
) -> FloatArray:
    """(draws,) quantiles of the arm that keeps its own values where `keep` is 1 and takes the other's where 0."""
    own, other = windows
    values = np.concatenate([own.values, other.values])
    order = np.argsort(values, kind="stable")
    own_column, other_column = np.searchsorted(near, own.unit), np.searchsorted(near, other.unit)
    counts = np.concatenate([keep[:, own_column], 1 - keep[:, other_column]], axis=1)[:, order]
    gone = lumps[None, :] - far
    below = far @ kinds[:, 0] + gone @ kinds[:, 2] + keep @ own.below[near] + (1 - keep) @ other.below[near]
    total = far @ kinds[:, 1] + gone @ kinds[:, 3] + keep @ own.total[near] + (1 - keep) @ other.total[near]
    return _order_statistic(values[order], _reached(below, counts), total, q)


def _order_statistic(values: FloatArray, reached: npt.NDArray[np.int32], total: IntArray, q: float) -> FloatArray:
    """Type-7 quantiles where `reached` (draws, M) counts the values up to each of the sorted `values` (M,)."""
    position = q * (total - 1)
    rank = np.floor(position).astype(np.int64)
    last = len(values) - 1
    low = np.minimum((reached <= rank[:, None]).sum(axis=1), last)
    high = np.minimum((reached <= np.minimum(rank + 1, total - 1)[:, None]).sum(axis=1), last)
    return np.asarray(values[low] + (position - rank) * (values[high] - values[low]))

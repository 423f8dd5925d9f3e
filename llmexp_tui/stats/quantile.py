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
    inside = _table(windows)[near]
    columns = [np.searchsorted(near, window.unit) for window in windows]
    rng = np.random.default_rng(seed)
    step = max(1, CHUNK_CELLS // max(1, len(near) + sum(len(w.values) for w in windows)))
    parts: list[FloatArray] = []
    for start in range(0, draws, step):
        rows = min(step, draws - start)
        counts, far = _resample(rng, rows, len(near), lumps, n_clusters)
        sums = _sums(far, far_below) + _sums(counts, inside)
        pair = [
            _order_statistic(window.values, _reached(counts, column), sums[:, 2 * arm : 2 * arm + 2], q)
            for arm, (window, column) in enumerate(zip(windows, columns, strict=True))
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
        first, second = _swapped_quantiles(windows, near, keep, far, delta, lumps, q)
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


def _table(windows: list[_Window]) -> IntArray:
    """(U, 4) what each unit adds: below and total of the one arm, then of the other."""
    return np.stack([windows[0].below, windows[0].total, windows[1].below, windows[1].total], axis=1)


def _lumps(windows: list[_Window], near: IntArray) -> tuple[IntArray, IntArray]:
    """Far units grouped by what they add: (L, 4) below and total of each arm, and (L,) how many units."""
    mask = np.ones(len(windows[0].below), dtype=bool)
    mask[near] = False
    table = _table(windows)[mask]
    if len(table) == 0:
        return np.zeros((0, 4), dtype=np.int64), np.zeros(0, dtype=np.int64)
    kinds, counts = np.unique(table, axis=0, return_counts=True)
    return kinds, counts


def _resample(
    rng: np.random.Generator, draws: int, near: int, lumps: IntArray, n_units: int
) -> tuple[npt.NDArray[np.int32], IntArray]:
    """Bootstrap counts: (draws, near) of the near units and (draws, L) of the lumps, together n_units a draw."""
    shares = np.append(lumps, near) / n_units
    sizes = rng.multinomial(n_units, shares / shares.sum(), size=draws)
    hits = sizes[:, -1]
    if near == 0:
        return np.zeros((draws, 0), dtype=np.int32), sizes[:, :-1]
    picks = rng.integers(0, near, size=int(hits.sum()))
    picks += np.repeat(np.arange(draws) * near, hits)
    counts = np.bincount(picks, minlength=draws * near).reshape(draws, near).astype(np.int32)
    return counts, sizes[:, :-1]


def _sums(counts: npt.NDArray[np.signedinteger[Any]], table: IntArray) -> IntArray:
    """(draws, K) counts (draws, U) @ table (U, K). As a sum of products: whole numbers have no fast `@`."""
    return np.asarray(np.einsum("du,ku->dk", counts, np.ascontiguousarray(table.T, dtype=np.int32)), dtype=np.int64)


def _reached(counts: npt.NDArray[np.signedinteger[Any]], column: IntArray) -> npt.NDArray[np.int32]:
    """(draws, M) how many drawn values lie at or below each of the window's; column: (M,) a value's unit."""
    return np.cumsum(np.take(counts, column, axis=1), axis=1, dtype=np.int32)


def _swapped_quantiles(
    windows: list[_Window],
    near: IntArray,
    keep: npt.NDArray[np.int8],
    far: IntArray,
    kinds: IntArray,
    lumps: IntArray,
    q: float,
) -> tuple[FloatArray, FloatArray]:
    """(draws,) quantiles of the arm that keeps its own values where `keep` is 1, and of the other."""
    own, other = windows
    values = np.concatenate([own.values, other.values])
    units = np.concatenate([np.searchsorted(near, own.unit), len(near) + np.searchsorted(near, other.unit)])
    order = np.argsort(values, kind="stable")
    taken = np.concatenate([keep, 1 - keep], axis=1)
    reached = _reached(taken, units[order])
    inside = _table(windows)[near]
    near_table, far_table = (np.concatenate([t[:, :2], t[:, 2:]]) for t in (inside, kinds))
    sums = _sums(taken, near_table) + _sums(np.concatenate([far, lumps[None, :] - far], axis=1), far_table)
    rest = near_table.sum(axis=0) + np.append(lumps, lumps) @ far_table - sums
    left = np.arange(1, len(values) + 1, dtype=np.int32) - reached
    return (
        _order_statistic(values[order], reached, sums, q),
        _order_statistic(values[order], left, rest, q),
    )


def _order_statistic(values: FloatArray, reached: npt.NDArray[np.int32], sums: IntArray, q: float) -> FloatArray:
    """(draws,) type-7 quantiles. values: (M,) sorted. reached: (draws, M) drawn values of the window up to each.

    sums: (draws, 2) how many drawn values lie below the window, and how many there are in all.
    """
    below, total = sums[:, 0], sums[:, 1]
    position = q * (total - 1)
    rank = np.floor(position).astype(np.int64)
    last = len(values) - 1
    low = np.minimum(_upto(reached, rank - below), last)
    high = np.minimum(_upto(reached, np.minimum(rank + 1, total - 1) - below), last)
    return np.asarray(values[low] + (position - rank) * (values[high] - values[low]))


def _upto(reached: npt.NDArray[np.int32], rank: IntArray) -> IntArray:
    """(draws,) how many of a draw's (M,) rising counts are at most its rank, by halving."""
    draws = np.arange(len(reached))
    low, high = np.zeros(len(reached), dtype=np.int64), np.full(len(reached), reached.shape[1])
    for _ in range(reached.shape[1].bit_length()):
        middle = (low + high) // 2
        inside = (middle < high) & (reached[draws, np.minimum(middle, reached.shape[1] - 1)] <= rank)
        low, high = np.where(inside, middle + 1, low), np.where(inside, high, middle)
    return low

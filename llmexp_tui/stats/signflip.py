"""The sign-flip permutation test: is there any difference at all?

Under "A and B are the same system" each cluster's summed difference is as likely to carry the other sign,
whatever the score's law, the number of rows, or the clusters' sizes. The test counts how often random signs
give a sum as far from zero as the one seen. For 0/1 scores that is McNemar's exact test; for costs, swapping
the arms inside a cluster moves the ratio of totals exactly as it moves the difference of totals, so the same
test serves.

Cheapest exact route first; the method's name says which one was taken. No route allocates more than CHUNK_BYTES.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from llmexp_tui.stats.distributions import normal_sf, sign_test
from llmexp_tui.stats.interval import FloatArray

EXACT_CLUSTERS = 14
"""Up to here all 2^C sign vectors are enumerated (16,384 sums)."""
CLUSTERS_PER_VALUE = 100
"""With this many clusters for each distinct size, the signs of a size are drawn as one binomial count: a count costs
as much as about a hundred signs, and its cost is free of the number of rows."""
LIMIT_CLUSTERS = 5000
LIMIT_KURTOSIS = 0.01
"""Above both, the normal limit is used: its error (below 0.09 x the ratio of sum D^4 to (sum D^2)^2, from the
Edgeworth term) is then smaller than the Monte Carlo error of 9,999 draws."""
CHUNK_BYTES = 32_000_000


@dataclass(frozen=True, slots=True)
class FlipTest:
    """Two-sided p-value in (0, 1], the number of clusters that are not zero, and how it was computed."""

    p: float
    active: int
    method: str


def sign_flip(sums: FloatArray, seed: int, draws: int = 9999) -> FlipTest:
    """Two-sided sign-flip test of cluster sums.

    sums: shape (C,), any unit. seed: a non-negative int; the result depends on the multiset of sizes |D_c| only, so
    neither the order of clusters nor swapping the arms changes it. draws: Monte Carlo draws where exact is too dear.
    Source: Fisher 1935; the +1 of Phipson and Smyth 2010.
    """
    sizes, observed = _canonical(sums)
    active = len(sizes)
    if active == 0:
        return FlipTest(1.0, 0, "sign-flip exact")
    values, counts = np.unique(sizes, return_counts=True)
    if len(values) == 1:
        wins = round((observed / values[0] + active) / 2)
        return FlipTest(sign_test(wins, active - wins)[0], active, "sign-flip exact")
    if active <= EXACT_CLUSTERS:
        every = np.arange(1 << active, dtype="<u4").view(np.uint8).reshape(-1, 4)
        hits = _hits(sizes, np.ascontiguousarray(every[:, : -(-active // 8)]), observed)
        return FlipTest(hits / (1 << active), active, "sign-flip exact")
    rng = np.random.default_rng(seed)
    if active >= CLUSTERS_PER_VALUE * len(values):
        hits = _binomial_hits(values, counts, observed, draws, rng)
    elif active >= LIMIT_CLUSTERS and _kurtosis(sizes) <= LIMIT_KURTOSIS:
        z = abs(observed) / math.sqrt(float(sizes @ sizes))
        return FlipTest(min(1.0, 2.0 * normal_sf(z)), active, "sign-flip normal limit")
    else:
        hits = _monte_carlo_hits(sizes, observed, draws, rng)
    return FlipTest((1 + hits) / (draws + 1), active, f"sign-flip {draws} draws")


def flip_sd(sums: FloatArray) -> float:
    """SD of the sum under random signs: the root of the sum of squares."""
    return math.sqrt(float(sums @ sums))


def _canonical(sums: FloatArray) -> tuple[FloatArray, float]:
    """Sorted non-zero sizes with rounding noise merged, and the observed sum from the same rounded numbers."""
    top = float(np.max(np.abs(sums), initial=0.0))
    if top == 0.0:
        return np.empty(0), 0.0
    # Means of repeats differ in the last digits where they are equal on paper; ties must stay ties.
    rounded = np.round(sums / top, 12)
    return np.sort(np.abs(rounded[rounded != 0.0])), float(rounded.sum())


def _kurtosis(sizes: FloatArray) -> float:
    squares = sizes * sizes
    return float(squares @ squares) / float(squares.sum()) ** 2


def _reached(sums: FloatArray, observed: float, sizes_total: float) -> int:
    return int(np.count_nonzero(np.abs(sums) >= abs(observed) - 1e-10 * sizes_total))


def _hits(sizes: FloatArray, signs: np.ndarray, observed: float) -> int:
    """How many sign vectors, eight signs a byte (draws, groups), reach the observed sum.

    A table of the 256 signed sums of each group of eight makes a draw one look-up per group.
    """
    groups = signs.shape[1]
    padded = np.zeros(groups * 8)
    padded[: len(sizes)] = sizes
    bits = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1, bitorder="little")
    table = padded.reshape(groups, 8) @ (2.0 * bits.T - 1.0)  # (groups, 256)
    sums = np.zeros(signs.shape[0])
    for group in range(groups):
        sums += table[group][signs[:, group]]
    return _reached(sums, observed, float(sizes.sum()))


def _monte_carlo_hits(sizes: FloatArray, observed: float, draws: int, rng: np.random.Generator) -> int:
    groups = -(-len(sizes) // 8)
    step = max(1, CHUNK_BYTES // groups)
    hits = 0
    for start in range(0, draws, step):
        rows = min(step, draws - start)
        # Column-major, so that each group's signs lie together in memory.
        signs = rng.integers(0, 256, size=(groups, rows), dtype=np.uint8).T
        hits += _hits(sizes, signs, observed)
    return hits


def _binomial_hits(
    values: FloatArray, counts: np.ndarray, observed: float, draws: int, rng: np.random.Generator
) -> int:
    sums = np.zeros(draws)
    for value, count in zip(values, counts, strict=True):
        sums += value * (2.0 * rng.binomial(int(count), 0.5, size=draws) - count)
    return _reached(sums, observed, float(values @ counts))

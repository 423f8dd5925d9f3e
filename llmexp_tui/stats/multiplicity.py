"""Corrections for many questions: Holm where a claim must hold, Benjamini-Hochberg where one only explores."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm-adjusted p-values in the given order; reject where at most alpha. Source: Holm 1979."""
    count = len(p_values)
    adjusted, running = [0.0] * count, 0.0
    for rank, index in enumerate(sorted(range(count), key=lambda i: p_values[i])):
        running = max(running, (count - rank) * p_values[index])
        adjusted[index] = min(1.0, running)
    return adjusted


def holm_levels(p_values: Sequence[float], alpha: float) -> list[float]:
    """The level at which Holm's procedure tests each p-value: alpha/m for the smallest, then alpha/(m-1) …

    Once one is not rejected, those after it are held to the same level. p <= level is Holm's decision for each.
    """
    count = len(p_values)
    levels = [alpha] * count
    divisor, stopped = count, False
    for index in sorted(range(count), key=lambda i: p_values[i]):
        levels[index] = alpha / divisor
        stopped = stopped or p_values[index] > levels[index]
        if not stopped:
            divisor -= 1
    return levels


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """q-values in the given order. Source: Benjamini and Hochberg 1995."""
    count = len(p_values)
    if count == 0:
        return []
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    scaled = p[order] * count / np.arange(1, count + 1)
    q = np.empty(count)
    q[order] = np.minimum(1.0, np.minimum.accumulate(scaled[::-1])[::-1])
    return [float(value) for value in q]

"""Small tables and samples that the statistics' tests share."""

from __future__ import annotations

from typing import Any

import numpy as np

from llmexp_tui.stats import Comparison, MetricResult, MetricSpec, Samples, compare_scores


def table(**arms: Any) -> dict[str, list[Any]]:
    """A table of scores with one row per entry of each arm."""
    columns: dict[str, list[Any]] = {"row_id": [], "variant": [], "score": []}
    for name, scores in arms.items():
        columns["row_id"] += [f"r{i:05d}" for i in range(len(scores))]
        columns["variant"] += [name] * len(scores)
        columns["score"] += list(scores)
    return columns


def compared(spec: MetricSpec, *, extra: dict[str, Any] | None = None, **arms: Any) -> MetricResult:
    """The single result of B against A (with A2 as its copy where given)."""
    return result(spec, extra=extra, **arms).metrics[0]


def result(spec: MetricSpec, *, extra: dict[str, Any] | None = None, **arms: Any) -> Comparison:
    options = dict(extra or {})
    columns = {**table(**arms), **options.pop("columns", {})}
    return compare_scores(
        columns, baseline="A", candidates=["B"], aa="A2" if "A2" in arms else None, metrics=[spec], **options
    )


def flipped(scores: np.ndarray, wins: int, losses: int) -> np.ndarray:
    """0/1 scores with so many zeros turned to one, and ones to zero, from the front."""
    out = scores.copy()
    out[np.flatnonzero(scores == 0)[:wins]] = 1.0
    out[np.flatnonzero(scores == 1)[:losses]] = 0.0
    return out


def zero_one(n: int, ones: int) -> np.ndarray:
    """`ones` ones, then zeros."""
    return np.r_[np.ones(ones), np.zeros(n - ones)]


def column(values: Any, **more: Any) -> Samples:
    scores = np.asarray(values, dtype=float)
    return Samples(np.arange(len(scores)), scores, **more)

"""How long a comparison takes and how much memory it needs: rows x 6 metrics with an A/A copy.

    python -m tests.bench.stats_speed [ROWS …]
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from llmexp_tui.stats import Comparison, MetricData, MetricSpec, Samples, compare_arms, compare_scores

SPECS = (
    MetricSpec("accuracy", "binary"),
    MetricSpec("judge", "bounded"),
    MetricSpec("grade", "ordinal", range=(1, 5)),
    MetricSpec("latency", "latency"),
    MetricSpec("latency", "latency", statistic="p95"),
    MetricSpec("cost", "ratio"),
)


def arms(name: str, n: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """The three arms' scores on one metric."""
    row = rng.random(n)

    def one() -> np.ndarray:
        if name == "accuracy":
            return (rng.random(n) < np.where(row > 0.3, 0.95, 0.1)).astype(float)
        if name == "judge":
            return np.clip(row + rng.normal(0, 0.1, n), 0, 1)
        if name == "grade":
            return np.clip(np.round(1 + 4 * row + rng.normal(0, 0.5, n)), 1, 5)
        return np.exp(row + rng.normal(0, 0.2, n))

    return {arm: one() for arm in ("A", "A2", "B")}


def columns(n: int) -> list[MetricData]:
    rng, rows = np.random.default_rng(1), np.arange(n)
    return [
        MetricData(spec, {arm: Samples(rows, s) for arm, s in arms(spec.name, n, rng).items()}, n) for spec in SPECS
    ]


def table(data: list[MetricData], n: int) -> dict[str, list[Any]]:
    """The same as a long table with text labels."""
    out: dict[str, list[Any]] = {"row_id": [], "variant": [], "metric": [], "score": []}
    labels = [f"row-{i}" for i in range(n)]
    for entry in {d.spec.name: d for d in data}.values():
        for arm, samples in entry.arms.items():
            out["row_id"] += labels
            out["variant"] += [arm] * n
            out["metric"] += [entry.spec.name] * n
            out["score"] += samples.scores.tolist()
    return out


def best_of(call: Callable[[], Comparison], times: int = 5) -> float:
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        call()
        taken.append(time.perf_counter() - started)
    return min(taken)


def main() -> None:
    for n in [int(argument) for argument in sys.argv[1:]] or [200, 1000, 10_000, 100_000]:
        data = columns(n)
        long = table(data, n)
        by_columns = best_of(lambda data=data: compare_arms(data, baseline="A", candidates=["B"], aa="A2"))
        by_table = best_of(
            lambda long=long: compare_scores(long, baseline="A", candidates=["B"], aa="A2", metrics=SPECS)
        )
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{n:>7} rows x 6: columns {by_columns:.3f} s, table {by_table:.3f} s, peak {peak:.0f} MB so far")


if __name__ == "__main__":
    main()

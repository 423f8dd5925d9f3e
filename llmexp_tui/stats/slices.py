"""A comparison broken down by groups of rows: the one place that judges slices nobody registered.

Every slice is judged as the whole is, with its repeats, clusters and floor, and all slices of all metrics are one
family: their q-values (Benjamini-Hochberg) say which of them chance alone would not show. None passes or blocks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from llmexp_tui.stats.compare import compare_arms
from llmexp_tui.stats.interval import BoolArray, IntArray
from llmexp_tui.stats.judgement import MetricData
from llmexp_tui.stats.pairs import Samples
from llmexp_tui.stats.result import MetricResult
from llmexp_tui.stats.spec import ComparisonPlan

MOST_VALUES = 30
"""Of a column with more values only the largest are looked at: a column of ids is no slice."""


def compare_slices(
    metrics: Sequence[MetricData],
    groups: Mapping[str, np.ndarray],
    *,
    baseline: str,
    candidates: Sequence[str],
    aa: str | None = None,
    plan: ComparisonPlan | None = None,
) -> tuple[MetricResult, ...]:
    """Each metric's mean on each value of each column, largest slices first.

    metrics, baseline, candidates, aa, plan: as for `compare_arms`. groups: column name to (n_rows,) texts, one for
    each row code. `slice` of a result is "column=value", `q_value` its correction over all slices and metrics. Left
    out are quantiles, metrics that are slices already, and slices without a pair. Raises what `compare_arms` raises.
    """
    whole = [data for data in metrics if data.spec.quantile is None and data.spec.slice is None]
    parts = [
        _restricted(data, f"{column}={value}", rows)
        for column, values in groups.items()
        for value, rows in _largest(values)
        for data in whole
    ]
    if not parts:
        return ()
    judged = compare_arms(parts, baseline=baseline, candidates=candidates, aa=aa, plan=plan, details=False)
    return tuple(result for result in judged.metrics if result.n_pairs)


def _largest(values: np.ndarray) -> Iterator[tuple[str, IntArray]]:
    """Values with the codes of their rows, the most frequent first, then by name."""
    names, inverse, counts = np.unique(values.astype(str), return_inverse=True, return_counts=True)
    for place in np.argsort(-counts, kind="stable")[:MOST_VALUES]:
        yield str(names[place]), np.flatnonzero(inverse == place)


def _restricted(data: MetricData, name: str, rows: IntArray) -> MetricData:
    """The metric on these rows alone, under codes of their own."""
    code = np.full(data.n_rows, -1, dtype=np.int64)
    code[rows] = np.arange(len(rows))
    mask: BoolArray | dict[str, BoolArray] | None
    if isinstance(data.mask, Mapping):
        mask = {arm: part[rows] for arm, part in data.mask.items()}
    else:
        mask = None if data.mask is None else data.mask[rows]
    return MetricData(
        spec=replace(data.spec, role="exploratory", slice=name),
        arms={arm: _recoded(samples, code) for arm, samples in data.arms.items()},
        n_rows=len(rows),
        clusters=None if data.clusters is None else data.clusters[rows],
        mask=mask,
        floor=data.floor,
        drift=data.drift,
    )


def _recoded(samples: Samples, code: IntArray) -> Samples:
    kept = samples.select(code[samples.rows] >= 0)
    return replace(kept, rows=code[kept.rows])

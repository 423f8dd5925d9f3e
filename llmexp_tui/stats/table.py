"""A table of scores from anywhere as columns: the only place that looks at labels instead of numbers."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from llmexp_tui.errors import UnknownNameError, UsageError
from llmexp_tui.stats.floor import FloorRecord
from llmexp_tui.stats.interval import BoolArray, FloatArray, IntArray
from llmexp_tui.stats.judgement import MetricData
from llmexp_tui.stats.pairs import Samples
from llmexp_tui.stats.spec import ComparisonPlan, MetricSpec

Column = list[Any] | np.ndarray
Table = Mapping[str, Sequence[Any] | np.ndarray]
REQUIRED = ("row_id", "variant", "score")


def metric_data(
    table: Table,
    metrics: Sequence[MetricSpec],
    variants: Sequence[str],
    plan: ComparisonPlan,
    floors: Mapping[str, FloorRecord] | None = None,
) -> list[MetricData]:
    """The table's columns for each spec. Row codes follow the sorted labels, so that the table's order is irrelevant;

    for an anytime plan they follow the order of arrival, which then matters. variants: the baseline first, which
    preferences need no scores of. Raises as `compare_scores` says.
    """
    columns = _columns(table)
    rows, labels = _codes(columns["row_id"], in_order=plan.anytime)
    arms, arm_names = _codes(columns["variant"])
    arm_codes = {str(name): code for code, name in enumerate(arm_names)}
    alone = all(spec.type == "pairwise" for spec in metrics)
    for name in variants:
        if name not in arm_codes and not (alone and name == variants[0]):
            raise UnknownNameError("variant", name, arm_codes, where="column variant")
    scores, empty = _numbers(columns["score"])
    failed = _flags(columns.get("error"), len(rows)) & empty
    repeats = _codes(columns["repeat"])[0] if "repeat" in columns else None
    clusters = _clusters(columns.get("cluster"), rows, len(labels), in_order=plan.anytime)
    of_metric = _metric_masks(columns.get("metric"), metrics)
    of_arm = {name: arms == arm_codes[name] for name in variants if name in arm_codes}
    data = []
    for spec in metrics:
        keep = of_metric[spec.name] & _slice_mask(columns, spec)
        samples = {
            name: _samples(keep & mask, rows, scores, failed, repeats) for name, mask in of_arm.items()
        }
        floor = floors.get(spec.name) if floors else None
        data.append(MetricData(spec, samples, len(labels), clusters, None, floor, labels))
    return data


def _columns(table: Table) -> dict[str, Column]:
    missing = [name for name in REQUIRED if name not in table]
    if missing:
        raise UsageError(
            f"the table of scores has no column {', '.join(missing)}",
            mend=f"it needs {', '.join(REQUIRED)}; it has {', '.join(map(str, table)) or 'none'}",
        )
    columns: dict[str, Column] = {
        name: column if isinstance(column, np.ndarray) else list(column) for name, column in table.items()
    }
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        raise UsageError(f"columns of different lengths: {lengths}", mend="give every column one entry per score")
    if lengths["row_id"] == 0:
        raise UsageError("the table of scores is empty", mend="give at least one score per variant")
    return columns


def _codes(column: Column, *, in_order: bool = False) -> tuple[IntArray, list[Hashable]]:
    """(N,) codes and the labels they stand for, sorted, or in order of first appearance."""
    if isinstance(column, np.ndarray) and column.dtype.kind in "iu" and not in_order:
        labels, codes = np.unique(column, return_inverse=True)
        return codes.astype(np.int64), labels.tolist()
    values = column.tolist() if isinstance(column, np.ndarray) else column
    first: dict[Hashable, int] = {}
    try:
        codes = np.fromiter((first.setdefault(value, len(first)) for value in values), np.int64, len(values))
    except TypeError as error:
        raise UsageError(f"a label is no plain value: {error}", mend="give texts or numbers") from None
    names = list(first)
    if in_order:
        return codes, names
    order = sorted(range(len(names)), key=lambda i: (str(type(names[i])), names[i]))
    rank = np.empty(len(names), dtype=np.int64)
    rank[order] = np.arange(len(names))
    return rank[codes], [names[i] for i in order]


def _numbers(column: Column) -> tuple[FloatArray, BoolArray]:
    """(N,) floats, NaN where there is no score; and (N,) where it is empty."""
    try:
        values = np.array(column, dtype=np.float64)
    except (TypeError, ValueError):
        values = np.array([_number(value, i) for i, value in enumerate(column)], dtype=np.float64)
    if values.ndim != 1:
        raise UsageError("the column score does not hold single numbers", mend="give one number per entry")
    return values, np.isnan(values)


def _number(value: Any, index: int) -> float:
    if value is None:
        return math.nan
    text = str(value).strip().lower()
    if text in ("", "none", "null", "na", "nan"):
        return math.nan
    if text in ("true", "false"):
        return float(text == "true")
    try:
        return float(text)
    except ValueError:
        raise UsageError(
            f'score "{text[:40]}" is not a number', where=f"entry {index + 1}", mend="leave it empty if there is none"
        ) from None


def _flags(column: Column | None, size: int) -> BoolArray:
    """(N,) True where an error text, number or flag is set."""
    if column is None:
        return np.zeros(size, dtype=bool)
    values = column.tolist() if isinstance(column, np.ndarray) else column
    return np.fromiter((_is_set(value) for value in values), bool, size)


def _is_set(value: Any) -> bool:
    if isinstance(value, float) and math.isnan(value):
        return False
    if isinstance(value, str):
        return value.strip().lower() not in ("", "0", "false", "none", "null")
    return bool(value)


def _clusters(
    column: Column | None, rows: IntArray, n_rows: int, *, in_order: bool
) -> IntArray | None:
    """(n_rows,) cluster code of each row; a row without one stands alone."""
    if column is None:
        return None
    values = column.tolist() if isinstance(column, np.ndarray) else column
    labels = [("", row) if _is_blank(value) else value for value, row in zip(values, rows.tolist(), strict=True)]
    first: dict[Hashable, int] = {}
    codes = np.fromiter((first.setdefault(label, len(first)) for label in labels), np.int64, len(labels))
    clusters = np.full(n_rows, -1, dtype=np.int64)
    clusters[rows] = codes
    if bool(np.any(clusters[rows] != codes)):
        raise UsageError("a row is in two clusters", where="column cluster", mend="give each row_id one cluster")
    if in_order:
        return clusters
    # Codes by the first row of each cluster: free of the table's order.
    _, leader = np.unique(clusters, return_index=True)
    rank = np.empty(len(leader), dtype=np.int64)
    rank[np.argsort(leader, kind="stable")] = np.arange(len(leader))
    return rank[clusters]


def _is_blank(value: Any) -> bool:
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def _metric_masks(column: Column | None, metrics: Sequence[MetricSpec]) -> dict[str, Any]:
    if column is None:
        return {spec.name: True for spec in metrics}
    codes, names = _codes(column)
    known = {str(name): code for code, name in enumerate(names)}
    for spec in metrics:
        if spec.name not in known:
            raise UnknownNameError("metric", spec.name, known, where="column metric")
    return {spec.name: codes == known[spec.name] for spec in metrics}


def _slice_mask(columns: Mapping[str, Column], spec: MetricSpec) -> Any:
    if spec.slice is None:
        return True
    name, _, value = spec.slice.partition("=")
    if name.strip() not in columns:
        raise UnknownNameError("slice column", name.strip(), columns, where=f'metric "{spec.name}"')
    return np.array([str(entry) == value.strip() for entry in columns[name.strip()]], dtype=bool)


def _samples(
    keep: BoolArray, rows: IntArray, scores: FloatArray, failed: BoolArray, repeats: IntArray | None
) -> Samples:
    index = np.flatnonzero(keep)
    return Samples(rows[index], scores[index], failed[index], None if repeats is None else repeats[index])

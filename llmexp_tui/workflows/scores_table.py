"""`compare --scores`: a table of scores from anywhere, judged as the product's own scores are. It needs no project.

The file is read strictly, by line; what the numbers mean is said on the command line or taken from them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from llmexp_tui.domain.text import one_line
from llmexp_tui.errors import DatasetError, UnknownNameError, UsageError
from llmexp_tui.project.readers import open_table, refuse
from llmexp_tui.stats import Comparison, MetricSpec, compare_scores
from llmexp_tui.stats.spec import Direction, MetricType

REQUIRED = ("row_id", "variant", "score")
OPTIONAL = ("cluster", "repeat", "metric", "error")
KINDS = {".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
ONLY_METRIC = "score"
"""The name of the metric of a table that has no column for it."""
_NO_SCORE = ("", "na", "none", "null", "nan")

Columns = dict[str, list[Any]]


@dataclass(frozen=True, slots=True)
class MetricSettings:
    """What is said of every metric of the table; None leaves it to the scores or to the type's default.

    `limit` makes it the share of scores above, the rest is as in `stats.spec.MetricSpec`.
    """

    type: str | None = None
    range: tuple[float, float] | None = None
    direction: str | None = None
    margin: float | None = None
    limit: float | None = None
    min_effect: float = 0.0
    max_change: float | None = None
    strict: bool = False


def compare_scores_file(
    path: Path,
    *,
    baseline: str,
    candidates: Sequence[str],
    aa: str | None = None,
    metrics: Sequence[str] = (),
    settings: MetricSettings = MetricSettings(),
    slices: Sequence[str] = (),
    alpha: float = 0.05,
    seed: int = 1,
) -> Comparison:
    """Compares the table's candidates with its baseline, on the named metrics or on all.

    slices: "column=value" makes each metric a further gate on those rows; "column" shows it on each of the column's
    values, exploratory.
    Raises DatasetError with file and line for what cannot be read, UsageError, UnknownNameError and ConfigError for
    a request that makes no sense.
    """
    columns = read_scores(path, [slice_.partition("=")[0].strip() for slice_ in slices])
    shown = one_line(str(path), 160)
    names = tuple(dict.fromkeys(metrics)) or _metric_names(columns)
    if "metric" not in columns and len(names) > 1:
        raise UsageError(
            f"{len(names)} metrics asked for, and no column says which score is whose",
            where=shown,
            mend="add a column metric, or ask for one",
        )
    whole = [_spec(name, columns, settings) for name in names]
    specs = [*whole, *(part for slice_ in slices for part in _sliced(whole, columns, slice_))]
    return compare_scores(
        columns, baseline=baseline, candidates=candidates, metrics=specs, aa=aa, alpha=alpha, seed=seed
    )


def read_scores(path: Path, labels: Sequence[str] = ()) -> Columns:
    """The file's known columns as lists of equal length, and as text those that `labels` names.

    Raises DatasetError with file and line, UnknownNameError for a label that no line has.
    """
    shown = one_line(str(path), 160)
    suffixes = [suffix.lower() for suffix in path.suffixes]
    gzipped = suffixes[-1:] == [".gz"]
    kind = KINDS.get("".join(suffixes[-2:-1] if gzipped else suffixes[-1:]))
    if kind is None:
        refuse(shown, None, "the ending names no format", f"use one of {', '.join(KINDS)}, also with .gz")
    columns: Columns = {name: [] for name in REQUIRED}
    try:
        with path.open("rb") as file:
            table = open_table(file, kind, shown, gzipped=gzipped)
            if table.columns is not None:
                _require_columns(table.columns, shown)
            for count, (line, values) in enumerate(table.records):
                _append(columns, count, _checked(values, shown, line, labels))
    except OSError as error:
        raise DatasetError(f"cannot be read: {error.strerror}", where=shown) from error
    for name in labels:
        if name not in columns:
            known = [*(table.columns or columns)]
            raise UnknownNameError("slice column", one_line(name, 60), known, where=shown)
    if not columns["row_id"]:
        refuse(shown, None, "there is no score in it", "give at least one line for each row and variant")
    return columns


def _require_columns(found: Sequence[str], shown: str) -> None:
    missing = [name for name in REQUIRED if name not in found]
    if missing:
        refuse(shown, 1, f"no column {', '.join(missing)}", f"the first line needs {', '.join(REQUIRED)}")


def _checked(values: dict[str, Any], shown: str, line: int, labels: Sequence[str]) -> dict[str, Any]:
    """One line's values: labels as text, the score as a number or None."""
    for name in REQUIRED:
        # A failed call has no score to give.
        if name not in values and not (name == "score" and values.get("error")):
            refuse(shown, line, f"no {name}", f"each line needs {', '.join(REQUIRED)}")
    record = {name: values[name] for name in OPTIONAL if name in values}
    for name in labels:
        if name in values:
            record[name] = "" if values[name] is None else str(values[name]).strip()
    for name in ("row_id", "variant"):
        label = values[name]
        if label is None or isinstance(label, (dict, list)) or not str(label).strip():
            refuse(shown, line, f"the {name} is empty or no plain value", "name each score's row and variant")
        record[name] = str(label).strip()
    for name in ("metric", "cluster", "repeat"):
        if isinstance(record.get(name), (dict, list)):
            refuse(shown, line, f"the {name} is no plain value")
    if record.get("metric") is not None:
        record["metric"] = str(record["metric"]).strip()
    record["score"] = _score(values.get("score"), shown, line)
    return record


def _score(value: Any, shown: str, line: int) -> float | None:
    text = "" if value is None else str(value).strip().lower()
    if text in _NO_SCORE:
        return None
    if text in ("true", "false"):
        return float(text == "true")
    try:
        return float(text)
    except ValueError:
        refuse(shown, line, f'score "{one_line(text, 40)}" is not a number', "leave it empty if there is none")


def _append(columns: Columns, count: int, record: dict[str, Any]) -> None:
    for name in record.keys() - columns.keys():
        columns[name] = [None] * count
    for name, column in columns.items():
        column.append(record.get(name))


def _metric_names(columns: Columns) -> tuple[str, ...]:
    """Every metric of the table, in order of appearance."""
    found = dict.fromkeys(str(name) for name in columns.get("metric", ()) if name not in (None, ""))
    return tuple(found) or (ONLY_METRIC,)


def _spec(name: str, columns: Columns, settings: MetricSettings) -> MetricSpec:
    return MetricSpec(
        name,
        type=cast("MetricType", settings.type or _type_of(name, columns, settings)),
        margin=settings.margin,
        direction=cast("Direction | None", settings.direction),
        range=settings.range,
        threshold=settings.limit,
        min_effect=settings.min_effect,
        max_change=settings.max_change,
        strict=settings.strict,
    )


def _sliced(whole: Sequence[MetricSpec], columns: Columns, wanted: str) -> list[MetricSpec]:
    """The metrics on one value of a column, as gates; or on each of its values, for looking around."""
    column, equals, value = (part.strip() for part in wanted.partition("="))
    if equals:
        return [replace(spec, slice=f"{column}={value}") for spec in whole]
    values = sorted({str(entry or "") for entry in columns[column]})
    return [replace(spec, slice=f"{column}={one}", role="exploratory") for spec in whole for one in values]


def _type_of(name: str, columns: Columns, settings: MetricSettings) -> MetricType:
    """The type that fits every score, where none is given: 0 and 1, within the range (0 to 1 unless given), any."""
    if settings.limit is not None:
        return "share"
    bounds = settings.range
    owners = columns.get("metric") or [name] * len(columns["score"])
    scores = [
        score
        for score, owner in zip(columns["score"], owners, strict=True)
        if owner == name and score is not None and math.isfinite(score)
    ]
    if bounds is None and all(score in (0.0, 1.0) for score in scores):
        return "binary"
    low, high = bounds or (0.0, 1.0)
    return "bounded" if all(low <= score <= high for score in scores) else "unbounded"

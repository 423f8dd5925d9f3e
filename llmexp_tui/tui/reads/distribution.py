"""Both arms' values of a metric, whole or by slice, for histograms and tables. Statistics come from `stats` alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from llmexp_tui.domain.run import RunRecord
from llmexp_tui.reports.record import ExperimentReport
from llmexp_tui.stats import MetricSpec, compare_scores
from llmexp_tui.stats.result import MetricResult
from llmexp_tui.stats.spec import MetricType, Statistic
from llmexp_tui.store import rows as stored_rows
from llmexp_tui.store import runs
from llmexp_tui.tui.reads.columns import PairColumns, column_of
from llmexp_tui.workflows.columns import frame
from llmexp_tui.workflows.session import Session

_MOST_VALUES = 30


@dataclass(frozen=True, slots=True)
class SliceResult:
    """One slice with the metric judged on its rows alone; `result` None where it has too few."""

    column: str
    value: str
    rows: int
    result: MetricResult | None


def pair_of(report: ExperimentReport, candidate: str, session: Session) -> tuple[RunRecord, RunRecord]:
    """The two runs of a report."""
    arm = next(arm for arm in report.candidates if arm.variant == candidate)
    baseline = report.baseline.id if report.baseline else ""
    return runs.get_run(session.store, baseline), runs.get_run(session.store, arm.id)


def read_values(
    report: ExperimentReport, candidate: str, metric: str, session: Session
) -> tuple[list[float], list[float]]:
    """Every value of both arms, each repeat on its own."""
    left, right = (column_of(session, record, metric).value for record in pair_of(report, candidate, session))
    return left[np.isfinite(left)].tolist(), right[np.isfinite(right)].tolist()


def read_slices(
    report: ExperimentReport, candidate: str, metric: MetricResult, session: Session
) -> tuple[SliceResult, ...]:
    """The metric on each value of each slice column that the dataset declares, exploratory, largest slices first."""
    records = pair_of(report, candidate, session)
    source = session.project.datasets.get(records[0].dataset)
    if source is None or not source.slices:
        return ()
    refs = stored_rows.row_refs(session.store, records[0].dataset_hash)
    rows = frame(session, records[0].dataset_hash, source, source.slices)
    pair = PairColumns(session, records, metric.metric, refs.nos)
    codes = rows.codes(np.asarray(refs.nos, dtype=np.int64))
    found: list[SliceResult] = []
    for column in source.slices:
        texts = rows.groups[column][codes]
        values, counts = np.unique(texts.astype(str), return_counts=True)
        for place in np.argsort(-counts, kind="stable")[:_MOST_VALUES]:
            mask = texts == values[place]
            table = _table(pair, mask, report, candidate)
            found.append(SliceResult(column, str(values[place]), int(counts[place]), _judge(table, metric, report)))
    return tuple(found)


def _table(
    pair: PairColumns, mask: np.ndarray, report: ExperimentReport, candidate: str
) -> Mapping[str, Sequence[object]]:
    """The slice as a table of scores."""
    places = np.flatnonzero(mask)
    baseline = report.baseline.variant if report.baseline else "baseline"
    return {
        "row_id": [int(place) for place in (*places, *places)],
        "variant": [baseline] * len(places) + [candidate] * len(places),
        "score": [*pair.baseline[places].tolist(), *pair.candidate[places].tolist()],
    }


def _judge(
    table: Mapping[str, Sequence[object]], metric: MetricResult, report: ExperimentReport
) -> MetricResult | None:
    direction = "higher" if metric.direction == "none" else metric.direction
    spec = MetricSpec(
        metric.metric, cast(MetricType, metric.type), direction=direction, role="exploratory",
        statistic=cast(Statistic, metric.statistic),
    )  # fmt: skip
    baseline = report.baseline.variant if report.baseline else "baseline"
    result = compare_scores(table, baseline=baseline, candidates=[metric.candidate], metrics=[spec], seed=metric.seed)
    return result.metrics[0] if result.metrics and result.metrics[0].delta is not None else None

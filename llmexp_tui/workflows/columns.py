"""From stored cells to the columns that statistics takes. Reads columns, never objects: a row costs a few bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from llmexp_tui.domain.dataset import DatasetSource
from llmexp_tui.domain.run import RunRecord
from llmexp_tui.stats.pairs import Samples
from llmexp_tui.store import datasets, scores
from llmexp_tui.workflows.session import Session

IntArray = npt.NDArray[np.int64]
CHUNK_ROWS = 2048

OUTPUT_FIELDS: Mapping[str, str] = {
    "latency": "latency_ms", "ttft": "ttft_ms", "cost": "cost_usd", "tokens": "tokens", "errors": "errors",
}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """The rows of a dataset version as codes 0 … n-1.

    numbers: (n,) ascending row numbers of the store. labels: row keys. clusters: (n,) codes or None.
    groups: column -> value of each row as text, for the columns that slices name.
    """

    numbers: IntArray
    labels: Sequence[str]
    clusters: IntArray | None = None
    groups: Mapping[str, npt.NDArray[np.object_]] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Number of rows."""
        return len(self.numbers)

    def codes(self, row_numbers: IntArray) -> IntArray:
        """The codes of stored row numbers."""
        return np.searchsorted(self.numbers, row_numbers).astype(np.int64)

    def mask(self, column: str, value: str) -> npt.NDArray[np.bool_]:
        """(n,) rows whose column has this value."""
        return np.asarray(self.groups[column] == value, dtype=bool)


def frame(session: Session, dataset_hash: str, source: DatasetSource, slices: Sequence[str] = ()) -> Frame:
    """The frame of a version, with clusters where the dataset declares them, and the slice columns asked for."""
    refs = sorted(datasets.row_refs(session.store, dataset_hash), key=lambda ref: ref.no)
    numbers = np.array([ref.no for ref in refs], dtype=np.int64)
    labels = [ref.key for ref in refs]
    wanted = [*slices, *([source.cluster] if source.cluster else [])]
    if not wanted:
        return Frame(numbers, labels)
    values = {column: np.empty(len(refs), dtype=object) for column in wanted}
    for at in range(0, len(refs), CHUNK_ROWS):
        chunk = refs[at : at + CHUNK_ROWS]
        rows = datasets.rows_by_no(session.store, [ref.no for ref in chunk])
        for offset, ref in enumerate(chunk, at):
            for column in wanted:
                values[column][offset] = _as_text(rows[ref.no].values.get(column))
    clusters = None
    if source.cluster:
        # A row without a cluster stands alone; blanks are not one large cluster.
        names = [name or f"\x00{i}" for i, name in enumerate(values[source.cluster])]
        _, inverse = np.unique(names, return_inverse=True)
        clusters = inverse.astype(np.int64)
    return Frame(numbers, labels, clusters, {column: values[column] for column in slices})


def _as_text(value: Any) -> str:
    return "" if value is None else str(value)


def metric_samples(
    session: Session, rows: Frame, arm: Sequence[RunRecord], metric: str, fingerprint: str | None
) -> Samples:
    """One arm's samples of a metric: a scorer's by its fingerprint, a built-in one by its name.

    Several runs of an arm (the three-run rule) follow each other as runs 0, 1, 2, each with its own repeats.
    """
    parts = [_run_samples(session, rows, run, metric, fingerprint) for run in arm]
    return Samples(
        rows=np.concatenate([p.rows for p in parts]),
        scores=np.concatenate([p.scores for p in parts]),
        failed=np.concatenate([p.failed for p in parts if p.failed is not None]),
        repeats=np.concatenate([p.repeats for p in parts if p.repeats is not None]),
        cached=np.concatenate([p.cached for p in parts if p.cached is not None]),
        runs=np.concatenate([np.full(len(p.rows), run.number - 1) for p, run in zip(parts, arm, strict=True)]),
    )


def _run_samples(session: Session, rows: Frame, run: RunRecord, metric: str, fingerprint: str | None) -> Samples:
    if fingerprint is not None:
        column = scores.score_column(session.store, run.id, fingerprint)
    else:
        column = scores.output_column(session.store, run.id, OUTPUT_FIELDS[metric])
    return Samples(
        rows=rows.codes(column.row_no),
        scores=column.value,
        failed=column.failed,
        repeats=column.repeat,
        cached=column.cached,
    )

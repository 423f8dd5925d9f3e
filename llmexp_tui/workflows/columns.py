"""From stored cells to the columns that statistics takes. Reads columns, never objects: a row costs a few bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from llmexp_tui.domain.dataset import DatasetSource
from llmexp_tui.domain.hashing import content_hash
from llmexp_tui.domain.run import RunRecord
from llmexp_tui.domain.score import against
from llmexp_tui.engine.plan import row_order
from llmexp_tui.scoring.base import RepeatRule
from llmexp_tui.scoring.human import PREFERENCE, human_body
from llmexp_tui.stats.pairs import Samples
from llmexp_tui.store import datasets, scores
from llmexp_tui.store.scores import Column
from llmexp_tui.workflows.metrics import Metric
from llmexp_tui.workflows.session import Session

IntArray = npt.NDArray[np.int64]
CHUNK_ROWS = 2048

OUTPUT_FIELDS: Mapping[str, str] = {
    "latency": "latency_ms", "ttft": "ttft_ms", "cost": "cost_usd", "tokens": "tokens", "errors": "errors",
}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """The rows of a dataset version as codes 0 … n-1.

    numbers: (n,) row numbers of the store. labels: row keys. clusters: (n,) codes or None.
    groups: column -> value of each row as text, for the columns that slices name.
    What is read of a run, its calls and a scorer's values, is read once however often a frame is asked for it.
    """

    numbers: IntArray
    labels: Sequence[str]
    clusters: IntArray | None = None
    groups: Mapping[str, npt.NDArray[np.object_]] = field(default_factory=dict)

    _order: IntArray = field(init=False, repr=False)
    _figures: dict[str, Mapping[str, Column]] = field(default_factory=dict, init=False, repr=False)
    _scores: dict[tuple[str, str, str], Column] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_order", np.argsort(self.numbers, kind="stable"))

    @property
    def size(self) -> int:
        """Number of rows."""
        return len(self.numbers)

    def codes(self, row_numbers: IntArray) -> IntArray:
        """The codes of stored row numbers."""
        return self._order[np.searchsorted(self.numbers, row_numbers, sorter=self._order)].astype(np.int64)

    def figures(self, session: Session, run: RunRecord) -> Mapping[str, Column]:
        """What the run's calls took, by metric: five metrics ask one after the other."""
        if run.id not in self._figures:
            found = scores.output_columns(session.store, run.id, tuple(OUTPUT_FIELDS.values()))
            self._figures[run.id] = {name: found[stored] for name, stored in OUTPUT_FIELDS.items()}
        return self._figures[run.id]

    def scores(self, session: Session, run: RunRecord, fingerprint: str, by: str) -> Column:
        """A scorer's values over the run: the judgement asks for them, then the rows that changed most."""
        key = run.id, fingerprint, by
        if key not in self._scores:
            self._scores[key] = scores.score_column(session.store, run.id, fingerprint, by=by)
        return self._scores[key]

    def mask(self, column: str, value: str) -> npt.NDArray[np.bool_]:
        """(n,) rows whose column has this value."""
        return np.asarray(self.groups[column] == value, dtype=bool)


def frame(
    session: Session, dataset_hash: str, source: DatasetSource, slices: Sequence[str] = (), *, seed: int | None = None
) -> Frame:
    """The frame of a version, with clusters where the dataset declares them, and the slice columns asked for.

    Codes follow the version's order, or the order in which rows are dispatched under `seed`.
    """
    refs = datasets.row_refs(session.store, dataset_hash)
    order = range(len(refs)) if seed is None else row_order(len(refs), seed)
    numbers = np.array(refs.nos, dtype=np.int64)[np.asarray(order, dtype=np.int64)]
    labels = [refs.key(index) for index in order]
    wanted = [*slices, *([source.cluster] if source.cluster else [])]
    if not wanted:
        return Frame(numbers, labels)
    values = {column: np.empty(len(refs), dtype=object) for column in wanted}
    for at in range(0, len(refs), CHUNK_ROWS):
        chunk = numbers[at : at + CHUNK_ROWS].tolist()
        rows = datasets.rows_by_no(session.store, chunk)
        for offset, number in enumerate(chunk, at):
            for column in wanted:
                values[column][offset] = _as_text(rows[number].values.get(column))
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
    session: Session,
    rows: Frame,
    arm: Sequence[RunRecord],
    metric: Metric,
    opponents: Sequence[RunRecord] = (),
    *,
    by: str = "",
) -> Samples:
    """One arm's samples of a metric: a scorer's by its fingerprint, a built-in one by its name.

    Several runs of an arm (the three-run rule) follow each other as runs 0, 1, 2, each with its own repeats.
    `opponents` are the runs that a preference was asked against, one a run. `by` names a further judgement.
    """
    if metric.against_baseline:
        pairs = zip(arm, opponents, strict=False)
        parts = [_preferences(session, rows, run, opponent, metric) for run, opponent in pairs]
    else:
        parts = [_run_samples(session, rows, run, metric, by) for run in arm]
    return _joined(parts, arm)


def _joined(parts: Sequence[Samples], arm: Sequence[RunRecord]) -> Samples:
    return Samples(
        rows=np.concatenate([p.rows for p in parts]),
        scores=np.concatenate([p.scores for p in parts]),
        failed=np.concatenate([p.failed for p in parts if p.failed is not None]),
        repeats=np.concatenate([p.repeats for p in parts if p.repeats is not None]),
        cached=np.concatenate([p.cached for p in parts if p.cached is not None]),
        runs=np.concatenate([np.full(len(p.rows), run.number - 1) for p, run in zip(parts, arm, strict=False)]),
    )


def _run_samples(session: Session, rows: Frame, run: RunRecord, metric: Metric, by: str) -> Samples:
    if metric.fingerprint is None:
        column = rows.figures(session, run)[metric.name]
    elif metric.by_people:
        column = scores.people_column(session.store, run.id, metric.fingerprint)
    else:
        column = rows.scores(session, run, metric.fingerprint, by)
    samples = _samples(rows, column, column.value)
    return samples if metric.rule is None else over_repeats(samples, metric.rule, rows.size)


def _samples(rows: Frame, column: Column, values: npt.NDArray[np.float64]) -> Samples:
    return Samples(
        rows=rows.codes(column.row_no),
        scores=values,
        failed=column.failed,
        repeats=column.repeat,
        cached=column.cached,
    )


def over_repeats(samples: Samples, rule: RepeatRule, size: int) -> Samples:
    """One entry a row from its 0/1 repeats: pass@k or pass^k. A failed call is an attempt that did not pass.

    NaN where fewer than k repeats have a score: the scorer's fault, not the variant's.
    """
    failed = np.zeros(len(samples.rows), dtype=bool) if samples.failed is None else samples.failed
    scored = np.isfinite(samples.scores) & ~failed
    attempts = np.bincount(samples.rows[scored | failed], minlength=size)
    passes = np.bincount(samples.rows[scored], samples.scores[scored] >= 0.5, minlength=size).astype(np.int64)
    cached = np.zeros(size, dtype=bool)
    if samples.cached is not None:
        cached[samples.rows[samples.cached]] = True
    codes = np.unique(samples.rows)
    values = np.array(
        [rule.of_counts(int(attempts[c]), int(passes[c])) if attempts[c] >= rule.k else np.nan for c in codes]
    )
    none = np.zeros(len(codes), dtype=bool)
    return Samples(codes, values, none, np.zeros(len(codes), dtype=np.int64), cached[codes])


def _preferences(session: Session, rows: Frame, run: RunRecord, opponent: RunRecord, metric: Metric) -> Samples:
    """+1, 0 or -1 for each answer of a run against the opponent's; one that failed loses, two that failed tie."""
    if metric.by_people:
        body = human_body(PREFERENCE, opponent.id, run.id)
        column = scores.people_column(session.store, run.id, content_hash(body))
        return _samples(rows, column, 2.0 * column.value - 1.0)
    column = scores.score_column(session.store, run.id, metric.fingerprint or "", by=against(opponent.id))
    theirs = scores.output_column(session.store, opponent.id, "errors")
    lost = {
        (row, repeat)
        for row, repeat, failed in zip(
            theirs.row_no.tolist(), theirs.repeat.tolist(), theirs.failed.tolist(), strict=True
        )
        if failed
    }
    cells = zip(column.row_no.tolist(), column.repeat.tolist(), strict=True)
    their_loss = np.fromiter((cell in lost for cell in cells), dtype=np.float64, count=len(column.row_no))
    values = 2.0 * column.value - 1.0
    one_failed = column.failed | (their_loss > 0)
    values[one_failed] = their_loss[one_failed] - column.failed[one_failed]
    samples = _samples(rows, column, values)
    return replace(samples, failed=np.zeros(len(values), dtype=bool))

"""Small real things to put into a store."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from llmexp_tui.domain.dataset import DatasetVersion, Row, make_row
from llmexp_tui.domain.run import RunRecord, RunStatus
from llmexp_tui.domain.score import Score
from llmexp_tui.domain.usage import Completion, Failure, FailureKind, Usage
from llmexp_tui.store import datasets, runs
from llmexp_tui.store.cells import CellWrite
from llmexp_tui.store.engine import Store

AT = "2026-01-02T03:04:05.000000+00:00"
EXACT, LENGTH = "exact_match/1", "length/1"


def make_rows(count: int, start: int = 0) -> Iterable[Row]:
    """Rows r0000 … with a question, an expected answer and a channel."""
    for n in range(start, start + count):
        channel = "web" if n % 2 else "email"
        values = {"id": f"r{n:04}", "question": f"What is {n}?", "expected": str(n), "channel": channel}
        yield make_row(values, key=f"r{n:04}")


def make_dataset(store: Store, count: int = 4, name: str = "tickets") -> DatasetVersion:
    """A version with `count` rows."""
    columns = ("id", "question", "expected", "channel")
    return datasets.add_version(store, name, make_rows(count), columns=columns, author="ada", at=AT)[0]


def run_record(id: str, dataset: DatasetVersion, **changes: object) -> RunRecord:
    """A run of `dataset`."""
    record = RunRecord(
        id=id, group="g1", experiment="tone", variant="long", variant_hash="v" * 64, slot="main",
        dataset=dataset.name, dataset_hash=dataset.hash, registration="a" * 64, rules="b" * 64, repeats=1,
        rows=dataset.rows, seed=1, status=RunStatus.QUEUED, created_at=AT, who="ada", host="box",
    )  # fmt: skip
    return replace(record, **changes)  # type: ignore[arg-type]


def answer(text: str = "4", **changes: object) -> Completion:
    """A completion with everything known."""
    completion = Completion(
        text=text, finish_reason="stop", usage=Usage(10, 2, 3, 0, 1), cost_usd=0.001, latency_ms=120.0, ttft_ms=30.0,
        model_returned="m-1", response_id="resp-1",
    )  # fmt: skip
    return replace(completion, **changes)  # type: ignore[arg-type]


def failure(kind: FailureKind = FailureKind.TIMEOUT, message: str = "no answer in 60 s") -> Failure:
    """A call without an answer."""
    return Failure(kind, message, retryable=True, latency_ms=60_000.0)


def cell(
    run: str,
    row_no: int,
    result: Completion | Failure | int | None = None,
    *,
    repeat: int = 0,
    key: bytes | None = None,
    scores: Sequence[tuple[str, Score]] = (),
    rules: str = "b" * 64,
    at: str = AT,
) -> CellWrite:
    """A finished cell: an answer, a failure, or the number of a cached completion."""
    result = answer() if result is None else result
    return CellWrite(
        run_id=run, row_no=row_no, repeat=repeat, cache_key=key, attempts=1, rules=rules, at=at, scores=scores,
        completion=result if isinstance(result, Completion) else None,
        failure=result if isinstance(result, Failure) else None,
        cached_completion_no=result if isinstance(result, int) else None,
    )  # fmt: skip


def make_runs(store: Store, *ids: str, rows: int = 4) -> list[int]:
    """Runs over a dataset of `rows` rows; the row numbers."""
    dataset = make_dataset(store, rows)
    runs.create_runs(store, [run_record(id, dataset) for id in ids])
    return [ref.no for ref in datasets.row_refs(store, dataset.hash)]

"""Writes finished cells: the one path by which a paid answer reaches the disk. Calls nothing, decides nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select, text

from llmexp_tui.domain.score import Score
from llmexp_tui.domain.usage import Completion, Failure
from llmexp_tui.errors import StoreError
from llmexp_tui.store import liveness
from llmexp_tui.store.bulk import Bulk
from llmexp_tui.store.engine import Store
from llmexp_tui.store.mapping import completion_values, failure_values, figures, score_values
from llmexp_tui.store.names import ensure_no, find_no, run_no
from llmexp_tui.store.tables import CompletionTable, OutputTable, ScorerTable, ScoreTable, core

_COMPLETION = core(CompletionTable)
_INSERT_COMPLETIONS = Bulk(_COMPLETION)
_REPLACE_OUTPUTS = Bulk(core(OutputTable), ("run_no", "row_no", "repeat"))
REPLACE_SCORES = Bulk(core(ScoreTable), ("run_no", "scorer_no", "row_no", "repeat", "by"))
_FIGURES = ("no", "error_kind", "input_tokens", "output_tokens", "cost_usd", "latency_ms", "ttft_ms")


@dataclass(frozen=True, slots=True)
class CellWrite:
    """One finished cell: exactly one of `completion`, `failure` and `cached_completion_no` is set.

    `cache_key` (32 bytes) makes the completion answer later cells with the same key. `rules` is the hash of the
    registration's rules that the call was made under, `at` RFC 3339 UTC. `scores` pairs fingerprints with scores.
    """

    run_id: str
    row_no: int
    repeat: int
    cache_key: bytes | None
    completion: Completion | None
    failure: Failure | None
    attempts: int
    cached_completion_no: int | None
    rules: str
    at: str
    scores: Sequence[tuple[str, Score]] = ()
    rendered_hash: bytes | None = None


_Key = tuple[int, int, int]
"""A cell within the store: run number, row number, repeat."""


def write_cells(store: Store, batch: Sequence[CellWrite]) -> int:
    """Commits the cells in one transaction and returns how many were stored; on return they survive a power cut.

    A cell that has an answer keeps it; one that failed is replaced. So writing a batch twice changes nothing.
    Raises StoreError; then nothing of the batch is stored.
    """
    if not batch:
        return 0
    with store.write() as connection:
        new = _without_answered(connection, _keyed(store, connection, batch))
        if new:
            _write_outputs(connection, new)
            _write_scores(store, connection, new)
        _beat(store, connection, batch[-1].at)
    return len(new)


def _keyed(store: Store, connection: Connection, batch: Iterable[CellWrite]) -> dict[_Key, CellWrite]:
    """The cells by their keys; of two for the same key, the answer wins over the failure, then the first."""
    found: dict[_Key, CellWrite] = {}
    for cell in batch:
        key = (run_no(store, connection, cell.run_id), cell.row_no, cell.repeat)
        if key not in found or (found[key].failure is not None and cell.failure is None):
            found[key] = cell
    return found


def _without_answered(connection: Connection, cells: dict[_Key, CellWrite]) -> dict[_Key, CellWrite]:
    answered: set[_Key] = set()
    statement = text(
        "SELECT row_no, repeat FROM output"
        " WHERE run_no = :run AND row_no IN (SELECT value FROM json_each(:rows)) AND NOT failed"
    )
    for run in {key[0] for key in cells}:
        rows = json.dumps(sorted({key[1] for key in cells if key[0] == run}))
        answered.update((run, *pair) for pair in connection.execute(statement, {"run": run, "rows": rows}))
    return {key: cell for key, cell in cells.items() if key not in answered}


def _write_outputs(connection: Connection, cells: dict[_Key, CellWrite]) -> None:
    """Completions for the cells that were called, then an output for every cell."""
    cached = _cached_figures(connection, [c.cached_completion_no for c in cells.values()])
    number = int(connection.execute(select(func.coalesce(func.max(_COMPLETION.c.no), 0))).scalar_one())
    completions: list[dict[str, Any]] = []
    outputs: list[dict[str, Any]] = []
    for (run, row, repeat), cell in cells.items():
        if cell.cached_completion_no is not None:
            no, values = cell.cached_completion_no, cached[cell.cached_completion_no]
        else:
            number += 1
            no, values = number, _called(cell)
            completions.append({"no": no, **values})
        outputs.append(
            {"run_no": run, "row_no": row, "repeat": repeat, "completion_no": no,
             "cached": cell.cached_completion_no is not None, **values["figures"]}
        )  # fmt: skip
    _INSERT_COMPLETIONS.insert(connection, completions)
    _REPLACE_OUTPUTS.insert(connection, outputs)


def _called(cell: CellWrite) -> dict[str, Any]:
    if cell.completion is not None:
        values = completion_values(cell.completion)
        values["cache_key"] = cell.cache_key
    elif cell.failure is not None:
        values = failure_values(cell.failure)
    else:
        raise ValueError("a cell without completion, failure and cached completion")
    values.update(attempts=cell.attempts, rules=cell.rules, created_at=cell.at, rendered_hash=cell.rendered_hash)
    values["figures"] = figures(values)
    return values


def _cached_figures(connection: Connection, numbers: Iterable[int | None]) -> dict[int, dict[str, Any]]:
    wanted = json.dumps(sorted({n for n in numbers if n is not None}))
    if wanted == "[]":
        return {}
    statement = select(*(_COMPLETION.c[name] for name in _FIGURES)).where(
        _COMPLETION.c.no.in_(select(text("value")).select_from(func.json_each(wanted)))
    )
    found = {row["no"]: {"figures": figures(row)} for row in connection.execute(statement).mappings()}
    if missing := set(json.loads(wanted)) - set(found):
        raise StoreError(f"there is no completion {min(missing)} to take an answer from")
    return found


def _write_scores(store: Store, connection: Connection, cells: dict[_Key, CellWrite]) -> None:
    numbers = scorer_numbers(store, connection, {fp for cell in cells.values() for fp, _ in cell.scores})
    values = [
        {"run_no": run, "scorer_no": numbers[fingerprint], "row_no": row, "repeat": repeat, "by": "", "at": cell.at,
         **score_values(score)}
        for (run, row, repeat), cell in cells.items()
        for fingerprint, score in cell.scores
    ]  # fmt: skip
    REPLACE_SCORES.insert(connection, values)


def scorer_numbers(store: Store, connection: Connection, fingerprints: Iterable[str]) -> dict[str, int]:
    """The scorers' numbers; a fingerprint that was never saved gets an empty body."""
    table = core(ScorerTable)
    numbers = {}
    for fingerprint in fingerprints:
        known = store.numbers.get(("scorer", fingerprint))
        if known is None:
            known = find_no(connection, table, "fingerprint", fingerprint)
            if known is not None:
                store.numbers["scorer", fingerprint] = known
        numbers[fingerprint] = known or ensure_no(connection, table, "fingerprint", fingerprint, body={})
    return numbers


def _beat(store: Store, connection: Connection, at: str) -> None:
    known = store.numbers.get(("process", ""))
    if known is not None:
        liveness.beat_if_due(connection, known, at)

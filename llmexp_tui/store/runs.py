"""Runs: their records, their state, and what was counted from their cells."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Select, case, delete, func, insert, select, text, update

from llmexp_tui.domain.run import Output, RunRecord, RunStatus, RunTotals
from llmexp_tui.errors import UnknownNameError
from llmexp_tui.store import liveness
from llmexp_tui.store.bulk import plain_rows
from llmexp_tui.store.engine import Store
from llmexp_tui.store.mapping import output_of, run_of, run_values
from llmexp_tui.store.names import experiment_no, find_no, match_prefix, recent_run_ids, run_no
from llmexp_tui.store.tables import (
    CompletionTable,
    ExperimentTable,
    OutputTable,
    RowTable,
    RunTable,
    ScorerTable,
    core,
)

_RUN, _EXPERIMENT = core(RunTable), core(ExperimentTable)
_OUTPUT, _COMPLETION, _ROW = core(OutputTable), core(CompletionTable), core(RowTable)
_OPEN = (RunStatus.QUEUED, RunStatus.RUNNING)


def create_runs(store: Store, records: Sequence[RunRecord]) -> None:
    """Stores new runs, all or none, as this process's. Raises StoreError where an id exists."""
    if not records:
        return
    with store.write() as connection:
        numbers = {name: experiment_no(connection, name) for name in {r.experiment for r in records}}
        process_no = liveness.register(connection, store.process, records[0].created_at)
        values = [{**run_values(r, numbers[r.experiment]), "process_no": process_no} for r in records]
        connection.execute(insert(_RUN), values)


def _select_runs() -> Select[Any]:
    return select(_RUN, _EXPERIMENT.c.name.label("experiment")).join(
        _EXPERIMENT, _EXPERIMENT.c.no == _RUN.c.experiment_no
    )


def get_run(store: Store, id_or_prefix: str) -> RunRecord:
    """The run with that id or the one whose id starts so. Raises UnknownNameError, UsageError where several do."""
    with store.read() as connection:
        found = match_prefix(connection, select(_RUN.c.id), _RUN.c.id, id_or_prefix, "run")
        if found is None:
            raise UnknownNameError("run", id_or_prefix, recent_run_ids(connection))
        return run_of(connection.execute(_select_runs().where(_RUN.c.id == found)).mappings().one())


def find_runs(
    store: Store,
    *,
    experiment: str | None = None,
    variant_hash: str | None = None,
    dataset_hash: str | None = None,
    group: str | None = None,
    slot: str | None = None,
    registration: str | None = None,
    statuses: Iterable[RunStatus] | None = None,
    newest_first: bool = True,
    limit: int | None = None,
) -> list[RunRecord]:
    """Runs that match all that is given, in the order they were made (newest first unless told)."""
    query = _select_runs().order_by(_RUN.c.no.desc() if newest_first else _RUN.c.no).limit(limit)
    same = {"variant_hash": variant_hash, "dataset_hash": dataset_hash, "group_id": group, "slot": slot,
            "registration": registration}  # fmt: skip
    for name, value in same.items():
        if value is not None:
            query = query.where(_RUN.c[name] == value)
    if statuses is not None:
        query = query.where(_RUN.c.status.in_([s.value for s in statuses]))
    with store.read() as connection:
        if experiment is not None:
            query = query.where(_RUN.c.experiment_no == find_no(connection, _EXPERIMENT, "name", experiment))
        return [run_of(row) for row in connection.execute(query).mappings()]


def set_status(
    store: Store, run_ids: Sequence[str], status: RunStatus, *, at: str, reason: str | None = None
) -> None:
    """Moves runs to a state. RUNNING fills `started_at` once and ties the runs to this process.

    Any end fills `ended_at`. `at` is RFC 3339 UTC; `reason` replaces `stop_reason`.
    """
    values: dict[str, Any] = {"status": status.value, "stop_reason": reason, "ended_at": None}
    with store.write() as connection:
        if status is RunStatus.RUNNING:
            values["process_no"] = liveness.register(connection, store.process, at)
            values["started_at"] = func.coalesce(_RUN.c.started_at, at)
        elif status not in _OPEN:
            values["ended_at"] = at
        connection.execute(update(_RUN).where(_RUN.c.id.in_(run_ids)).values(**values))
    if "process_no" in values:
        store.numbers["process", ""] = values["process_no"]


def totals(store: Store, run_id: str) -> RunTotals:
    """What the run's cells add up to. Raises UnknownNameError."""
    return totals_of(store, [run_id])[run_id]


def totals_of(store: Store, run_ids: Sequence[str]) -> dict[str, RunTotals]:
    """What each run's cells add up to, in one query over 40 bytes a cell. Raises UnknownNameError.

    `cost_usd`, `unpriced` and `tokens` are of the calls that the run itself made, not of answers from the cache.
    A run that the plan itself ended early has no cells left to plan for.
    """
    called = (~_OUTPUT.c.cached) & (~_OUTPUT.c.failed)
    counted = select(
        _OUTPUT.c.run_no,
        func.count(),
        # A sum of a yes-or-no column comes back as yes or no, so the yeses are counted.
        func.count(case((_OUTPUT.c.failed, 1))),
        func.count(case((_OUTPUT.c.cached, 1))),
        func.count(case((called, 1))),
        func.count(case((called, _OUTPUT.c.cost_usd))),
        func.sum(case((called, _OUTPUT.c.cost_usd))),
        func.sum(case((called, _OUTPUT.c.tokens))),
        func.sum(case((_OUTPUT.c.cached, _OUTPUT.c.cost_usd))),
    ).group_by(_OUTPUT.c.run_no)
    with store.read() as connection:
        numbers = {run_no(store, connection, run_id): run_id for run_id in run_ids}
        plan = select(_RUN.c.id, _RUN.c.rows * _RUN.c.repeats, _RUN.c.status).where(_RUN.c.no.in_(list(numbers)))
        early = RunStatus.STOPPED_EARLY.value
        planned = {run: 0 if status == early else cells for run, cells, status in connection.execute(plan)}
        found = {run_id: RunTotals(0, 0, 0, 0, 0.0, planned=planned[run_id]) for run_id in run_ids}
        rows = connection.execute(counted.where(_OUTPUT.c.run_no.in_(list(numbers))))
        for no, attempted, failed, cached, calls, priced, cost, tokens, saved in rows:
            found[numbers[no]] = RunTotals(
                attempted=attempted,
                completed=attempted - failed,
                errored=failed,
                cached=cached,
                cost_usd=cost if priced else (0.0 if not calls else None),
                unpriced=calls - priced,
                tokens=tokens,
                saved_usd=saved,
                planned=planned[numbers[no]],
            )
    return found


def reopen_failed(store: Store, run_ids: Sequence[str]) -> None:
    """Cells that failed are to be called again; what came of the calls stays among the completions."""
    with store.write() as connection:
        numbers = [run_no(store, connection, run) for run in run_ids]
        connection.execute(delete(_OUTPUT).where(_OUTPUT.c.run_no.in_(numbers), _OUTPUT.c.failed))


def done_cells(store: Store, run_id: str) -> list[tuple[int, int]]:
    """(row_no, repeat) of every cell that needs no call: it was answered, or has failed."""
    query = "SELECT row_no, repeat FROM output WHERE run_no = :run"
    with store.read() as connection:
        number = run_no(store, connection, run_id)
        return [(row, repeat) for row, repeat in plain_rows(connection, query, {"run": number})]


def unscored(store: Store, run_id: str, fingerprints: Mapping[str, str], *, by: str = "") -> dict[str, int]:
    """How many answers of the run each scorer failed on or has not seen, by the names of `fingerprints`."""
    query = text(
        "SELECT count(*) FROM output o LEFT JOIN score s ON s.run_no = o.run_no AND s.scorer_no = :scorer"
        " AND s.row_no = o.row_no AND s.repeat = o.repeat AND s.by = :by"
        " WHERE o.run_no = :run AND NOT o.failed AND s.value IS NULL"
    )
    with store.read() as connection:
        run = run_no(store, connection, run_id)
        numbers = {n: find_no(connection, core(ScorerTable), "fingerprint", f) for n, f in fingerprints.items()}
        return {
            name: int(connection.execute(query, {"run": run, "scorer": number, "by": by}).scalar_one())
            for name, number in numbers.items()
        }


def known_before(store: Store, run_id: str) -> bool:
    """True where every answer of the run was taken from a call made under other rules than the run's own.

    But for calls of another experiment that were made after these rules had been registered.
    """
    promise = text(
        "SELECT r.experiment_no AS experiment, r.rules AS rules, min(julianday(g.at)) AS promised FROM run r"
        " LEFT JOIN registration g ON g.experiment_no = r.experiment_no AND g.rules = r.rules WHERE r.no = :run"
    )
    query = text(
        "SELECT 1 FROM output o JOIN completion c ON c.no = o.completion_no"
        " WHERE o.run_no = :run AND (NOT o.cached OR c.rules = :rules OR julianday(c.created_at) >= :promised"
        " AND c.rules NOT IN (SELECT rules FROM registration WHERE experiment_no = :experiment)) LIMIT 1"
    )
    with store.read() as connection:
        run = {"run": run_no(store, connection, run_id)}
        any_output = connection.execute(text("SELECT 1 FROM output WHERE run_no = :run LIMIT 1"), run).scalar()
        own = connection.execute(promise, run).mappings().one()
        return any_output is not None and connection.execute(query, {**run, **own}).scalar() is None


def stale_rows(store: Store, baseline: str, candidate: str, *, days: float = 1.0) -> list[int]:
    """Row numbers where the baseline's answer is cached and was called `days` apart from the candidate's."""
    query = text(
        "SELECT DISTINCT b.row_no FROM output b JOIN completion bc ON bc.no = b.completion_no"
        " JOIN output c ON c.run_no = :candidate AND c.row_no = b.row_no AND c.repeat = b.repeat"
        " JOIN completion cc ON cc.no = c.completion_no"
        " WHERE b.run_no = :baseline AND b.cached"
        " AND abs(julianday(bc.created_at) - julianday(cc.created_at)) > :days"
    )
    with store.read() as connection:
        numbers = {"baseline": run_no(store, connection, baseline), "candidate": run_no(store, connection, candidate)}
        return [int(no) for no in connection.execute(query, {**numbers, "days": days}).scalars()]


def median_latency_ms(store: Store, run_id: str) -> float | None:
    """The median latency of the run's own answers, None where it has none."""
    query = text(
        "SELECT latency_ms FROM output WHERE run_no = :run AND NOT cached AND NOT failed AND latency_ms IS NOT NULL"
        " ORDER BY latency_ms LIMIT 2 - (:n % 2) OFFSET (:n - 1) / 2"
    )
    count = text(
        "SELECT count(latency_ms) FROM output WHERE run_no = :run AND NOT cached AND NOT failed"
    )
    with store.read() as connection:
        run = run_no(store, connection, run_id)
        number = int(connection.execute(count, {"run": run}).scalar_one())
        values = [float(v) for v in connection.execute(query, {"run": run, "n": number}).scalars()] if number else []
    return sum(values) / len(values) if values else None


def texts(store: Store, run_id: str, row_nos: Iterable[int]) -> dict[tuple[int, int], str]:
    """(row number, repeat) -> the answer, for some rows of a run; a failed call gives its error."""
    query = (
        select(_OUTPUT.c.row_no, _OUTPUT.c.repeat, _COMPLETION.c.text, _COMPLETION.c.error)
        .join(_COMPLETION, _COMPLETION.c.no == _OUTPUT.c.completion_no)
        .order_by(_OUTPUT.c.row_no, _OUTPUT.c.repeat)
    )
    wanted = json.dumps(list(row_nos))
    query = query.where(_OUTPUT.c.row_no.in_(select(text("value")).select_from(func.json_each(wanted))))
    with store.read() as connection:
        query = query.where(_OUTPUT.c.run_no == run_no(store, connection, run_id))
        found = connection.execute(query)
        return {(no, repeat): answer if answer is not None else error or "" for no, repeat, answer, error in found}


def outputs(store: Store, run_id: str, row_nos: Iterable[int] | None = None) -> list[Output]:
    """The run's cells, of all rows or some, in the order of row number and repeat."""
    return list(iter_outputs(store, run_id, row_nos))


def iter_outputs(store: Store, run_id: str, row_nos: Iterable[int] | None = None) -> Iterator[Output]:
    """The run's cells one by one, from one snapshot; memory does not grow with them."""
    query = (
        select(
            _OUTPUT.c.repeat, _OUTPUT.c.cached, _ROW.c.hash.label("row_hash"),
            *(c for c in _COMPLETION.columns if c.name not in ("no", "cache_key")),
        )
        .join(_COMPLETION, _COMPLETION.c.no == _OUTPUT.c.completion_no)
        .join(_ROW, _ROW.c.no == _OUTPUT.c.row_no)
        .order_by(_OUTPUT.c.row_no, _OUTPUT.c.repeat)
    )  # fmt: skip
    if row_nos is not None:
        wanted = json.dumps(list(row_nos))
        query = query.where(_OUTPUT.c.row_no.in_(select(text("value")).select_from(func.json_each(wanted))))
    with store.read() as connection:
        query = query.where(_OUTPUT.c.run_no == run_no(store, connection, run_id))
        result = connection.execution_options(yield_per=500).execute(query)
        for row in result.mappings():
            yield output_of(run_id, row)

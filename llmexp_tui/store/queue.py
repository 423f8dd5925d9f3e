"""Who may work on what: queued commands, claims by workers, holds on experiments, stops, and runs left by the dead.

The only channel between the app and its worker. Every change is one statement under BEGIN IMMEDIATE, so two
processes never both believe that they have something.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Select, delete, select, update
from sqlalchemy.dialects.sqlite import insert

from llmexp_tui.domain.run import RunStatus
from llmexp_tui.errors import UsageError
from llmexp_tui.store import liveness
from llmexp_tui.store.engine import Store
from llmexp_tui.store.names import experiment_no, find_no, insert_no
from llmexp_tui.store.processes import Process, this_process
from llmexp_tui.store.tables import ExperimentTable, HoldTable, ProcessTable, QueueTable, RunTable, core

Owner = Process

__all__ = [
    "Claim", "Owner", "QueueEntry", "QueueState", "beat", "claim", "enqueue", "entries", "hold_experiment", "holder",
    "mark_orphans", "release", "release_experiment", "request_stop", "stop_of_command", "stop_requested",
    "this_process",
]  # fmt: skip

_QUEUE, _HOLD, _PROCESS = core(QueueTable), core(HoldTable), core(ProcessTable)
_RUN, _EXPERIMENT = core(RunTable), core(ExperimentTable)
_STOPS = ("drain", "cancel")
_GONE = "the process that ran it is gone"
_ACTIVE = (RunStatus.QUEUED.value, RunStatus.RUNNING.value)


class QueueState(StrEnum):
    """Where a queued command stands. GONE: its worker died."""

    QUEUED = "queued"
    CLAIMED = "claimed"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Claim:
    """What a worker took on: the command as it was queued."""

    group: str
    command: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class QueueEntry:
    """A queued command as a list shows it. `reason` says how it ended where that is worth saying."""

    group: str
    experiment: str | None
    command: Mapping[str, Any]
    state: QueueState
    queued_at: str
    claimed_at: str | None
    ended_at: str | None
    stop: str | None
    reason: str | None


def enqueue(
    store: Store,
    group: str,
    command: Mapping[str, Any],
    *,
    at: str,
    owner: Process | None = None,
    experiment: str | None = None,
) -> None:
    """Queues a command under a new id, for a worker of the same host, login and session as `owner` (this process).

    `experiment` defaults to the command's own entry of that name.
    """
    name = experiment if experiment is not None else command.get("experiment")
    with store.write() as connection:
        insert_no(
            connection, _QUEUE, group_id=group, command=dict(command), state=QueueState.QUEUED.value, queued_at=at,
            owner_no=liveness.register(connection, owner or store.process, at),
            experiment_no=None if name is None else experiment_no(connection, str(name)),
        )  # fmt: skip


def claim(store: Store, worker: Process | None = None, *, at: str) -> Claim | None:
    """The oldest command queued by the worker's own login and session, now the worker's; None if there is none."""
    worker = worker or store.process
    if not _anything_queued(store):
        return None
    owner = (
        select(_PROCESS.c.no)
        .where(_PROCESS.c.no == _QUEUE.c.owner_no, _PROCESS.c.host == worker.host, _PROCESS.c.uid == worker.uid)
        .where(_PROCESS.c.session == worker.session, _PROCESS.c.boot == worker.boot)
    )
    oldest = (
        select(_QUEUE.c.no)
        .where(_QUEUE.c.state == QueueState.QUEUED.value, owner.exists())
        .order_by(_QUEUE.c.no)
        .limit(1)
        .scalar_subquery()
    )
    with store.write() as connection:
        number = liveness.register(connection, worker, at)
        taken = connection.execute(
            update(_QUEUE)
            .where(_QUEUE.c.no == oldest)
            .values(state=QueueState.CLAIMED.value, worker_no=number, claimed_at=at)
            .returning(_QUEUE.c.group_id, _QUEUE.c.command)
        ).one_or_none()
    return None if taken is None else Claim(taken.group_id, taken.command)


def _anything_queued(store: Store) -> bool:
    """A look without a write, so that a waiting worker does not write to the disk."""
    query = select(_QUEUE.c.no).where(_QUEUE.c.state == QueueState.QUEUED.value).limit(1)
    with store.read() as connection:
        return connection.execute(query).scalar() is not None


def release(
    store: Store, group: str, state: QueueState = QueueState.DONE, *, at: str, reason: str | None = None
) -> None:
    """Ends a claimed command."""
    with store.write() as connection:
        connection.execute(
            update(_QUEUE).where(_QUEUE.c.group_id == group).values(state=state.value, ended_at=at, reason=reason)
        )


def entries(store: Store, *, states: tuple[QueueState, ...] | None = None, limit: int = 100) -> list[QueueEntry]:
    """Queued commands, newest first."""
    query = (
        select(_QUEUE, _EXPERIMENT.c.name)
        .join(_EXPERIMENT, _EXPERIMENT.c.no == _QUEUE.c.experiment_no, isouter=True)
        .order_by(_QUEUE.c.no.desc())
        .limit(limit)
    )
    if states is not None:
        query = query.where(_QUEUE.c.state.in_([s.value for s in states]))
    with store.read() as connection:
        return [
            QueueEntry(
                r.group_id, r.name, r.command, QueueState(r.state), r.queued_at, r.claimed_at, r.ended_at, r.stop,
                r.reason,
            )
            for r in connection.execute(query)
        ]  # fmt: skip


def beat(store: Store, experiment: str | None = None, owner: Process | None = None, *, at: str) -> None:
    """Shows that a process (this one unless given) lives; to be called every BEAT_S seconds while it works."""
    liveness.beat(store, at, owner)


def hold_experiment(store: Store, experiment: str, owner: Process | None = None, *, at: str) -> bool:
    """Takes the experiment for a process unless another live one has it; True where the process has it now."""
    owner = owner or store.process
    now = datetime.fromisoformat(at)
    with store.read() as connection:
        if not _free_for(connection, experiment, owner, now):
            return False
    with store.write() as connection:
        if not _free_for(connection, experiment, owner, now):
            return False
        number = liveness.register(connection, owner, at)
        statement = insert(_HOLD).values(
            experiment_no=experiment_no(connection, experiment), process_no=number, since=at, stop=None
        )
        silent = dict.fromkeys(("stop", "concurrency", "most", "waiting", "until"))
        taken = {"process_no": statement.excluded.process_no, "since": statement.excluded.since, **silent}
        connection.execute(statement.on_conflict_do_update(index_elements=["experiment_no"], set_=taken))
        return True


def holder(store: Store, experiment: str) -> Process | None:
    """The process that has the experiment, alive or not; None if nobody has it."""
    with store.read() as connection:
        row = connection.execute(_select_holder(experiment)).mappings().one_or_none()
        return None if row is None else liveness.process_of(row)


def _select_holder(experiment: str) -> Select[Any]:
    return (
        select(_PROCESS)
        .join(_HOLD, _HOLD.c.process_no == _PROCESS.c.no)
        .join(_EXPERIMENT, _EXPERIMENT.c.no == _HOLD.c.experiment_no)
        .where(_EXPERIMENT.c.name == experiment)
    )


def _free_for(connection: Connection, experiment: str, owner: Process, now: datetime) -> bool:
    row = connection.execute(_select_holder(experiment)).mappings().one_or_none()
    return row is None or liveness.process_of(row) == owner or not liveness.is_alive(row, now, owner)


def release_experiment(store: Store, experiment: str, owner: Process | None = None) -> None:
    """Gives the experiment up, if the process has it; a stop that was asked for is forgotten with it."""
    owner = owner or store.process
    with store.write() as connection:
        row = connection.execute(_select_holder(experiment)).mappings().one_or_none()
        if row is not None and liveness.process_of(row) == owner:
            number = find_no(connection, _EXPERIMENT, "name", experiment)
            connection.execute(delete(_HOLD).where(_HOLD.c.experiment_no == number))


def mark_orphans(store: Store, *, at: str) -> list[str]:
    """Marks the runs of dead processes as interrupted, and their queue entries as gone; the runs' ids.

    Writes only where there are any.
    """
    now = datetime.fromisoformat(at)
    with store.read() as connection:
        if not any(_orphans(connection, store.process, now)):
            return []
    with store.write() as connection:
        run_nos, queue_nos = _orphans(connection, store.process, now)
        connection.execute(
            update(_QUEUE)
            .where(_QUEUE.c.no.in_(queue_nos))
            .values(state=QueueState.GONE.value, ended_at=at, reason=_GONE)
        )
        ids = connection.execute(
            update(_RUN)
            .where(_RUN.c.no.in_(run_nos))
            .values(status=RunStatus.INTERRUPTED.value, ended_at=at, stop_reason=_GONE)
            .returning(_RUN.c.id)
        )
        return sorted(ids.scalars())


def _orphans(connection: Connection, observer: Process, now: datetime) -> tuple[list[int], list[int]]:
    """Numbers of active runs and claimed queue entries whose process is dead."""
    found: tuple[list[int], list[int]] = ([], [])
    runs = select(_RUN.c.no.label("subject"), _PROCESS).where(_RUN.c.status.in_(_ACTIVE))
    claimed = select(_QUEUE.c.no.label("subject"), _PROCESS).where(_QUEUE.c.state == QueueState.CLAIMED.value)
    queries = (
        runs.join(_PROCESS, _PROCESS.c.no == _RUN.c.process_no),
        claimed.join(_PROCESS, _PROCESS.c.no == _QUEUE.c.worker_no),
    )
    for query, numbers in zip(queries, found, strict=True):
        for row in connection.execute(query).mappings():
            if not liveness.is_alive(row, now, observer):
                numbers.append(row["subject"])
    return found


def request_stop(store: Store, subject: str, mode: str, *, at: str) -> bool:
    """Asks whoever works on a group or an experiment to stop: `drain` keeps calls in flight, `cancel` does not.

    A command that nobody has claimed is cancelled at once. False where there was nothing to stop.
    """
    if mode not in _STOPS:
        raise UsageError(f'"{mode}" is no way to stop', mend="drain or cancel")
    with store.write() as connection:
        cancelled = connection.execute(
            update(_QUEUE)
            .where(_QUEUE.c.state == QueueState.QUEUED.value, _QUEUE.c.group_id == subject)
            .values(state=QueueState.CANCELLED.value, ended_at=at, stop=mode)
        ).rowcount
        claimed = connection.execute(
            update(_QUEUE)
            .where(_QUEUE.c.state == QueueState.CLAIMED.value, _QUEUE.c.group_id == subject)
            .values(stop=mode)
        ).rowcount
        held = connection.execute(
            update(_HOLD).where(_HOLD.c.experiment_no.in_(_experiments_of(subject, claimed=True))).values(stop=mode)
        ).rowcount
        return bool(cancelled or claimed or held)


def _experiments_of(subject: str, *, claimed: bool) -> Any:
    """Numbers of the experiments that a subject (a group, a queued command, an experiment's name) is about."""
    states = (QueueState.CLAIMED.value,) if claimed else tuple(QueueState)
    return (
        select(_EXPERIMENT.c.no)
        .where(_EXPERIMENT.c.name == subject)
        .union(
            select(_RUN.c.experiment_no).where(_RUN.c.group_id == subject, _RUN.c.status.in_(_ACTIVE)),
            select(_QUEUE.c.experiment_no).where(_QUEUE.c.group_id == subject, _QUEUE.c.state.in_(states)),
        )
    )


def stop_of_command(store: Store, experiment: str) -> str | None:
    """What was asked of the command about an experiment that this process has claimed: `drain`, `cancel` or None.

    It counts before the process holds the experiment, too.
    """
    me = store.process
    query = (
        select(_QUEUE.c.stop)
        .join(_EXPERIMENT, _EXPERIMENT.c.no == _QUEUE.c.experiment_no)
        .join(_PROCESS, _PROCESS.c.no == _QUEUE.c.worker_no)
        .where(_EXPERIMENT.c.name == experiment, _QUEUE.c.state == QueueState.CLAIMED.value)
        .where(_PROCESS.c.boot == me.boot, _PROCESS.c.pid == me.pid, _PROCESS.c.started == me.started)
    )
    with store.read() as connection:
        return _hardest(connection.execute(query).scalars())


def _hardest(asked: Iterable[str | None]) -> str | None:
    found = set(asked)
    return "cancel" if "cancel" in found else "drain" if "drain" in found else None


def stop_requested(store: Store, subject: str) -> str | None:
    """`drain`, `cancel` (which wins), or None: what was asked of who works on a group or an experiment."""
    queued = select(_QUEUE.c.stop).where(_QUEUE.c.group_id == subject)
    held = select(_HOLD.c.stop).where(_HOLD.c.experiment_no.in_(_experiments_of(subject, claimed=False)))
    with store.read() as connection:
        return _hardest((*connection.execute(queued).scalars(), *connection.execute(held).scalars()))

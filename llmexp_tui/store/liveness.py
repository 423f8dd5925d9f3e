"""Which processes work on this store and when each last showed that it lives."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, select, update
from sqlalchemy.dialects.sqlite import insert

from llmexp_tui.store.engine import Store
from llmexp_tui.store.processes import BEAT_S, EXPIRES_S, Process, is_running
from llmexp_tui.store.tables import ProcessTable, core

_PROCESS = core(ProcessTable)
_IDENTITY = ("host", "boot", "pid", "started")


def register(connection: Connection, process: Process, at: str) -> int:
    """The process's number; a heartbeat too."""
    values = {name: getattr(process, name) for name in ("host", "boot", "uid", "session", "pid", "started")}
    statement = insert(_PROCESS).values(**values, beat_at=at)
    statement = statement.on_conflict_do_update(
        index_elements=list(_IDENTITY), set_={"beat_at": statement.excluded.beat_at}
    )
    return int(connection.execute(statement.returning(_PROCESS.c.no)).scalar_one())


def beat(store: Store, at: str, process: Process | None = None) -> None:
    """Shows that a process (this one unless given) lives; to be called every BEAT_S seconds while it runs cells."""
    with store.write() as connection:
        register(connection, process or store.process, at)


def beat_if_due(connection: Connection, process_no: int, at: str) -> None:
    """A heartbeat within a transaction that is under way anyway; costs one look at one row."""
    due = (datetime.fromisoformat(at) - timedelta(seconds=BEAT_S)).isoformat()
    connection.execute(
        update(_PROCESS).where(_PROCESS.c.no == process_no, _PROCESS.c.beat_at < due).values(beat_at=at)
    )


def process_of(row: RowMapping | Any) -> Process:
    """A process from its columns."""
    return Process(row["host"], row["boot"], row["uid"], row["session"], row["pid"], row["started"])


def is_alive(row: RowMapping, now: datetime, observer: Process) -> bool:
    """Whether the process of a row lives, as far as `observer` can tell: by looking, else by its heartbeat."""
    process = process_of(row)
    if observer.sees(process):
        return is_running(process)
    return now - datetime.fromisoformat(row["beat_at"]) <= timedelta(seconds=EXPIRES_S)


def processes(connection: Connection) -> dict[int, RowMapping]:
    """Every process that was ever seen, by its number."""
    return {row["no"]: row for row in connection.execute(select(_PROCESS)).mappings()}

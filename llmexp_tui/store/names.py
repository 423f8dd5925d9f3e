"""Names and hashes to the numbers that tables refer to each other by, and prefixes of hashes to hashes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Connection, Select, Table, insert, select

from llmexp_tui.errors import UnknownNameError, UsageError
from llmexp_tui.store.engine import Store
from llmexp_tui.store.tables import ExperimentTable, RunTable, core

T = TypeVar("T")

SHORTEST_PREFIX = 4


def find_no(connection: Connection, table: Table, column: str, value: Any) -> int | None:
    """The number of the row whose column has the value."""
    found = connection.execute(select(table.c.no).where(table.c[column] == value)).scalar()
    return None if found is None else int(found)


def ensure_no(connection: Connection, table: Table, column: str, value: Any, **values: Any) -> int:
    """The number of the row whose column has the value; makes one if there is none."""
    found = find_no(connection, table, column, value)
    if found is not None:
        return found
    return insert_no(connection, table, **{column: value}, **values)


def insert_no(connection: Connection, table: Table, **values: Any) -> int:
    """Inserts one row and returns its number."""
    result = connection.execute(insert(table).values(**values).returning(table.c.no))
    return int(result.scalar_one())


def experiment_no(connection: Connection, name: str) -> int:
    """The experiment's number; makes one if the name is new."""
    return ensure_no(connection, core(ExperimentTable), "name", name)


def run_no(store: Store, connection: Connection, run_id: str) -> int:
    """The run's number. Raises UnknownNameError."""
    cached = store.numbers.get(("run", run_id))
    if cached is not None:
        return cached
    found = find_no(connection, core(RunTable), "id", run_id)
    if found is None:
        raise UnknownNameError("run", run_id, recent_run_ids(connection))
    store.numbers["run", run_id] = found
    return found


def recent_run_ids(connection: Connection) -> list[str]:
    """Ids of the newest runs, for a message."""
    table = core(RunTable)
    return [str(i) for i in connection.execute(select(table.c.id).order_by(table.c.no.desc()).limit(50)).scalars()]


def match_prefix(connection: Connection, query: Select[Any], column: Any, prefix: str, kind: str) -> str | None:
    """The one value of `column` that starts with `prefix`, None if none does. Raises UsageError for several.

    `query` selects the column alone.
    """
    if connection.execute(query.where(column == prefix).limit(1)).scalar() is not None:
        return prefix
    if len(prefix) < SHORTEST_PREFIX:
        return None
    found = connection.execute(query.where(column >= prefix, column < prefix + "\uffff").limit(2)).scalars().all()
    if len(found) > 1:
        raise UsageError(f'several {kind}s start with "{prefix}"', mend="give more of it")
    return str(found[0]) if found else None


def chunks(items: Iterable[T], size: int) -> Iterator[Sequence[T]]:
    """The items in lists of at most `size`."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk

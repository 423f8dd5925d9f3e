"""Many rows in or out, straight through the driver: a third of what a compiled statement costs a row.

On the way in, values are given by column name and encoded as the column types would do it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Table

from llmexp_tui.store.types import ExactText, JsonText, encode_json, encode_text


def plain_rows(connection: Connection, sql: str, values: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    """The rows of a query one by one, as tuples of what SQLite holds; read them while the connection is open."""
    rows: Iterator[tuple[Any, ...]] = connection.connection.cursor().execute(sql, values)
    return rows


class Bulk:
    """Inserts rows with every column of `table`; with `key`, a row with an equal key is replaced."""

    def __init__(self, table: Table, key: Sequence[str] = ()) -> None:
        names = [column.name for column in table.columns]
        quoted = {name: f'"{name}"' for name in names}
        self._sql = (
            f'INSERT INTO "{table.name}" ({", ".join(quoted.values())}) VALUES ({", ".join("?" * len(names))})'
        )
        if key:
            changed = ", ".join(f"{quoted[n]} = excluded.{quoted[n]}" for n in names if n not in key)
            self._sql += f" ON CONFLICT ({', '.join(quoted[n] for n in key)}) DO UPDATE SET {changed}"
        self._pick = itemgetter(*names)
        self._texts = [i for i, column in enumerate(table.columns) if isinstance(column.type, ExactText)]
        self._json = [i for i, column in enumerate(table.columns) if isinstance(column.type, JsonText)]

    def insert(self, connection: Connection, rows: Iterable[Mapping[str, Any]]) -> None:
        """Inserts the rows in one statement; does nothing for none. KeyError for a row without one of the columns."""
        encoded = [self._encoded(row) for row in rows]
        if encoded:
            connection.exec_driver_sql(self._sql, encoded)

    def _encoded(self, row: Mapping[str, Any]) -> tuple[Any, ...]:
        values = list(self._pick(row))
        for at in self._texts:
            if values[at]:
                values[at] = encode_text(values[at])
        for at in self._json:
            if values[at] is not None:
                values[at] = encode_json(values[at])
        return tuple(values)

"""What the app's lists show, a page at a time, however long they are.

A page in the table's own order is found by the outputs' key alone. Any other list is found once and kept, see
`pair_lists`. Each query here is covered by a test that it scans no large table.
"""

from __future__ import annotations

import json
from array import array
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, text

from llmexp_tui.domain.watch import Watch, tell, unwatched
from llmexp_tui.errors import UsageError
from llmexp_tui.store.engine import Store
from llmexp_tui.store.pair_lists import (
    FILTERS,
    SORTS,
    PairQuery,
    arm_sql,
    matching,
    narrowed,
    one_repeat,
    parameters,
    row_numbers,
)
from llmexp_tui.store.types import decode_json, decode_text

_KEPT_LISTS = 12
_FIRST_LOOK, _LARGEST_LOOK = 256, 16_384
"""Rows asked at once for the next match: few at first, as it is mostly near, twice as many each time."""


@dataclass(frozen=True, slots=True)
class ArmValue:
    """One arm's side of a row: the mean value over repeats (None where there is none) and what went wrong."""

    value: float | None
    repeats: int
    failed: int
    scorer_failed: int
    cached: int


@dataclass(frozen=True, slots=True)
class PairRow:
    """One row of two runs."""

    row_no: int
    key: str
    hash: str
    values: Mapping[str, Any]
    baseline: ArmValue
    candidate: ArmValue


class PairLists:
    """Lists that were found already, the latest of them. Several questions about the same runs may share them."""

    def __init__(self) -> None:
        self._lists: OrderedDict[PairQuery, array[int]] = OrderedDict()

    def get(self, query: PairQuery) -> array[int] | None:
        """A list that is kept."""
        return self._lists.get(query)

    def keep(self, query: PairQuery, numbers: array[int]) -> array[int]:
        """Keep a list; the oldest goes where there are many."""
        self._lists[query] = numbers
        while len(self._lists) > _KEPT_LISTS:
            self._lists.popitem(last=False)
        return numbers

    def clear(self) -> None:
        """Forget them: cells were written since."""
        self._lists.clear()


class PairPages:
    """The rows that a query finds, by their place in it, as they were when first asked for. Safe in several threads.

    Raises UsageError for an unknown filter or sort, and CalledOffError from whatever `watch` calls off.
    """

    def __init__(
        self, store: Store, query: PairQuery, *, lists: PairLists | None = None, watch: Watch = unwatched
    ) -> None:
        if query.filter not in FILTERS or query.sort not in SORTS:
            raise UsageError(f'rows cannot be filtered by "{query.filter}" or sorted by "{query.sort}"')
        self.query = query
        self._store = store
        self.lists = PairLists() if lists is None else lists
        self._watch = watch

    def refresh(self) -> None:
        """Looks anew: cells were written since."""
        self.lists.clear()

    def count(self) -> int:
        """How many rows there are."""
        if not self.query.plain:
            return len(self._list(self.query))
        statement = text("SELECT count(DISTINCT row_no) FROM output WHERE run_no = :a" + one_repeat(self.query))
        with self._store.read() as connection:
            return int(connection.execute(statement, parameters(self._store, connection, self.query)).scalar_one())

    def page(self, offset: int, limit: int) -> list[PairRow]:
        """Rows offset … offset + limit - 1, fewer at the end."""
        numbers = self._numbers(offset, limit)
        with self._store.read() as connection:
            return _details(connection, self.query, parameters(self._store, connection, self.query), numbers)

    def locate(self, row_no: int) -> int | None:
        """The place of a row, None where the query does not find it."""
        if not self.query.plain:
            return _index(self._list(self.query), row_no)
        with self._store.read() as connection:
            values = parameters(self._store, connection, self.query)
            where = "FROM output WHERE run_no = :a" + one_repeat(self.query)
            there = connection.execute(text(f"SELECT 1 {where} AND row_no = :row LIMIT 1"), {**values, "row": row_no})
            if there.scalar() is None:
                return None
            before = text(f"SELECT count(DISTINCT row_no) {where} AND row_no < :row")
            return int(connection.execute(before, {**values, "row": row_no}).scalar_one())

    def find_next(self, after: int, filter: str, *, backwards: bool = False) -> int | None:
        """The place of the next row after (or before) place `after` that a filter lets through, None without one.

        Looks through the list in that direction and no further than it must. Any filter but disagreement.
        """
        wanted = replace(self.query, filter=filter)
        total, size, place = self.count(), _FIRST_LOOK, after
        while (place > 0) if backwards else (place + 1 < total):
            low, high = (max(0, place - size), place) if backwards else (place + 1, place + 1 + size)
            numbers = self._numbers(low, high - low)
            with self._store.read() as connection:
                hits = matching(connection, wanted, parameters(self._store, connection, wanted), numbers)
            places = [low + at for at, number in enumerate(numbers) if number in hits]
            if places:
                return places[-1 if backwards else 0]
            place, size = low if backwards else min(high, total) - 1, min(2 * size, _LARGEST_LOOK)
            tell(self._watch, abs(place - after) / (after if backwards else total - 1 - after))
        return None

    def _numbers(self, offset: int, limit: int) -> list[int]:
        """The row numbers of a stretch of the list."""
        if not self.query.plain:
            return list(self._list(self.query)[offset : offset + limit])
        statement = text(
            "SELECT DISTINCT row_no FROM output WHERE run_no = :a" + one_repeat(self.query)
            + " ORDER BY row_no LIMIT :limit OFFSET :offset"
        )  # fmt: skip
        with self._store.read() as connection:
            values = parameters(self._store, connection, self.query)
            return list(connection.execute(statement, {**values, "limit": limit, "offset": offset}).scalars())

    def _list(self, query: PairQuery) -> array[int]:
        """The row numbers that a query finds, in its order."""
        kept = self.lists.get(query)
        return self.lists.keep(query, self._found(query)) if kept is None else kept

    def _found(self, query: PairQuery) -> array[int]:
        if not (query.text or query.slice):
            with self._store.read() as connection:
                return row_numbers(self._store, connection, query, self._watch)
        with self._store.read() as connection:
            wanted = narrowed(self._store, connection, query, self._watch)
        base = replace(query, text="", slice=None)
        if base.plain:
            return wanted
        among = set(wanted)
        return array("q", (number for number in self._list(base) if number in among))


def _index(numbers: array[int], row_no: int) -> int | None:
    try:
        return numbers.index(row_no)
    except ValueError:
        return None


def detail_sql(query: PairQuery) -> str:
    """The statement that reads both arms' values for some rows, whose numbers are `:rows` as JSON."""
    some = " AND o.row_no IN (SELECT value FROM json_each(:rows))"
    return (
        "SELECT r.no, r.key, r.hash, r.body, a.v, a.n, a.f, a.e, a.cached, b.v, b.n, b.f, b.e, b.cached"
        f" FROM json_each(:rows) wanted JOIN row r ON r.no = wanted.value"
        f" LEFT JOIN ({arm_sql(query, 'a', some)}) a ON a.row_no = r.no"
        f" LEFT JOIN ({arm_sql(query, 'b', some)}) b ON b.row_no = r.no"
    )


def _details(
    connection: Connection, query: PairQuery, values: dict[str, Any], numbers: Sequence[int]
) -> list[PairRow]:
    found = connection.execute(text(detail_sql(query)), {**values, "rows": json.dumps(list(numbers))})
    rows = {row[0]: row for row in found}
    return [_pair_row(rows[no]) for no in numbers]


def _pair_row(row: Any) -> PairRow:
    no, key, digest, body = row[:4]
    values = decode_json(body)
    return PairRow(no, decode_text(key), digest.hex(), values, _arm_value(row[4:9]), _arm_value(row[9:14]))


def _arm_value(columns: Sequence[Any]) -> ArmValue:
    value, repeats, failed, scorer_failed, cached = columns
    return ArmValue(value, repeats or 0, failed or 0, scorer_failed or 0, cached or 0)

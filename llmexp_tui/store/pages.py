"""What the app's lists show, a page at a time, however long they are.

A page in the table's own order is found by the outputs' key alone. A filter or another order needs every row's
change once: one join of two ranges of the outputs, kept as a list of row numbers (8 bytes a row) until the file
changes. Each query here is covered by a test that it scans no large table.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, text

from llmexp_tui.errors import UsageError
from llmexp_tui.store.bulk import plain_rows
from llmexp_tui.store.engine import Store
from llmexp_tui.store.names import find_no, run_no
from llmexp_tui.store.scores import OUTPUT_FIELDS
from llmexp_tui.store.tables import ScorerTable, core
from llmexp_tui.store.types import decode_json, decode_text, encode_text

FILTERS = ("all", "regressed", "improved", "flipped", "errored", "disagreement")
SORTS = ("order", "change", "baseline", "candidate", "key")


@dataclass(frozen=True, slots=True)
class PairQuery:
    """Which rows of two runs, in which order.

    `metric` is a scorer's fingerprint or one of OUTPUT_FIELDS. `direction` (higher or lower is better) decides what
    regressed means. `worst` is the score that a failed call counts as, None to leave it out of the mean.
    `filter` is one of FILTERS; `disagreement`: better by one of `metrics` (pairs of fingerprint and direction) and
    worse by another. `sort` is one of SORTS: `order` is the order in which rows came into the store, `change` the
    worst change first; nothing sorts last. `text` is looked for in rows, answers and errors, `slice` is (column,
    value). `repeat` looks at one repeat alone; otherwise values are means over repeats.
    """

    baseline_run: str
    candidate_run: str
    metric: str
    direction: str = "higher"
    filter: str = "all"
    sort: str = "order"
    descending: bool = False
    text: str = ""
    slice: tuple[str, str] | None = None
    repeat: int | None = None
    worst: float | None = None
    metrics: tuple[tuple[str, str], ...] = ()

    @property
    def plain(self) -> bool:
        """True where the outputs' own key is the answer."""
        return self.filter == "all" and self.sort == "order" and not (self.text or self.slice or self.descending)


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


class PairPages:
    """The rows that a query finds, by their place in it, as they were when first asked for. One thread at a time.

    Raises UsageError for an unknown filter or sort.
    """

    def __init__(self, store: Store, query: PairQuery) -> None:
        if query.filter not in FILTERS or query.sort not in SORTS:
            raise UsageError(f'rows cannot be filtered by "{query.filter}" or sorted by "{query.sort}"')
        self.query = query
        self._store = store
        self._lists: dict[PairQuery, array[int]] = {}

    def refresh(self) -> None:
        """Looks anew: cells were written since."""
        self._lists.clear()

    def count(self) -> int:
        """How many rows there are."""
        if not self.query.plain:
            return len(self._list(self.query))
        statement = text("SELECT count(DISTINCT row_no) FROM output WHERE run_no = :a" + _one_repeat(self.query))
        with self._store.read() as connection:
            return int(connection.execute(statement, _parameters(self._store, connection, self.query)).scalar_one())

    def page(self, offset: int, limit: int) -> list[PairRow]:
        """Rows offset … offset + limit - 1, fewer at the end."""
        with self._store.read() as connection:
            values = _parameters(self._store, connection, self.query)
            if self.query.plain:
                statement = text(
                    "SELECT DISTINCT row_no FROM output WHERE run_no = :a" + _one_repeat(self.query)
                    + " ORDER BY row_no LIMIT :limit OFFSET :offset"
                )  # fmt: skip
                found = connection.execute(statement, {**values, "limit": limit, "offset": offset})
                numbers = [int(n) for n in found.scalars()]
            else:
                numbers = list(self._list(self.query)[offset : offset + limit])
            return _details(connection, self.query, values, numbers)

    def locate(self, row_no: int) -> int | None:
        """The place of a row, None where the query does not find it."""
        if not self.query.plain:
            return _index(self._list(self.query), row_no)
        with self._store.read() as connection:
            values = _parameters(self._store, connection, self.query)
            where = "FROM output WHERE run_no = :a" + _one_repeat(self.query)
            there = connection.execute(text(f"SELECT 1 {where} AND row_no = :row LIMIT 1"), {**values, "row": row_no})
            if there.scalar() is None:
                return None
            before = text(f"SELECT count(DISTINCT row_no) {where} AND row_no < :row")
            return int(connection.execute(before, {**values, "row": row_no}).scalar_one())

    def find_next(self, after: int, filter: str, *, backwards: bool = False) -> int | None:
        """The place of the next row after (or before) place `after` that a filter lets through, None without one."""
        wanted = set(self._list(replace(self.query, filter=filter, sort="order", descending=False)))
        rows = self._list(self.query)
        places = range(after - 1, -1, -1) if backwards else range(after + 1, len(rows))
        return next((place for place in places if rows[place] in wanted), None)

    def _list(self, query: PairQuery) -> array[int]:
        """The row numbers that a query finds, in its order."""
        if query not in self._lists:
            with self._store.read() as connection:
                self._lists[query] = _row_numbers(self._store, connection, query)
        return self._lists[query]


def _index(numbers: array[int], row_no: int) -> int | None:
    try:
        return numbers.index(row_no)
    except ValueError:
        return None


def _one_repeat(query: PairQuery) -> str:
    return "" if query.repeat is None else " AND repeat = :repeat"


def _parameters(store: Store, connection: Connection, query: PairQuery) -> dict[str, Any]:
    needle = query.text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    column, value = query.slice or ("", "")
    # A row's content is JSON, where a quote or a line feed stands escaped.
    in_json = json.dumps(query.text, ensure_ascii=False)[1:-1]
    in_json = in_json.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    scorer = None if query.metric in OUTPUT_FIELDS else find_no(
        connection, core(ScorerTable), "fingerprint", query.metric
    )  # fmt: skip
    return {
        "a": run_no(store, connection, query.baseline_run),
        "b": run_no(store, connection, query.candidate_run),
        "scorer": scorer,
        "repeat": query.repeat,
        "worst": query.worst,
        "sign": 1.0 if query.direction != "lower" else -1.0,
        "like": encode_text(f"%{needle}%"),
        "like_json": encode_text(f"%{in_json}%"),
        "column": encode_text(column),
        "value": encode_text(value),
    }


def _arm_sql(query: PairQuery, run: str, rows: str = "") -> str:
    """One arm, a line for each row: row_no, v (mean), n, f (failed calls), e (failed scores), cached."""
    if query.metric in OUTPUT_FIELDS:
        value, join, error = OUTPUT_FIELDS[query.metric], "", "0"
    else:
        value, error = "CASE WHEN o.failed THEN :worst ELSE s.value END", "s.error IS NOT NULL"
        join = (
            " LEFT JOIN score s ON s.run_no = o.run_no AND s.scorer_no = :scorer"
            " AND s.row_no = o.row_no AND s.repeat = o.repeat AND s.by = ''"
        )
    repeat = "" if query.repeat is None else " AND o.repeat = :repeat"
    return (
        f"SELECT o.row_no, avg({value}) AS v, count(*) AS n, sum(o.failed) AS f, sum({error}) AS e,"
        f" sum(o.cached) AS cached FROM output o{join} WHERE o.run_no = :{run}{rows}{repeat} GROUP BY o.row_no"
    )


_CHANGE = "ifnull((b.v - a.v) * :sign, (a.f > 0) - (b.f > 0))"
"""Above 0 is better. Where a side has no value, a call that failed on one side alone decides."""
_CONDITIONS = {
    "all": "",
    "regressed": f" AND {_CHANGE} < 0",
    "improved": f" AND {_CHANGE} > 0",
    "flipped": f" AND {_CHANGE} <> 0",
    "errored": " AND (a.f > 0 OR b.f > 0 OR a.e > 0 OR b.e > 0)",
}
_KEY_SQL = "(SELECT r.key FROM row r WHERE r.no = a.row_no)"
_ORDERS = {"order": "a.row_no", "change": _CHANGE, "baseline": "a.v", "candidate": "b.v", "key": _KEY_SQL}
_TEXT_SQL = (
    " AND (EXISTS (SELECT 1 FROM row r WHERE r.no = a.row_no"
    " AND (CAST(r.key AS TEXT) LIKE CAST(:like AS TEXT) ESCAPE '\\'"
    " OR CAST(r.body AS TEXT) LIKE CAST(:like_json AS TEXT) ESCAPE '\\'))"
    " OR EXISTS (SELECT 1 FROM output t JOIN completion c ON c.no = t.completion_no"
    " WHERE t.run_no IN (:a, :b) AND t.row_no = a.row_no"
    " AND (CAST(c.text AS TEXT) LIKE CAST(:like AS TEXT) ESCAPE '\\'"
    " OR CAST(c.error AS TEXT) LIKE CAST(:like AS TEXT) ESCAPE '\\')))"
)
"""A text with a lone surrogate is stored as bytes, which LIKE need not match: hence the casts."""
_SLICE_TEXT = (
    "CASE j.type WHEN 'true' THEN 'True' WHEN 'false' THEN 'False' WHEN 'null' THEN '' ELSE CAST(j.value AS TEXT) END"
)
"""A column's value as slices compare it: as text, true as Python writes it, null and absent as nothing."""
_IN_SLICE = (
    "SELECT 1 FROM row r, json_each(CAST(r.body AS TEXT)) j"
    " WHERE r.no = a.row_no AND j.key = CAST(:column AS TEXT)"
)
_SLICE_SQL = (
    f" AND (EXISTS ({_IN_SLICE} AND {_SLICE_TEXT} = CAST(:value AS TEXT))"
    f" OR (CAST(:value AS TEXT) = '' AND NOT EXISTS ({_IN_SLICE})))"
)


def list_sql(query: PairQuery) -> str:
    """The statement that finds a query's row numbers in its order."""
    turned = "DESC" if query.descending else "ASC"
    return (
        f"SELECT a.row_no FROM ({_arm_sql(query, 'a')}) a LEFT JOIN ({_arm_sql(query, 'b')}) b USING (row_no)"
        f" WHERE 1{_CONDITIONS[query.filter]}{_TEXT_SQL if query.text else ''}{_SLICE_SQL if query.slice else ''}"
        f" ORDER BY {_ORDERS[query.sort]} {turned} NULLS LAST, a.row_no"
    )


def _row_numbers(store: Store, connection: Connection, query: PairQuery) -> array[int]:
    if query.filter == "disagreement":
        return _disagreeing(store, connection, query)
    values = _parameters(store, connection, query)
    return array("q", (row[0] for row in plain_rows(connection, list_sql(query), values)))


def _disagreeing(store: Store, connection: Connection, query: PairQuery) -> array[int]:
    """Rows that one metric calls better and another worse."""
    better: set[int] = set()
    worse: set[int] = set()
    for metric, direction in query.metrics:
        one = replace(query, metric=metric, direction=direction, sort="order", metrics=())
        better.update(_row_numbers(store, connection, replace(one, filter="improved")))
        worse.update(_row_numbers(store, connection, replace(one, filter="regressed")))
    both = better & worse
    every = _row_numbers(store, connection, replace(query, filter="all"))
    return array("q", (no for no in every if no in both))


def detail_sql(query: PairQuery) -> str:
    """The statement that reads both arms' values for some rows, whose numbers are `:rows` as JSON."""
    some = " AND o.row_no IN (SELECT value FROM json_each(:rows))"
    return (
        "SELECT r.no, r.key, r.hash, r.body, a.v, a.n, a.f, a.e, a.cached, b.v, b.n, b.f, b.e, b.cached"
        f" FROM json_each(:rows) wanted JOIN row r ON r.no = wanted.value"
        f" LEFT JOIN ({_arm_sql(query, 'a', some)}) a ON a.row_no = r.no"
        f" LEFT JOIN ({_arm_sql(query, 'b', some)}) b ON b.row_no = r.no"
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

"""Which rows of two runs a question finds, and in which order: lists of row numbers, 8 bytes a row.

A filter or another order takes one join of two ranges of the outputs. A text or a slice is looked for in the rows and
answers themselves, a range of rows at a time, so that it can tell how far it is. All of it can be called off.
Nothing here reads what a row says into Python.
"""

from __future__ import annotations

import json
import sqlite3
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection

from llmexp_tui.domain.score import PEOPLE
from llmexp_tui.domain.watch import Watch, tell
from llmexp_tui.errors import CalledOffError
from llmexp_tui.store.bulk import plain_rows
from llmexp_tui.store.engine import Store
from llmexp_tui.store.names import find_no, run_no
from llmexp_tui.store.scores import OUTPUT_FIELDS
from llmexp_tui.store.tables import ScorerTable, core
from llmexp_tui.store.types import encode_text

_STEPS = 100_000
"""So many steps of SQLite's machine take some 5 ms: how soon it hears that nobody wants the answer."""
_RANGE = 20_000
"""Rows looked through before it is told how far it is."""

FILTERS = ("all", "regressed", "improved", "flipped", "errored", "disagreement")
SORTS = ("order", "change", "baseline", "candidate", "key", "text")


@dataclass(frozen=True, slots=True)
class PairQuery:
    """Which rows of two runs, in which order.

    `metric` is a scorer's fingerprint or one of OUTPUT_FIELDS. `direction` (higher or lower is better) decides what
    regressed means. `worst` is the score that a failed call counts as, None to leave it out of the mean.
    `filter` is one of FILTERS; `disagreement`: better by one of `metrics` (pairs of fingerprint and direction) and
    worse by another. `sort` is one of SORTS: `order` is the order in which rows came into the store, `change` the
    worst change first, `text` goes by a row's longest text, that of the columns `hidden` aside; nothing sorts last.
    `text` is looked for in rows, answers and errors, `slice` is (column, value). `repeat` looks at one repeat alone;
    otherwise values are means over repeats. `by` is who gave the scores: the scorer itself, `against` a run, or
    PEOPLE. `preference`: they prefer the candidate (1, above the baseline's 0) or the baseline (-1). `over`: a row's
    value is the chance that one ("pass_at_k") or all ("pass_hat_k") of so many repeats pass, not their mean.
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
    hidden: tuple[str, ...] = ()
    by: str = ""
    preference: bool = False
    over: tuple[str, int] | None = None

    @property
    def plain(self) -> bool:
        """True where the outputs' own key is the answer."""
        return self.filter == "all" and self.sort == "order" and not (self.text or self.slice or self.descending)


def one_repeat(query: PairQuery) -> str:
    return "" if query.repeat is None else " AND repeat = :repeat"


def parameters(store: Store, connection: Connection, query: PairQuery) -> dict[str, Any]:
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
        "by": query.by,
        "repeat": query.repeat,
        "worst": query.worst,
        "sign": _sign(query),
        "like": encode_text(f"%{needle}%"),
        "like_json": encode_text(f"%{in_json}%"),
        "column": encode_text(column),
        "value": encode_text(value),
        "hidden": json.dumps(query.hidden),
    }


def _sign(query: PairQuery) -> float:
    """Which way is better. Without a better side, a call that failed is all that can have got worse or better."""
    if query.direction == "none" and query.filter in ("regressed", "improved"):
        return 0.0
    return -1.0 if query.direction == "lower" else 1.0


_OF_OUTPUT = "s.run_no = o.run_no AND s.scorer_no = :scorer AND s.row_no = o.row_no AND s.repeat = o.repeat"


def arm_sql(query: PairQuery, run: str, rows: str = "") -> str:
    """One arm, a line for each row: row_no, v (mean), n, f (failed calls), e (failed scores), cached."""
    if query.metric in OUTPUT_FIELDS:
        value, join, error = OUTPUT_FIELDS[query.metric], "", "0"
    else:
        scored, error = "s.value", "s.error IS NOT NULL"
        join = f" LEFT JOIN score s ON {_OF_OUTPUT} AND s.by = :by"
        if query.by == PEOPLE:
            people = f"{_OF_OUTPUT} AND s.by <> '' AND s.by NOT LIKE ':%'"
            scored, error, join = f"(SELECT avg(s.value) FROM score s WHERE {people})", "0", ""
        if query.preference:
            scored = "0.0" if run == "a" else f"2.0 * {scored} - 1.0"
        value = f"CASE WHEN o.failed THEN :worst ELSE {scored} END"
    mean = f"avg({value})" if query.over is None else _over_repeats(*query.over)
    repeat = "" if query.repeat is None else " AND o.repeat = :repeat"
    return (
        f"SELECT o.row_no, {mean} AS v, count(*) AS n, sum(o.failed) AS f, sum({error}) AS e,"
        f" sum(o.cached) AS cached FROM output o{join} WHERE o.run_no = :{run}{rows}{repeat} GROUP BY o.row_no"
    )


def _over_repeats(kind: str, k: int) -> str:
    """pass@k or pass^k of a row's repeats; null where fewer than k have a score or failed."""
    attempts, passes = "sum(o.failed OR s.value IS NOT NULL)", "total(NOT o.failed AND s.value >= 0.5)"
    rule = "pass_at_k" if kind == "pass_at_k" else "pass_hat_k"
    return f"CASE WHEN {attempts} >= {int(k)} THEN {rule}({attempts}, {passes}, {int(k)}) END"


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
_TEXT_SQL = (
    "(SELECT substr(j.value, 1, 300) FROM row r, json_each(CAST(r.body AS TEXT)) j WHERE r.no = a.row_no"
    " AND j.type = 'text' AND j.key NOT IN (SELECT value FROM json_each(:hidden))"
    " ORDER BY length(j.value) DESC, j.id LIMIT 1) COLLATE NOCASE"
)
_ORDERS = {
    "order": "a.row_no",
    "change": _CHANGE,
    "baseline": "a.v",
    "candidate": "b.v",
    "key": _KEY_SQL,
    "text": _TEXT_SQL,
}


def _like(*columns: str) -> str:
    """A condition that one of the columns, each given as column:parameter, has the text.

    A text with a lone surrogate is stored as bytes, which LIKE need not match: hence the casts.
    """
    pairs = (column.split(":") for column in columns)
    return " OR ".join(f"CAST({name} AS TEXT) LIKE CAST(:{like} AS TEXT) ESCAPE '\\'" for name, like in pairs)


_SPAN = " o.row_no >= :low AND o.row_no < :high"
_WITH_TEXT = " UNION ".join(
    (
        "SELECT o.row_no FROM output o JOIN row r ON r.no = o.row_no"
        f" WHERE o.run_no = :a AND{_SPAN} AND ({_like('r.key:like', 'r.body:like_json')})",
        *(
            "SELECT o.row_no FROM output o JOIN completion c ON c.no = o.completion_no"
            f" WHERE o.run_no = :{run} AND{_SPAN} AND ({_like('c.text:like', 'c.error:like')})"
            for run in "ab"
        ),
    )
)
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


def list_sql(query: PairQuery, rows: str = "") -> str:
    """The statement that finds a query's row numbers in its order; text and slice are none of its business."""
    turned = "DESC" if query.descending else "ASC"
    baseline, candidate = arm_sql(query, "a", rows), arm_sql(query, "b", rows)
    return (
        f"SELECT a.row_no FROM ({baseline}) a LEFT JOIN ({candidate}) b USING (row_no)"
        f" WHERE 1{_CONDITIONS[query.filter]} ORDER BY {_ORDERS[query.sort]} {turned} NULLS LAST, a.row_no"
    )


def narrow_sql(query: PairQuery) -> str:
    """The statement that finds the rows from :low up to :high with a query's text, in its slice."""
    every = f"SELECT DISTINCT o.row_no FROM output o WHERE o.run_no = :a AND{_SPAN}"
    there = f"SELECT 1 FROM output o WHERE o.run_no = :a AND o.row_no = a.row_no{one_repeat(query)}"
    return (
        f"SELECT a.row_no FROM ({_WITH_TEXT if query.text else every}) a WHERE EXISTS ({there})"
        f"{_SLICE_SQL if query.slice else ''} ORDER BY a.row_no"
    )


def row_numbers(store: Store, connection: Connection, query: PairQuery, watch: Watch) -> array[int]:
    """The rows of a query without text and slice, in its order. Raises CalledOffError."""
    if query.filter == "disagreement":
        return _disagreeing(store, connection, query, watch)
    values = parameters(store, connection, query)
    if query.sort == "order" and not query.descending:
        return _by_ranges(connection, list_sql(query, f" AND{_SPAN}"), values, watch)
    with interruptible(connection, watch):
        return array("q", (row[0] for row in plain_rows(connection, list_sql(query), values)))


def narrowed(store: Store, connection: Connection, query: PairQuery, watch: Watch) -> array[int]:
    """The rows with a query's text, in its slice, ascending. Raises CalledOffError."""
    return _by_ranges(connection, narrow_sql(query), parameters(store, connection, query), watch)


def _by_ranges(connection: Connection, statement: str, values: dict[str, Any], watch: Watch) -> array[int]:
    """What a statement finds from :low up to :high, for one range of the baseline's rows after another."""
    found: array[int] = array("q")
    ends = "SELECT min(row_no), max(row_no) FROM output WHERE run_no = :a"
    first, last = next(plain_rows(connection, ends, values))
    if first is None:
        return found
    with interruptible(connection, watch):
        for low in range(first, last + 1, _RANGE):
            span = {**values, "low": low, "high": low + _RANGE}
            found.extend(row[0] for row in plain_rows(connection, statement, span))
            tell(watch, min(1.0, (low + _RANGE - first) / (last + 1 - first)))
    return found


def matching(connection: Connection, query: PairQuery, values: dict[str, Any], numbers: list[int]) -> set[int]:
    """Those of some rows that the query's filter (any but disagreement) lets through."""
    some = " AND o.row_no IN (SELECT value FROM json_each(:rows))"
    statement = (
        f"SELECT a.row_no FROM ({arm_sql(query, 'a', some)}) a LEFT JOIN ({arm_sql(query, 'b', some)}) b"
        f" USING (row_no) WHERE 1{_CONDITIONS[query.filter]}"
    )
    return {row[0] for row in plain_rows(connection, statement, {**values, "rows": json.dumps(numbers)})}


@contextmanager
def interruptible(connection: Connection, watch: Watch) -> Iterator[None]:
    """Within it, a statement ends soon after the watch says so. Raises CalledOffError then."""
    raw: Any = connection.connection.driver_connection
    raw.set_progress_handler(lambda: not watch(None), _STEPS)
    try:
        yield
    except sqlite3.OperationalError as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT:
            raise CalledOffError from error
        raise
    finally:
        raw.set_progress_handler(None, 0)


def _disagreeing(store: Store, connection: Connection, query: PairQuery, watch: Watch) -> array[int]:
    """Rows that one metric calls better and another worse."""
    better: set[int] = set()
    worse: set[int] = set()
    for metric, direction in query.metrics:
        one = replace(
            query, metric=metric, direction=direction, sort="order", metrics=(), by="", preference=False, over=None
        )
        better.update(row_numbers(store, connection, replace(one, filter="improved"), watch))
        worse.update(row_numbers(store, connection, replace(one, filter="regressed"), watch))
    both = better & worse
    every = row_numbers(store, connection, replace(query, filter="all"), watch)
    return array("q", (no for no in every if no in both))

"""Measured noise floors, kept with everything that defines them, so that none is used for what it does not fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, insert, select

from llmexp_tui.store.engine import Store
from llmexp_tui.store.tables import FloorTable, core

if TYPE_CHECKING:
    from llmexp_tui.stats.floor import FloorKey, FloorRecord

_FLOOR = core(FloorTable)
_PLAIN = (
    "state", "value", "rows", "repeats", "p_value", "variance", "flip_rate", "delta", "source", "reason",
    "measured_at", "seed", "drift_variance",
)  # fmt: skip
_KEY = {"variant": "variant_hash", "dataset": "dataset_hash", "scorer": "scorer", "model": "model",
        "metric": "metric", "statistic": "statistic", "slice": "slice"}  # fmt: skip
_TEXTS = frozenset({"state", "source", "reason", *_KEY.values()})
_NEVER_NULL = frozenset({"state", "rows", "repeats", "source", "measured_at", "drift_variance",
                         *(column for column in _KEY.values() if column != "slice")})  # fmt: skip
_CARRIED = 5000


def save_floors(
    store: Store, floors: Sequence[FloorRecord], *, main_run: str, copy_run: str, at: str | None = None
) -> None:
    """Appends floors, each with its `key`, and the two runs that they were measured from."""
    values = [_values(floor, [main_run, copy_run], at or "") for floor in floors]
    if values:
        with store.write() as connection:
            connection.execute(insert(_FLOOR), values)


def _values(floor: FloorRecord, runs: list[str], at: str) -> dict[str, Any]:
    if floor.key is None:
        raise ValueError("a floor without a key says nothing")
    key = {column: getattr(floor.key, name) for name, column in _KEY.items()}
    return {**{name: getattr(floor, name) for name in _PLAIN}, **key, "runs": runs, "at": at}


def find_floor(store: Store, key: FloorKey, *, max_age_days: float | None = None, now: float | None = None) -> (
    FloorRecord | None
):
    """The newest floor that was measured with exactly this key, None where there is none young enough.

    `now` in Unix seconds, as `FloorRecord.measured_at`.
    """
    found = find_floors(store, key, limit=1)
    if not found:
        return None
    if max_age_days is not None and now is not None:
        measured = found[0].measured_at
        if measured is None or now - measured > max_age_days * 86400:
            return None
    return found[0]


def find_floors(store: Store, key: FloorKey, limit: int | None = None) -> list[FloorRecord]:
    """Every floor that was measured with exactly this key, newest first."""
    query = select(_FLOOR).order_by(_FLOOR.c.no.desc()).limit(limit)
    for name, column in _KEY.items():
        query = query.where(_FLOOR.c[column].is_not_distinct_from(getattr(key, name)))
    with store.read() as connection:
        return [_floor_of(row) for row in connection.execute(query).mappings()]


def portable(connection: Connection) -> list[dict[str, Any]]:
    """The newest floor of each key as JSON values, for a file that carries them to another store."""
    names = (*_PLAIN, *_KEY.values())
    newest: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in connection.execute(select(_FLOOR).order_by(_FLOOR.c.no.desc()).limit(_CARRIED)).mappings():
        newest.setdefault(tuple(row[column] for column in _KEY.values()), {name: row[name] for name in names})
    return [value for value in reversed(newest.values()) if value["measured_at"] is not None]


def adopt(connection: Connection, values: Sequence[dict[str, Any]]) -> None:
    """Adds carried floors unless one that is at least as new is there. Raises ValueError for what is no floor."""
    for value in values:
        _check(value)
        query = select(_FLOOR.c.no).where(_FLOOR.c.measured_at >= value["measured_at"]).limit(1)
        for column in _KEY.values():
            query = query.where(_FLOOR.c[column].is_not_distinct_from(value[column]))
        if connection.execute(query).scalar() is None:
            connection.execute(insert(_FLOOR).values(**value, runs=[], at=""))


def _check(value: dict[str, Any]) -> None:
    if value.keys() != {*_PLAIN, *_KEY.values()}:
        raise ValueError("a noise floor has other fields")
    for name, field in value.items():
        number = isinstance(field, int | float) and not isinstance(field, bool) and abs(field) < 1 << 63
        whole = name not in ("rows", "seed") or isinstance(field, int)
        right = isinstance(field, str) if name in _TEXTS else number and whole
        if not right and not (field is None and name not in _NEVER_NULL):
            raise ValueError(f"{name} of a noise floor is of another kind")


def _floor_of(row: Any) -> FloorRecord:
    from llmexp_tui.stats.floor import FloorKey, FloorRecord

    key = FloorKey(**{field.name: row[_KEY[field.name]] for field in fields(FloorKey)})
    return FloorRecord(**{name: row[name] for name in _PLAIN}, key=key)

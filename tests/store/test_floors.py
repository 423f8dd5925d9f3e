from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path

import pytest

from llmexp_tui.errors import StoreError
from llmexp_tui.stats.floor import FloorKey, FloorRecord
from llmexp_tui.store import carry, floors
from llmexp_tui.store.engine import Store, open_store

KEY = FloorKey("v" * 64, "d" * 64, "exact/1", "m-1", "exact_match", "mean")
FLOOR = FloorRecord(
    "measured", 0.031, rows=200, repeats=2.0, p_value=0.4, variance=0.01, flip_rate=0.08, delta=0.004, source="aa",
    reason="why", key=KEY, measured_at=1_000_000.0, seed=7, drift_variance=0.001,
)  # fmt: skip
DAY = 86_400.0


def save(store: Store, *records: FloorRecord) -> None:
    floors.save_floors(store, records, main_run="r1", copy_run="r2")


def test_a_floor_comes_back_as_it_was(store: Store) -> None:
    save(store, FLOOR)
    assert floors.find_floor(store, KEY) == FLOOR


@pytest.mark.parametrize("name", ["variant", "dataset", "scorer", "model", "metric", "statistic", "slice"])
def test_a_floor_of_anything_else_is_not_found(store: Store, name: str) -> None:
    save(store, FLOOR)
    assert floors.find_floor(store, replace(KEY, **{name: "other"})) is None


def test_the_newest_is_used_and_not_when_it_is_too_old(store: Store) -> None:
    save(store, FLOOR, replace(FLOOR, value=0.05, measured_at=1_000_000.0 + DAY))
    now = 1_000_000.0 + 8 * DAY
    found = floors.find_floor(store, KEY, max_age_days=7, now=now)
    assert found is not None
    assert found.value == 0.05
    assert floors.find_floor(store, KEY, max_age_days=7, now=now + 1) is None
    assert [f.value for f in floors.find_floors(store, KEY)] == [0.05, 0.031]


def carried(store: Store, folder: Path, *more: dict[str, object]) -> Path:
    """The store's cache file, with further floors written into it."""
    file = folder / "cache.gz"
    carry.export_cache(store, file)
    lines = gzip.decompress(file.read_bytes()).splitlines(keepends=True)
    added = [json.dumps({"floor": floor}).encode() + b"\n" for floor in more]
    file.write_bytes(gzip.compress(b"".join([*lines[:-1], *added, lines[-1]])))
    return file


def test_the_newest_floor_of_each_kind_travels_with_the_cache(store: Store, tmp_path: Path) -> None:
    newest, other = replace(FLOOR, value=0.05, measured_at=2_000_000.0), replace(FLOOR, key=replace(KEY, slice="a=b"))
    save(store, FLOOR, newest, other)
    file = carried(store, tmp_path)
    with open_store(tmp_path / "other.db") as there:
        for _ in range(2):
            carry.import_cache(there, file)
            assert floors.find_floors(there, KEY) == [newest]
        assert floors.find_floor(there, replace(KEY, slice="a=b")) == other
        newer = replace(FLOOR, value=0.06, measured_at=3_000_000.0)
        save(there, newer)
        carry.import_cache(there, file)
        assert floors.find_floor(there, KEY) == newer


BAD: list[tuple[str, object]] = [
    ("state", None), ("rows", 1.5), ("value", "0.1"), ("measured_at", None), ("repeats", True), ("p_value", 10**30),
    ("value", float("nan")), ("more", 1),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), BAD, ids=[f"{name}={value}" for name, value in BAD])
def test_a_carried_floor_that_is_none_refuses_the_file(
    store: Store, tmp_path: Path, name: str, value: object
) -> None:
    save(store, FLOOR)
    with store.read() as connection:
        (floor,) = floors.portable(connection)
    file = carried(store, tmp_path, {**floor, "measured_at": 2_000_000.0, name: value})
    with open_store(tmp_path / "other.db") as there:
        with pytest.raises(StoreError, match="not a whole cache file"):
            carry.import_cache(there, file)
        assert floors.find_floor(there, KEY) is None


def test_a_floor_without_a_value_or_a_key(store: Store) -> None:
    key = replace(KEY, slice="channel=email")
    deterministic = FloorRecord("deterministic", 0.0, rows=50, key=key)
    save(store, deterministic)
    assert floors.find_floor(store, key) == deterministic
    assert floors.find_floor(store, key, max_age_days=7, now=0.0) is None
    with pytest.raises(ValueError, match="without a key"):
        save(store, FloorRecord("measured", 0.1))
    save(store)

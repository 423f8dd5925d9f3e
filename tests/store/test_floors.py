from __future__ import annotations

from dataclasses import replace

import pytest

from llmexp_tui.stats.floor import FloorKey, FloorRecord
from llmexp_tui.store import floors
from llmexp_tui.store.engine import Store

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


def test_a_floor_without_a_value_or_a_key(store: Store) -> None:
    key = replace(KEY, slice="channel=email")
    deterministic = FloorRecord("deterministic", 0.0, rows=50, key=key)
    save(store, deterministic)
    assert floors.find_floor(store, key) == deterministic
    assert floors.find_floor(store, key, max_age_days=7, now=0.0) is None
    with pytest.raises(ValueError, match="without a key"):
        save(store, FloorRecord("measured", 0.1))
    save(store)

"""A worker goes by the session of the person it works for; it is still one process to its own holds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from llmexp_tui.store import queue
from llmexp_tui.store.engine import open_store

AT = "2026-03-04T12:00:00+00:00"


def test_a_worker_that_claimed_for_another_session_can_hold_and_release_twice(tmp_path: Path) -> None:
    with open_store(tmp_path / "x.db") as store:
        me = store.process
        person = replace(me, session=me.session + 1)
        for _ in range(2):
            queue.enqueue(store, f"g{_}", {"kind": "run", "experiment": "tone"}, at=AT, owner=person)
            assert queue.claim(store, person, at=AT) is not None
            assert queue.hold_experiment(store, "tone", me, at=AT)
            queue.claim(store, person, at=AT)
            queue.release_experiment(store, "tone", me)
            assert queue.holder(store, "tone") is None

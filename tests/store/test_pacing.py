from __future__ import annotations

from datetime import datetime, timedelta

from llmexp_tui.domain.run import RunStatus
from llmexp_tui.store import queue, runs
from llmexp_tui.store.engine import Store
from llmexp_tui.store.overview import live_runs
from llmexp_tui.store.pacing import Pacing, set_pacing
from tests.store.samples import AT, make_runs

NOW = datetime.fromisoformat(AT)
WAITING = Pacing(4, 32, "openai/gpt-x: 429, asked to wait", (NOW + timedelta(seconds=12)).isoformat())


def test_the_pace_is_shown_with_the_run_and_forgotten_with_the_hold(store: Store) -> None:
    make_runs(store, "r1")
    record = runs.get_run(store, "r1")
    runs.set_status(store, ["r1"], RunStatus.RUNNING, at=AT)
    queue.hold_experiment(store, record.experiment, at=AT)
    assert [run.pacing for run in live_runs(store, NOW)] == [None]
    set_pacing(store, record.experiment, WAITING)
    assert [run.pacing for run in live_runs(store, NOW)] == [WAITING]
    queue.release_experiment(store, record.experiment)
    queue.hold_experiment(store, record.experiment, at=AT)
    assert [run.pacing for run in live_runs(store, NOW)] == [None]


def test_the_next_call_is_counted_down_by_the_one_who_looks() -> None:
    assert WAITING.words(NOW) == "openai/gpt-x: 429, asked to wait, next call in 12 s"
    assert WAITING.words(NOW + timedelta(seconds=13)) == "openai/gpt-x: 429, asked to wait"
    assert Pacing(4, 32).words(NOW) == ""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest

from llmexp_tui.domain.run import RunStatus
from llmexp_tui.errors import UsageError
from llmexp_tui.store import queue, runs
from llmexp_tui.store.cells import write_cells
from llmexp_tui.store.engine import Store, data_version, open_store
from llmexp_tui.store.processes import Process, start_time, this_process
from llmexp_tui.store.queue import QueueState
from tests.store.samples import AT, cell, make_runs

SOON = "2026-01-02T03:05:04+00:00"
LATE = "2026-01-02T03:05:06+00:00"
"""60 s and a little more after AT."""


@pytest.fixture
def child() -> Iterator[Process]:
    """A real process that lives until the test kills it."""
    started = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    me = this_process()
    try:
        yield replace(me, pid=started.pid, started=start_time(started.pid) or "")
    finally:
        started.kill()
        started.wait()
        assert started.stdin is not None
        started.stdin.close()


@pytest.fixture
def dead() -> Process:
    """A process of this host and boot that has ended."""
    started = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    found = replace(this_process(), pid=started.pid, started=start_time(started.pid) or "")
    started.communicate(b"\n")
    return found


def elsewhere() -> Process:
    """A process of another host, which only its heartbeat can vouch for."""
    return replace(this_process(), host="other", boot="b2")


def enqueue(store: Store, group: str = "g1", experiment: str | None = "tone", **more: object) -> None:
    command = {"kind": "run"} if experiment is None else {"kind": "run", "experiment": experiment}
    queue.enqueue(store, group, command, at=AT, **more)  # type: ignore[arg-type]


def states(store: Store) -> list[QueueState]:
    return [e.state for e in queue.entries(store)]


def test_a_command_is_claimed_once_and_oldest_first(store: Store) -> None:
    enqueue(store, "g1")
    enqueue(store, "g2", None)
    first = queue.claim(store, at=AT)
    assert first is not None
    assert (first.group, first.command) == ("g1", {"kind": "run", "experiment": "tone"})
    second = queue.claim(store, at=AT)
    assert second is not None
    assert second.group == "g2"
    assert queue.claim(store, at=AT) is None
    queue.release(store, "g1", at=SOON)
    queue.release(store, "g2", QueueState.FAILED, at=SOON, reason="no key")
    newest = queue.entries(store)[0]
    assert (newest.state, newest.reason, newest.ended_at, newest.experiment) == ("failed", "no key", SOON, None)
    assert [e.group for e in queue.entries(store, states=(QueueState.DONE,))] == ["g1"]


@pytest.mark.parametrize("change", [{"uid": 4242}, {"session": 4242}, {"host": "other"}, {"boot": "other"}])
def test_a_worker_of_another_login_or_session_gets_nothing(store: Store, change: dict[str, object]) -> None:
    enqueue(store, owner=replace(this_process(), **change))  # type: ignore[arg-type]
    assert queue.claim(store, at=AT) is None
    assert queue.claim(store, replace(this_process(), pid=1, **change), at=AT) is not None  # type: ignore[arg-type]


def test_waiting_for_work_writes_nothing(store: Store) -> None:
    before = data_version(store)
    assert queue.claim(store, at=AT) is None
    assert queue.mark_orphans(store, at=AT) == []
    assert data_version(store) == before


def test_one_process_holds_an_experiment(store: Store, child: Process) -> None:
    assert queue.hold_experiment(store, "tone", at=AT)
    assert queue.hold_experiment(store, "tone", at=AT)
    assert not queue.hold_experiment(store, "tone", child, at=AT)
    assert queue.hold_experiment(store, "other", child, at=AT)
    assert queue.holder(store, "tone") == this_process()
    queue.release_experiment(store, "tone", child)
    assert not queue.hold_experiment(store, "tone", child, at=AT)
    queue.release_experiment(store, "tone")
    assert queue.holder(store, "tone") is None
    assert queue.hold_experiment(store, "tone", child, at=AT)
    assert not queue.hold_experiment(store, "tone", at=LATE), "alive without a heartbeat, for it can be looked at"


def test_the_hold_of_a_dead_process_passes_on(store: Store, dead: Process) -> None:
    assert queue.hold_experiment(store, "tone", dead, at=AT)
    assert queue.hold_experiment(store, "tone", at=AT)


def test_a_process_elsewhere_lives_as_long_as_its_heart_beats(store: Store) -> None:
    assert queue.hold_experiment(store, "tone", elsewhere(), at=AT)
    assert not queue.hold_experiment(store, "tone", at=SOON)
    queue.beat(store, "tone", elsewhere(), at=SOON)
    assert not queue.hold_experiment(store, "tone", at=LATE)
    assert queue.hold_experiment(store, "tone", at="2026-01-02T03:06:05+00:00")


def test_a_pid_used_again_is_not_the_same_process(store: Store, child: Process) -> None:
    assert queue.hold_experiment(store, "tone", replace(child, started="1"), at=AT)
    assert queue.hold_experiment(store, "tone", at=AT)


def run_by(store: Store, process: Process, *ids: str) -> None:
    """Runs that `process` has started."""
    with open_store(store.path) as theirs:
        theirs.process = process
        runs.set_status(theirs, ids, RunStatus.RUNNING, at=AT)


def test_runs_of_the_dead_become_interrupted_and_no_others(store: Store, child: Process, dead: Process) -> None:
    make_runs(store, "dead", "alive", "elsewhere", "mine", "done")
    run_by(store, dead, "dead", "done")
    run_by(store, child, "alive")
    run_by(store, elsewhere(), "elsewhere")
    runs.set_status(store, ["done"], RunStatus.COMPLETE, at=AT)
    runs.set_status(store, ["mine"], RunStatus.RUNNING, at=AT)
    assert queue.mark_orphans(store, at=SOON) == ["dead"]
    record = runs.get_run(store, "dead")
    assert (record.status, record.ended_at) == (RunStatus.INTERRUPTED, SOON)
    assert record.stop_reason == "the process that ran it is gone"
    assert queue.mark_orphans(store, at=LATE) == ["elsewhere"]
    assert {r.id: r.status for r in runs.find_runs(store)} == {
        "dead": "interrupted", "alive": "running", "elsewhere": "interrupted", "mine": "running", "done": "complete",
    }  # fmt: skip


def test_writing_cells_is_a_heartbeat(store: Store) -> None:
    rows = make_runs(store, "r1")
    with open_store(store.path) as theirs:
        theirs.process = elsewhere()
        runs.set_status(theirs, ["r1"], RunStatus.RUNNING, at=AT)
        write_cells(theirs, [cell("r1", rows[0], at=SOON)])
    assert queue.mark_orphans(store, at=LATE) == []


def test_a_claim_of_a_dead_worker_is_gone(store: Store, dead: Process) -> None:
    enqueue(store)
    assert queue.claim(store, dead, at=AT) is not None
    queue.mark_orphans(store, at=AT)
    assert states(store) == [QueueState.GONE]


def test_what_nobody_claimed_is_cancelled_at_once(store: Store) -> None:
    enqueue(store)
    assert queue.request_stop(store, "g1", "drain", at=AT)
    assert states(store) == [QueueState.CANCELLED]
    assert queue.claim(store, at=AT) is None
    assert not queue.request_stop(store, "g1", "drain", at=AT)


def test_a_stop_reaches_who_works_on_it(store: Store) -> None:
    make_runs(store, "r1")
    enqueue(store, "q1")
    queue.claim(store, at=AT)
    assert queue.hold_experiment(store, "tone", at=AT)
    assert queue.stop_requested(store, "tone") is None
    assert queue.request_stop(store, "q1", "drain", at=AT)
    assert queue.stop_requested(store, "q1") == "drain"
    assert queue.stop_requested(store, "tone") == "drain"
    assert queue.stop_requested(store, "other") is None
    assert queue.request_stop(store, "tone", "cancel", at=AT)
    assert queue.stop_requested(store, "q1") == "cancel"
    queue.release_experiment(store, "tone")
    assert queue.hold_experiment(store, "tone", at=AT)
    assert queue.stop_requested(store, "tone") is None


def test_a_stop_of_a_group_of_runs(store: Store) -> None:
    make_runs(store, "r1")
    runs.set_status(store, ["r1"], RunStatus.RUNNING, at=AT)
    queue.hold_experiment(store, "tone", at=AT)
    assert queue.request_stop(store, "g1", "cancel", at=AT)
    assert (queue.stop_requested(store, "tone"), queue.stop_requested(store, "g1")) == ("cancel", "cancel")


def test_there_are_two_ways_to_stop(store: Store) -> None:
    with pytest.raises(UsageError, match="drain or cancel"):
        queue.request_stop(store, "g1", "kill", at=AT)
    assert not queue.request_stop(store, "g1", "drain", at=AT)

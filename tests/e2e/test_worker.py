"""The worker as a process: it outlives who started it, is warm before it is needed, and goes when nobody needs it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from llmexp_tui.domain.run import RunStatus
from llmexp_tui.store import queue, runs
from llmexp_tui.store.overview import live_runs
from llmexp_tui.store.processes import start_time, this_process
from llmexp_tui.store.queue import QueueState
from llmexp_tui.workflows import start
from llmexp_tui.workflows.session import Session
from llmexp_tui.workflows.stop import request_stop
from tests.fakes.model_server import ModelServer
from tests.fakes.programs import environment, is_gone, kill, started, until
from tests.fakes.projects import ProjectFolder, answering

ROWS = 40
APP = textwrap.dedent(
    """
    import os, signal, sys
    from pathlib import Path
    from llmexp_tui.workflows import start
    from llmexp_tui.workflows.session import open_session

    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # tests under nohup inherit that it is ignored
    with open_session(Path.cwd(), env=dict(os.environ), trust=True) as session:
        if "queue" in sys.argv:
            start.queue_run(session, "run", "tone")
        else:
            start.ensure_worker(session)
        Path("worker.pid").write_text(str(start._started[str(session.store.path)].pid))
        if "stay" in sys.argv:
            sys.stdin.read() or signal.pause()
    """
)


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer(answering(), delay_s=0.01) as running:
        yield running


@pytest.fixture
def folder(server: ModelServer, tmp_path: Path) -> ProjectFolder:
    return ProjectFolder(tmp_path, server, rows=ROWS, model={"max_concurrency": 4})


@pytest.fixture
def session(folder: ProjectFolder) -> Iterator[Session]:
    """A session of this process, which is the app; its workers end with the test."""
    with folder.session(env=environment()) as opened:
        yield opened
        worker = start._started.pop(str(opened.store.path), None)
        if worker is not None:
            worker.kill()
            worker.wait()


def log(folder: ProjectFolder) -> str:
    return "".join(path.read_text() for path in sorted(folder.db.parent.glob("worker-*.log")))


def warmed(folder: ProjectFolder, session: Session) -> subprocess.Popen[bytes]:
    start.ensure_worker(session)
    until(lambda: "ready for" in log(folder), "a warm worker")
    return start._started[str(session.store.path)]


def loaded(pid: int, library: str) -> bool:
    return library in Path(f"/proc/{pid}/maps").read_text()


def states(session: Session) -> list[QueueState]:
    return [entry.state for entry in queue.entries(session.store)]


def completed(session: Session) -> int:
    return sum(runs.totals(session.store, run.id).completed for run in runs.find_runs(session.store))


def worker_of(folder: ProjectFolder) -> int:
    path = folder.root / "worker.pid"
    until(lambda: path.exists() and path.read_text() != "", "the worker")
    return int(path.read_text())


def test_a_run_outlives_the_terminal_and_its_worker_ends_after_it(
    server: ModelServer, folder: ProjectFolder, session: Session
) -> None:
    with started(sys.executable, "-c", APP, "queue", "stay", cwd=folder.root, new_session=True) as app:
        until(lambda: server.count >= 10, "request 10")
        assert [run.alive for run in live_runs(session.store, session.now())] == [True, True]
        os.killpg(app.pid, signal.SIGHUP)
        assert app.wait(30) == -signal.SIGHUP
    pid = worker_of(folder)
    assert os.getsid(pid) == pid
    until(lambda: is_gone(pid), "the worker's end")
    assert {run.status for run in runs.find_runs(session.store)} == {RunStatus.COMPLETE}
    assert completed(session) == server.count == 2 * ROWS
    assert states(session) == [QueueState.DONE]


@pytest.mark.parametrize("stays", [True, False])
def test_a_worker_that_nobody_needs_ends(folder: ProjectFolder, stays: bool) -> None:
    """Also where the app was gone before the worker had begun."""
    words = ["stay"] if stays else []
    with started(sys.executable, "-c", APP, *words, cwd=folder.root) as app:
        pid = worker_of(folder)
        if stays:
            until(lambda: "ready for" in log(folder), "a warm worker")
            app.kill()
        app.wait(30)
        until(lambda: is_gone(pid), "the worker's end")


@pytest.mark.parametrize(("lane", "library"), [("direct", "aiohttp"), ("litellm", "tiktoken")])
def test_a_warm_worker_has_loaded_what_the_projects_models_need(
    server: ModelServer, folder: ProjectFolder, session: Session, lane: str, library: str
) -> None:
    folder.model["lane"] = lane
    folder.write()
    worker = warmed(folder, session)
    assert loaded(worker.pid, library)
    assert loaded(worker.pid, "tiktoken") == (lane == "litellm")
    start.queue_run(session, "run", "tone")
    until(lambda: states(session) == [QueueState.DONE], "the end of the run")
    assert start._started[str(session.store.path)] is worker
    assert server.count == 2 * ROWS
    assert log(folder).index("ready for") < log(folder).index("starting")


def test_a_killed_worker_leaves_an_interrupted_run_that_another_one_finishes(
    server: ModelServer, folder: ProjectFolder, session: Session
) -> None:
    start.queue_run(session, "run", "tone")
    until(lambda: server.count >= 10, "request 10")
    worker = start._started[str(session.store.path)]
    kill(worker.pid)
    worker.wait()
    assert [run.alive for run in live_runs(session.store, session.now())] == [False, False]
    assert len(queue.mark_orphans(session.store, at=session.at())) == 2
    start.queue_run(session, "resume", "tone", {"group": runs.find_runs(session.store)[0].group})
    until(lambda: states(session)[0] is QueueState.DONE, "the end of the run")
    assert completed(session) == 2 * ROWS
    assert server.count - 2 * ROWS <= 4


def test_a_stopped_run_does_not_take_the_worker_with_it(
    server: ModelServer, folder: ProjectFolder, session: Session
) -> None:
    server.delay_s = 0.5
    first = start.queue_run(session, "run", "tone")
    worker = start._started[str(session.store.path)]
    until(lambda: server.count >= 4, "request 4")
    assert request_stop(session, first, "drain")
    server.delay_s = 0.0
    start.queue_run(session, "run", "tone")
    until(lambda: states(session) == [QueueState.DONE] * 2, "the end of both")
    assert worker.poll() is None
    assert queue.entries(session.store)[1].reason is not None
    assert server.count == 2 * ROWS


def test_a_worker_that_is_told_to_end_lets_its_calls_finish(
    server: ModelServer, folder: ProjectFolder, session: Session
) -> None:
    start.queue_run(session, "run", "tone")
    until(lambda: server.count >= 10, "request 10")
    worker = start._started[str(session.store.path)]
    worker.terminate()
    worker.wait(30)
    assert completed(session) == server.count < 2 * ROWS
    assert {run.status for run in runs.find_runs(session.store)} == {RunStatus.INTERRUPTED}


def test_a_stop_is_heard_before_the_run_has_begun(
    server: ModelServer, folder: ProjectFolder, session: Session
) -> None:
    """The command is the worker's, but somebody else works on the experiment."""
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        owner = replace(this_process(), pid=other.pid, started=start_time(other.pid) or "")
        queue.hold_experiment(session.store, "tone", owner, at=session.at())
        group = start.queue_run(session, "run", "tone")
        until(lambda: states(session) == [QueueState.CLAIMED], "the claim")
        assert request_stop(session, group, "drain")
        until(lambda: states(session) == [QueueState.CANCELLED], "the end of the wait")
    finally:
        other.communicate(b"\n")
    assert server.count == 0

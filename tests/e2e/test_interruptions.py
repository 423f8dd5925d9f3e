"""Runs that are killed, interrupted or doubled: nothing that was paid for is lost, nothing is paid for twice."""

from __future__ import annotations

import os
import pty
import random
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from llmexp_tui.domain.run import RunStatus
from llmexp_tui.engine.stop import DRAIN_S
from llmexp_tui.store import queue, runs
from llmexp_tui.store.overview import live_runs
from llmexp_tui.store.pacing import Pacing
from tests.fakes.model_server import ModelServer
from tests.fakes.programs import DEADLINE_S, PROGRAM, environment, llmexp, started, until
from tests.fakes.projects import ProjectFolder, answering, arm_of, item_of
from tests.fakes.replies import FAULTS

ROWS = 150
CONCURRENCY = 8


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer(answering(), delay_s=0.01) as running:
        yield running


@pytest.fixture
def folder(server: ModelServer, tmp_path: Path) -> ProjectFolder:
    gate = {"metric": "exact_match", "margin": 0.2}
    return ProjectFolder(tmp_path, server, rows=ROWS, gates=[gate], model={"max_concurrency": CONCURRENCY})


def calls(server: ModelServer) -> Counter[tuple[str, int]]:
    return Counter((arm_of(request), item_of(request)) for request in server.requests)


def stored(folder: ProjectFolder) -> tuple[list[RunStatus], list[int]]:
    """The runs' states, and how many cells each has."""
    with folder.session() as session:
        found = runs.find_runs(session.store, newest_first=False)
        return [r.status for r in found], [runs.totals(session.store, r.id).completed for r in found]


@pytest.mark.parametrize("seed", range(3))
def test_killed_at_any_moment_and_resumed(server: ModelServer, folder: ProjectFolder, seed: int) -> None:
    """Twice killed: no row lost, at most the calls in flight repeated, totals as if nothing had happened."""
    draw = random.Random(seed)
    for moment, words in ((draw.randrange(1, 140), ("run", "tone")), (draw.randrange(141, 280), ("resume",))):
        with started(*PROGRAM, "--trust", *words, cwd=folder.root) as process:
            until(lambda at=moment: server.count >= at or process.poll() is not None, f"request {moment}")  # type: ignore[misc]
            assert process.poll() is None, (folder.root / "process.log").read_text()
            process.kill()
            process.wait()
        answered = sum(stored(folder)[1])
        assert answered <= server.count
    done = llmexp("resume", cwd=folder.root)
    assert done.returncode == 0, done.stderr
    assert stored(folder) == ([RunStatus.COMPLETE] * 2, [ROWS, ROWS])
    assert set(calls(server)) == {(arm, item) for arm in ("long", "short") for item in range(ROWS)}
    assert server.count - 2 * ROWS <= 2 * CONCURRENCY
    assert llmexp("resume", cwd=folder.root).returncode == 2


def test_a_scorer_that_never_returns_is_ended_by_signals(server: ModelServer, folder: ProjectFolder) -> None:
    """Its loop keeps the program from hearing the first; what was answered is stored, and the rest can be called."""
    own = folder.root / "own.py"
    own.write_text("def hang(row, output):\n    open('hangs', 'w').close()\n    while True:\n        pass\n")
    folder.scorers = ["exact_match", {"python": "own.py:hang", "name": "hang"}]
    folder.write()
    with started(*PROGRAM, "--trust", "run", "tone", cwd=folder.root) as process:
        until((folder.root / "hangs").exists, "the scorer")
        process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(3)
        process.send_signal(signal.SIGINT)
        process.wait(DEADLINE_S)
        assert process.returncode == 130, (folder.root / "process.log").read_text()
    assert stored(folder)[0] == [RunStatus.INTERRUPTED] * 2
    own.write_text("def hang(row, output):\n    return 1\n")
    assert llmexp("resume", cwd=folder.root).returncode == 0
    assert stored(folder) == ([RunStatus.COMPLETE] * 2, [ROWS, ROWS])


def test_killed_during_a_check_and_checked_again(server: ModelServer, folder: ProjectFolder) -> None:
    with started(*PROGRAM, "--trust", "--check", cwd=folder.root) as process:
        until(lambda: server.count >= 100, "request 100")
        process.kill()
    done = llmexp("--check", cwd=folder.root)
    assert done.returncode == 0, done.stdout + done.stderr
    assert stored(folder) == ([RunStatus.COMPLETE] * 3, [ROWS] * 3)
    assert server.count - 3 * ROWS <= CONCURRENCY


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_signal_drains(server: ModelServer, folder: ProjectFolder, number: signal.Signals) -> None:
    with started(*PROGRAM, "--trust", "run", "tone", cwd=folder.root) as process:
        until(lambda: server.count >= 60, "request 60")
        process.send_signal(number)
        assert process.wait(30) == 130, (folder.root / "process.log").read_text()
    states, done = stored(folder)
    assert set(states) == {RunStatus.INTERRUPTED}
    assert sum(done) == server.count < 2 * ROWS
    assert "resume" in (folder.root / "process.log").read_text()
    assert llmexp("resume", cwd=folder.root).returncode == 0
    assert server.count == 2 * ROWS
    assert set(calls(server).values()) == {1}


def test_a_terminal_that_is_gone_ends_its_run(server: ModelServer, folder: ProjectFolder) -> None:
    """What would be written to it fails, and that must not keep the run from hearing of it."""
    main, child = pty.openpty()
    words = [*PROGRAM, "--trust", "run", "tone"]
    with subprocess.Popen(
        words, cwd=folder.root, env=environment(), stdin=subprocess.DEVNULL, stdout=child, stderr=child
    ) as process:
        os.close(child)
        until(lambda: server.count >= 60, "request 60")
        os.close(main)
        process.send_signal(signal.SIGHUP)
        assert process.wait(30) == 130
    states, done = stored(folder)
    assert set(states) == {RunStatus.INTERRUPTED}
    assert sum(done) == server.count < 2 * ROWS


def test_the_second_signal_ends_at_once(server: ModelServer, folder: ProjectFolder) -> None:
    server.delay_s = 0.0
    server.behave(lambda request: None)
    folder.model["timeout_s"] = 600.0
    folder.write()
    server.behave(lambda request: FAULTS["hang"] if request.index >= 40 else None)
    with started(*PROGRAM, "--trust", "run", "tone", cwd=folder.root) as process:
        until(lambda: server.in_flight == CONCURRENCY and server.count == 40 + CONCURRENCY, "hanging calls")
        process.send_signal(signal.SIGINT)
        until(lambda: "a second ctrl+c drops them" in (folder.root / "process.log").read_text(), "what to do next")
        process.send_signal(signal.SIGINT)
        assert process.wait(DRAIN_S - 1) == 130, "the calls that hang were waited for"
    states, done = stored(folder)
    assert set(states) == {RunStatus.INTERRUPTED}
    assert sum(done) == 40


def test_a_stopped_check_is_resumed_by_checking_again(server: ModelServer, folder: ProjectFolder) -> None:
    with started(*PROGRAM, "--trust", "--check", cwd=folder.root) as process:
        until(lambda: server.count >= 100, "request 100")
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
    assert llmexp("--check", cwd=folder.root).returncode == 0
    assert server.count == 3 * ROWS


def test_two_checks_at_once_share_the_work(server: ModelServer, folder: ProjectFolder) -> None:
    words = (*PROGRAM, "--trust", "--check")
    with started(*words, cwd=folder.root) as first, started(*words, cwd=folder.root) as second:
        assert first.wait(60) == 0, (folder.root / "process.log").read_text()
        assert second.wait(60) == 0, (folder.root / "process.log").read_text()
    assert server.count == 3 * ROWS
    assert set(calls(server).values()) == {1, 2}  # the baseline's rows twice: the A/A copy


def test_two_runs_at_once_double_no_call(server: ModelServer, folder: ProjectFolder) -> None:
    words = (*PROGRAM, "--trust", "run", "tone")
    with started(*words, cwd=folder.root) as first, started(*words, cwd=folder.root) as second:
        assert (first.wait(60), second.wait(60)) == (0, 0), (folder.root / "process.log").read_text()
    assert server.count == 2 * ROWS


def test_the_one_who_waits_goes_on_when_the_other_is_killed(server: ModelServer, folder: ProjectFolder) -> None:
    words = (*PROGRAM, "--trust", "--check")
    server.behave(lambda request: FAULTS["hang"] if request.index >= 50 else None)
    with started(*words, cwd=folder.root) as first:
        until(lambda: server.count >= 50, "request 50")
        with started(*words, cwd=folder.root) as second:
            said = f"tone: waiting for process {first.pid} on "
            until(lambda: said in (folder.root / "process.log").read_text(), "what the second waits for")
            server.behave(lambda request: None)
            first.kill()
            first.wait()
            assert second.wait(60) == 0, (folder.root / "process.log").read_text()
    assert server.count - 3 * ROWS <= CONCURRENCY


def test_how_fast_it_goes_and_what_it_waits_for_is_seen_from_outside(
    server: ModelServer, folder: ProjectFolder
) -> None:
    server.at(60, FAULTS["rate_limit"].with_headers(retry_after="60"))
    with started(*PROGRAM, "--trust", "run", "tone", cwd=folder.root), folder.session() as session:

        def told() -> list[Pacing]:
            live = live_runs(session.store, session.now())
            return [run.pacing for run in live if run.pacing is not None and run.pacing.waiting]

        until(lambda: len(told()) == 2, "the wait")
        pacing = told()[0]
    assert (pacing.concurrency, pacing.most) == (CONCURRENCY // 2, CONCURRENCY)
    assert "openai/gpt-x: 429, asked to wait, next call in " in pacing.words(session.now())


def test_a_run_left_by_a_dead_process_is_shown_as_interrupted(server: ModelServer, folder: ProjectFolder) -> None:
    with started(*PROGRAM, "--trust", "run", "tone", cwd=folder.root) as process:
        until(lambda: server.count >= 20, "request 20")
        process.kill()
    with folder.session() as session:
        queue.mark_orphans(session.store, at=session.at())
        found = runs.find_runs(session.store)
    assert {record.status for record in found} == {RunStatus.INTERRUPTED}

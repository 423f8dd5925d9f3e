"""What becomes of a run whose database refuses: whatever was answered is kept, and the program says what is wrong."""

from __future__ import annotations

import contextlib
import sqlite3
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from llmexp_tui.store import runs
from tests.fakes.model_server import ModelServer
from tests.fakes.programs import PROGRAM, llmexp, started, until
from tests.fakes.projects import ProjectFolder, answering

ROWS = 150
CONCURRENCY = 4
SMALL_DISK = textwrap.dedent(
    """
    import os, resource, sys
    most = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
    """
)


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer(answering(), delay_s=0.005) as running:
        yield running


@pytest.fixture
def folder(server: ModelServer, tmp_path: Path) -> ProjectFolder:
    return ProjectFolder(tmp_path, server, rows=ROWS, model={"max_concurrency": CONCURRENCY})


def completed(folder: ProjectFolder) -> int:
    with folder.session() as session:
        return sum(runs.totals(session.store, run.id).completed for run in runs.find_runs(session.store))


def log(folder: ProjectFolder) -> str:
    return (folder.root / "process.log").read_text()


def test_a_full_disk_stops_the_run_with_four_and_resume_finishes_it(
    server: ModelServer, folder: ProjectFolder
) -> None:
    server.answer = lambda request: "yes " * 500
    assert llmexp("run", "tone", "--rows", "1", cwd=folder.root).returncode == 0
    most = str(folder.db.stat().st_size + 100_000)
    words = (sys.executable, "-c", SMALL_DISK, most, *PROGRAM[1:], "--trust", "run", "tone")
    with started(*words, cwd=folder.root) as process:
        assert process.wait(60) == 4, log(folder)
    assert "the disk" in log(folder)
    assert 2 < server.count < 2 * ROWS
    done = llmexp("resume", cwd=folder.root)
    assert done.returncode == 0, done.stderr
    assert completed(folder) == 2 * ROWS + 2
    assert server.count - 2 * ROWS <= CONCURRENCY


def test_a_database_locked_for_a_while_delays_a_run_and_fails_no_call(
    server: ModelServer, folder: ProjectFolder
) -> None:
    llmexp("runs", cwd=folder.root)
    with (
        contextlib.closing(sqlite3.connect(folder.db, isolation_level=None, check_same_thread=False)) as raw,
        started(*PROGRAM, "--trust", "run", "tone", cwd=folder.root) as process,
    ):
        until(lambda: server.count >= 40, "request 40")
        raw.execute("PRAGMA busy_timeout = 20000")
        raw.execute("BEGIN IMMEDIATE")
        asked = server.count
        until(lambda: server.count >= min(asked + 100, 2 * ROWS), "calls that go on")
        threading.Timer(1.0, raw.execute, ("ROLLBACK",)).start()
        assert process.wait(60) == 0, log(folder)
    assert completed(folder) == server.count == 2 * ROWS


@pytest.mark.parametrize("words", [("run", "tone"), ("--check",), ("resume",)])
def test_a_newer_programs_database_is_left_alone_and_nothing_is_called(
    server: ModelServer, folder: ProjectFolder, words: tuple[str, ...]
) -> None:
    llmexp("runs", cwd=folder.root)
    with contextlib.closing(sqlite3.connect(folder.db)) as raw:
        raw.execute("PRAGMA user_version = 99")
    before = folder.db.read_bytes()
    done = llmexp(*words, cwd=folder.root)
    assert (done.returncode, server.count) == (2, 0)
    assert "newer than this program's" in done.stderr and "upgrade" in done.stderr
    assert folder.db.read_bytes() == before

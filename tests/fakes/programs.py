"""The program and its worker as processes that a test can kill, and conditions to wait for."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.fakes.projects import ENV

PROGRAM = (sys.executable, "-m", "llmexp_tui")
DEADLINE_S = 60.0


def environment() -> dict[str, str]:
    """This process's environment with the test's key."""
    return {**os.environ, **ENV}


def until(condition: Callable[[], bool], what: str = "the condition") -> None:
    """Returns as soon as the condition holds; fails when it never does."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come about"
        time.sleep(0.005)


@contextlib.contextmanager
def started(*words: str | Path, cwd: Path, new_session: bool = False) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is killed on leaving if it still runs; its output goes to `cwd/process.log`."""
    with (cwd / "process.log").open("ab") as log:
        process = subprocess.Popen(
            [str(word) for word in words],
            cwd=cwd,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=new_session,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(DEADLINE_S)


def llmexp(*words: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Calls the program, trusted, and waits for its end."""
    return subprocess.run(
        [*PROGRAM, "--trust", *map(str, words)],
        cwd=cwd, env=environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip


def is_gone(pid: int) -> bool:
    """Whether no process has this id, or only a dead one that nobody has waited for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def kill(pid: int) -> None:
    """SIGKILL, if the process is still there."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)

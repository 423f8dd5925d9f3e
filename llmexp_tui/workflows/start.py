"""Queues work for a worker process and sees to it that there is one. Calls nothing itself."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from llmexp_tui.errors import UsageError
from llmexp_tui.store import queue
from llmexp_tui.workflows.session import Session

KINDS = ("run", "aa", "check", "resume", "judge")
KEPT_LOGS = 10


def queue_run(session: Session, kind: str, experiment: str, options: Mapping[str, Any] | None = None) -> str:
    """Queues a command; the id by which it can be followed and stopped (a new run's group has it too).

    `kind` is one of KINDS; `options` are the fields of RunOptions or CheckOptions, for resume `run` or `group`, for
    judge `runs` (the baseline's first). Raises UsageError for another kind.
    """
    if kind not in KINDS:
        raise UsageError(f'"{kind}" cannot be queued', mend=f"one of {', '.join(KINDS)}")
    command = {"kind": kind, "experiment": experiment, "options": dict(options or {})}
    group = session.new_id()
    queue.enqueue(session.store, group, command, at=session.at(), experiment=experiment)
    session.audit("queue", group, command)
    ensure_worker(session)
    return group


_started: dict[str, subprocess.Popen[bytes]] = {}


def ensure_worker(session: Session) -> None:
    """Starts this process's worker for the session's store unless it runs; to be called early, so that it is warm.

    The worker is a session of its own, so that it outlives the terminal, with its own log beside the database. It
    takes only what this login and session queued.
    """
    key = str(session.store.path)
    running = _started.get(key)
    if session.store.read_only or (running is not None and running.poll() is None):
        return
    command = [sys.executable, "-m", "llmexp_tui.worker", "--project", str(session.root), "--db", key]
    command += ["--session", str(session.store.process.session), "--parent", str(os.getpid())]
    command += ["--trust"] if session.flag_trust else []
    folder = session.store.path.parent
    _drop_old_logs(session)
    log = os.open(folder / f"worker-{session.new_id()}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        _started[key] = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env=dict(session.env),
        )
    finally:
        os.close(log)


def _drop_old_logs(session: Session) -> None:
    logs = sorted(session.store.path.parent.glob("worker-*.log"))
    for old in logs[: max(0, len(logs) - KEPT_LOGS + 1)]:
        old.unlink(missing_ok=True)

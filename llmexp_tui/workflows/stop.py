"""Asks whoever works on a group or an experiment to stop."""

from __future__ import annotations

from llmexp_tui.store import queue
from llmexp_tui.workflows.session import Session


def request_stop(session: Session, subject: str, mode: str) -> bool:
    """`drain` lets calls in flight finish, `cancel` drops them. False where there was nothing to stop."""
    asked = queue.request_stop(session.store, subject, mode, at=session.at())
    if asked:
        session.audit("stop", subject, {"mode": mode})
    return asked

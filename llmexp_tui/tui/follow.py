"""Follows the store: what changed and what runs, a few times a second, from a thread. The only way to the worker.

It asks first whether anything was committed at all (microseconds), so an idle app reads nothing and repaints nothing.
"""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from textual.worker import Worker, get_current_worker

from llmexp_tui.errors import LlmexpError
from llmexp_tui.store import queue
from llmexp_tui.tui import surface
from llmexp_tui.tui.messages import ProgressRead, StoreChanged, TerminalLost
from llmexp_tui.tui.reads.estimate import read_estimate
from llmexp_tui.tui.reads.project import reread
from llmexp_tui.tui.reads.runs import read_active
from llmexp_tui.tui.state.pace import Pace
from llmexp_tui.tui.state.runs import GroupLine

if TYPE_CHECKING:
    from llmexp_tui.tui.app import LlmexpApp
    from llmexp_tui.workflows.session import Session

TICK_S = 0.25
_PROBE_S = 1.0
_ESTIMATE_S, _ESTIMATE_SHARE = 1.0, 20.0


def start_following(app: LlmexpApp, session: Session) -> Worker[None]:
    """Start the thread; it ends with the app."""
    return app.run_worker(partial(_follow, app, session), thread=True, group="follow", exclusive=True)


class Follower:
    """What was seen last, so that only news is told."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._version: int | None = None
        self._active: tuple[GroupLine, ...] = ()
        self._pace = Pace()
        self._estimates: dict[str, str] = {}
        self._estimate_at = 0.0

    def look(self, now: float) -> tuple[bool, tuple[GroupLine, ...] | None]:
        """(whether the store changed since the last look, what runs now or None where that is as before).

        `now` is monotonic seconds. Raises StoreError.
        """
        version = self._session.store.data_version()
        changed = version != self._version
        first = self._version is None
        self._version = version
        if not changed and not self._active:
            return False, None
        if not self._session.store.read_only:  # nobody else says of a worker that was killed that it is gone
            queue.mark_orphans(self._session.store, at=self._session.at())
        found = self._estimated(self._pace.with_rates(read_active(self._session), now), now)
        news = None if found == self._active and not first else found
        self._active = found
        return changed and not first, news

    def _estimated(self, groups: tuple[GroupLine, ...], now: float) -> tuple[GroupLine, ...]:
        """The groups with their running estimate, looked at so seldom that it takes a twentieth of the time."""
        if now >= self._estimate_at:
            running = [group for group in groups if group.status == "running"]
            self._estimates = {group.group: read_estimate(group, self._session) for group in running}
            self._estimate_at = now + max(_ESTIMATE_S, _ESTIMATE_SHARE * (time.monotonic() - now))
        return tuple(replace(group, estimate=self._estimates.get(group.group, "")) for group in groups)


def _follow(app: LlmexpApp, session: Session) -> None:
    worker = get_current_worker()
    follower = Follower(session)
    probed = 0.0
    _edited(app, session)
    while not worker.is_cancelled and not app.closing.wait(TICK_S):
        now = time.monotonic()
        edited = False
        if now - probed >= _PROBE_S:
            probed = now
            if not app.is_headless and not surface.is_alive():
                app.post_message(TerminalLost())
                return
            edited = _edited(app, session)
        try:
            changed, active = follower.look(now)
        except LlmexpError:
            # Another process may hold the file for a moment; the screens say so when they read themselves.
            continue
        if changed or edited:
            app.post_message(StoreChanged())
        if active is not None:
            app.post_message(ProgressRead(active))


def _edited(app: LlmexpApp, session: Session) -> bool:
    """Whether the project file was read again; says so where it cannot be."""
    try:
        return reread(session)
    except LlmexpError as error:
        app.call_from_thread(app.say_error, error)
        return False

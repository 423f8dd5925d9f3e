"""Says in a toast what a run that just ended came to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.worker import get_current_worker

from llmexp_tui.domain.run import SLOT_AA, RunStatus
from llmexp_tui.errors import LlmexpError
from llmexp_tui.store import runs
from llmexp_tui.store.queue import QueueState
from llmexp_tui.tui.messages import Fetched
from llmexp_tui.tui.reads.results import read_report, refresh_report
from llmexp_tui.tui.reads.runs import command_of
from llmexp_tui.tui.state.runs import GroupLine, why_stopped
from llmexp_tui.tui.state.verdict import run_badge, status_badge

if TYPE_CHECKING:
    from llmexp_tui.tui.app import LlmexpApp
    from llmexp_tui.workflows.session import Session

_GOOD = (RunStatus.COMPLETE, RunStatus.STOPPED_EARLY)
_BAD = (QueueState.FAILED, QueueState.GONE)


def announce(app: LlmexpApp, group: GroupLine) -> None:
    """Called in a thread, once a group or a queued command has ended."""
    try:
        text, severity = _words(app.session(), group)
    except LlmexpError as error:
        text, severity = f"{group.experiment} has ended; {error.sentence}", "information"
    if text:
        app.post_message(Fetched(lambda words: app.say(words, severity=severity), text))


def _wanted(share: float | None) -> bool:
    return not get_current_worker().is_cancelled


def _words(session: Session, group: GroupLine) -> tuple[str, str]:
    """What to say and how loudly; nothing where a command has only turned into runs."""
    name = group.experiment
    if not group.arms:
        return _of_command(session, group)
    record = runs.find_runs(session.store, group=group.group, limit=1)[0]
    if record.status not in _GOOD:
        reason = why_stopped(record)
        return f"{name} {run_badge(record.status).word}{f': {reason}' if reason else ''}", "warning"
    if len({arm.record.variant for arm in group.arms}) == 1:
        aa = any(arm.record.slot == SLOT_AA for arm in group.arms)
        return f"{name}: {'noise floor measured' if aa else f'{record.variant} has run'}", "information"
    return _verdict(session, name), "information"


def _of_command(session: Session, group: GroupLine) -> tuple[str, str]:
    """A command without a run of its own: it failed, or it was a check for which everything was stored."""
    entry = command_of(session, group.group)
    kind = None if entry is None else entry.command.get("kind")
    if entry is not None and entry.state in _BAD:
        return f"{group.experiment}: {kind} {entry.state}: {entry.reason or ''}", "error"
    if entry is not None and entry.state is QueueState.DONE and kind == "judge":
        refresh_report(group.experiment, session, watch=_wanted)
        left = f"; {entry.reason}" if entry.reason else ""
        return f"{_verdict(session, group.experiment)}, judged{left}", "warning" if left else "information"
    if entry is not None and entry.state is QueueState.DONE and kind == "check":
        newest = runs.find_runs(session.store, experiment=group.experiment, limit=1)
        if newest and newest[0].created_at >= entry.queued_at:
            return "", ""  # the runs that it made have told
        return f"{_verdict(session, group.experiment)}, everything was stored", "information"
    return "", ""


def _verdict(session: Session, name: str) -> str:
    report = read_report(name, session, watch=_wanted)
    badge = status_badge(report.status, has_gates=report.has_gates)
    return f"{name}: {badge.glyph} {badge.word}"

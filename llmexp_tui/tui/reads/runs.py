"""Runs as groups with their counts. Counts of finished runs are kept: their cells never change again."""

from __future__ import annotations

from collections.abc import Sequence
from weakref import WeakKeyDictionary

from llmexp_tui.domain.run import RunRecord, RunStatus, RunTotals
from llmexp_tui.store import runs
from llmexp_tui.store.engine import Store
from llmexp_tui.tui.state.runs import ArmLine, GroupLine
from llmexp_tui.workflows.session import Session

_RECENT = 200
_OPEN = (RunStatus.QUEUED, RunStatus.RUNNING)
_counted: WeakKeyDictionary[Store, dict[tuple[str, str], RunTotals]] = WeakKeyDictionary()


def read_groups(session: Session) -> tuple[GroupLine, ...]:
    """The newest groups, newest first."""
    return group_lines(session, runs.find_runs(session.store, limit=_RECENT))


def read_active(session: Session) -> tuple[GroupLine, ...]:
    """The groups that are queued or running."""
    return group_lines(session, runs.find_runs(session.store, statuses=_OPEN, limit=_RECENT), whole=True)


def group_lines(session: Session, records: Sequence[RunRecord], *, whole: bool = False) -> tuple[GroupLine, ...]:
    """Runs by group, in the order in which their first appears. `whole` adds the groups' other runs."""
    groups: dict[str, list[RunRecord]] = {}
    for record in records:
        groups.setdefault(record.group, []).append(record)
    if whole:
        groups = {group: runs.find_runs(session.store, group=group) for group in groups}
    totals = _totals(session, [record for members in groups.values() for record in members])
    return tuple(_group(group, members, totals) for group, members in groups.items())


def _group(group: str, members: Sequence[RunRecord], totals: dict[str, RunTotals]) -> GroupLine:
    ordered = sorted(members, key=lambda record: record.id)
    arms = tuple(ArmLine(record, totals[record.id], record.rows * record.repeats) for record in ordered)
    return GroupLine(group, ordered[0].experiment, arms)


def _totals(session: Session, records: Sequence[RunRecord]) -> dict[str, RunTotals]:
    """One query for what is not known for good; a run's totals are for good once it has ended."""
    known = _counted.setdefault(session.store, {})
    found = {record.id: known[key] for record in records if (key := (record.id, record.ended_at or "")) in known}
    wanted = [record.id for record in records if record.id not in found]
    if wanted:
        found |= runs.totals_of(session.store, wanted)
    for record in records:
        if record.ended_at:
            known[record.id, record.ended_at] = found[record.id]
    return found


def stop_group(group: str, mode: str, session: Session) -> None:
    """Ask the worker to stop: "drain" finishes what is in flight, "cancel" does not."""
    from llmexp_tui.workflows.stop import request_stop

    request_stop(session, group, mode)


def resume_group(group: GroupLine, session: Session) -> None:
    """Queue what is missing of a group."""
    from llmexp_tui.workflows.start import queue_run

    queue_run(session, "resume", group.experiment, {"run": group.arms[0].record.id})

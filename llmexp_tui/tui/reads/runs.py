"""Runs as groups with their counts. Counts of finished runs are kept: their cells never change again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from weakref import WeakKeyDictionary

from llmexp_tui.domain.run import RunRecord, RunTotals
from llmexp_tui.store import overview, queue, runs
from llmexp_tui.store.engine import Store
from llmexp_tui.store.pacing import Pacing
from llmexp_tui.store.queue import QueueEntry, QueueState
from llmexp_tui.tui.state.runs import ArmLine, GroupLine
from llmexp_tui.workflows.session import Session

_RECENT = 100
_WAITING = (QueueState.QUEUED, QueueState.CLAIMED)
_counted: WeakKeyDictionary[Store, dict[tuple[str, str], RunTotals]] = WeakKeyDictionary()


def read_groups(session: Session) -> tuple[GroupLine, ...]:
    """The newest groups, newest first, commands that wait for the worker before them."""
    found = overview.group_page(session.store, limit=_RECENT)
    records = [record for group in found for record in runs.find_runs(session.store, group=group)]
    groups = group_lines(session, records, dead=[r.id for r in overview.dead_runs(session.store, session.now())])
    return (*_commands(session, groups), *groups)


def read_active(session: Session) -> tuple[GroupLine, ...]:
    """What is queued or running; runs whose process is gone are listed too, as not alive."""
    now = session.now()
    live = overview.live_runs(session.store, now)
    alive = {item.record.id: item.alive for item in live}
    names = dict.fromkeys(item.record.group for item in live)
    records = [record for group in names for record in runs.find_runs(session.store, group=group)]
    groups = group_lines(session, records, dead={run for run, is_alive in alive.items() if not is_alive})
    paced = {item.record.group: item.pacing for item in live if item.pacing is not None}
    return (*(_paced(group, paced.get(group.group), now) for group in groups), *_commands(session, groups))


def _paced(group: GroupLine, pacing: Pacing | None, now: datetime) -> GroupLine:
    if pacing is None:
        return group
    return replace(group, concurrency=pacing.concurrency, waiting=pacing.words(now))


def _commands(session: Session, groups: Sequence[GroupLine]) -> tuple[GroupLine, ...]:
    """Commands that have no run yet, as groups without arms. A check or a resume makes groups with ids of their own,

    so a claimed command counts as begun once its experiment has a group that runs.
    """
    begun = {group.group for group in groups}
    busy = {group.experiment for group in groups if group.active}
    waiting = queue.entries(session.store, states=_WAITING)
    return tuple(
        GroupLine(
            entry.group, entry.experiment or "", (), kind=str(entry.command.get("kind", "")),
            begun=entry.state is QueueState.CLAIMED,
        )
        for entry in waiting
        if entry.group not in begun and not (entry.state is QueueState.CLAIMED and entry.experiment in busy)
    )  # fmt: skip


def command_of(session: Session, group: str) -> QueueEntry | None:
    """The queued command with this id, if it is among the newest."""
    return next((entry for entry in queue.entries(session.store) if entry.group == group), None)


def group_lines(session: Session, records: Sequence[RunRecord], *, dead: Iterable[str] = ()) -> tuple[GroupLine, ...]:
    """Runs by group, in the order in which their first appears. `dead`: runs whose process is gone."""
    groups: dict[str, list[RunRecord]] = {}
    for record in records:
        groups.setdefault(record.group, []).append(record)
    totals, gone = _totals(session, records), set(dead)
    lines = []
    for group, members in groups.items():
        ordered = members[::-1]  # runs are found newest first; arms are shown in the order they were made
        arms = tuple(ArmLine(record, totals[record.id], record.rows * record.repeats) for record in ordered)
        alive = not any(record.id in gone for record in members)
        lines.append(GroupLine(group, ordered[0].experiment, arms, alive=alive))
    return tuple(lines)


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


def stop_group(group: str, mode: str, session: Session) -> bool:
    """Ask the worker to stop: "drain" finishes what is in flight, "cancel" does not. False: nothing to stop."""
    from llmexp_tui.workflows.stop import request_stop

    return request_stop(session, group, mode)


def resume_group(group: GroupLine, session: Session) -> str:
    """Queue what is missing of a group."""
    from llmexp_tui.workflows.start import queue_run

    queue.mark_orphans(session.store, at=session.at())
    return queue_run(session, "resume", group.experiment, {"group": group.group})

"""Where things stand: runs that go on with how far each is, and groups of runs. For lists and the first screen."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text

from llmexp_tui.domain.run import RunRecord, RunStatus, RunTotals
from llmexp_tui.store import liveness
from llmexp_tui.store.engine import Store
from llmexp_tui.store.pacing import Pacing, pacing_of
from llmexp_tui.store.runs import find_runs, totals_of


@dataclass(frozen=True, slots=True)
class RunProgress:
    """A run with how far it is. `alive` is False where the process that ran it is gone.

    `pacing` is how fast its process may go now; None where none works on it, or where it has not said.
    """

    record: RunRecord
    totals: RunTotals
    cells: int
    alive: bool
    pacing: Pacing | None = None


def live_runs(store: Store, now: datetime) -> list[RunProgress]:
    """Every run that is queued or running, oldest first, with its counts."""
    records = find_runs(store, statuses=(RunStatus.QUEUED, RunStatus.RUNNING), newest_first=False)
    return with_progress(store, records, now)


def dead_runs(store: Store, now: datetime) -> list[RunRecord]:
    """Runs that are stored as queued or running although their process is gone."""
    records = find_runs(store, statuses=(RunStatus.QUEUED, RunStatus.RUNNING))
    known = _processes(store, [r.id for r in records], now) if records else {}
    return [r for r in records if r.id in known and not known[r.id][0]]


def with_progress(store: Store, records: Sequence[RunRecord], now: datetime) -> list[RunProgress]:
    """Runs with how far each is, counted from their cells in one query."""
    counted = totals_of(store, [r.id for r in records]) if records else {}
    known = _processes(store, [r.id for r in records], now)
    return [
        RunProgress(r, counted[r.id], r.rows * r.repeats, *known.get(r.id, (True, None))) for r in records
    ]


def _processes(store: Store, run_ids: Sequence[str], now: datetime) -> dict[str, tuple[bool, Pacing | None]]:
    """Whether the process of each run lives, and how fast it may go where it works on that experiment."""
    statement = text(
        "SELECT r.id AS run_id, p.*, h.concurrency, h.most, h.waiting, h.until"
        " FROM run r JOIN process p ON p.no = r.process_no"
        " LEFT JOIN hold h ON h.experiment_no = r.experiment_no AND h.process_no = p.no"
        " WHERE r.id IN (SELECT value FROM json_each(:ids))"
    )
    found: dict[str, tuple[bool, Pacing | None]] = {}
    with store.read() as connection:
        for row in connection.execute(statement, {"ids": json.dumps(list(run_ids))}).mappings():
            alive = liveness.is_alive(row, now, store.process)
            found[row["run_id"]] = alive, pacing_of(row) if alive else None
    return found


def group_page(
    store: Store, *, limit: int = 50, before: str | None = None, experiment: str | None = None
) -> list[str]:
    """Ids of groups of runs, newest first; those older than the group `before`."""
    statement = text(
        "SELECT group_id, max(no) AS newest FROM run"
        + (" WHERE experiment_no = (SELECT no FROM experiment WHERE name = :experiment)" if experiment else "")
        + " GROUP BY group_id"
        + (" HAVING newest < (SELECT max(no) FROM run WHERE group_id = :before)" if before else "")
        + " ORDER BY newest DESC LIMIT :limit"
    )
    values = {"limit": limit, "before": before, "experiment": experiment}
    with store.read() as connection:
        return [str(row.group_id) for row in connection.execute(statement, values)]

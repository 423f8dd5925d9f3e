"""Finds the runs that an experiment's arms have in the store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from llmexp_tui.domain.run import SLOT_AA, SLOT_MAIN, RunRecord, RunStatus
from llmexp_tui.stats.floor import REUSE_ROWS, VALID_SECONDS
from llmexp_tui.store import runs
from llmexp_tui.workflows.prepare import Prepared
from llmexp_tui.workflows.session import Session

DONE = (RunStatus.COMPLETE, RunStatus.STOPPED_EARLY)
OPEN = (RunStatus.INTERRUPTED, RunStatus.FAILED, RunStatus.CANCELLED)


@dataclass(frozen=True, slots=True)
class AaPair:
    """A stored self-A/A: the run and its copy."""

    main: RunRecord
    copy: RunRecord


def stored_arms(
    session: Session, prepared: Prepared, statuses: Sequence[RunStatus], *, group: str | None = None, number: int = 1
) -> list[RunRecord] | None:
    """A run of every arm over all rows, of one group, baseline and candidates in the project file's order.

    Of several groups, the newest under the present registration, else the newest. None where no group has all.
    """
    groups: dict[str, dict[str, RunRecord]] = {}
    wanted = {name: variant.hash for name, variant in prepared.variants.items()}
    found = runs.find_runs(
        session.store,
        experiment=prepared.experiment.name,
        dataset_hash=prepared.dataset.hash,
        group=group,
        statuses=statuses,
    )
    for record in found:
        if wanted.get(record.variant) == record.variant_hash and _covers(prepared, record, number):
            groups.setdefault(record.group, {}).setdefault(record.variant, record)
    whole = [[m[name] for name in prepared.variants] for m in groups.values() if set(m) == set(wanted)]
    registered = (arms for arms in whole if arms[0].registration == prepared.registration.hash)
    return next(registered, whole[0] if whole else None)


def _covers(prepared: Prepared, record: RunRecord, number: int) -> bool:
    return (
        record.slot == SLOT_MAIN
        and record.number == number
        and record.rows == prepared.dataset.rows
        and record.repeats == prepared.experiment.repeats
        and record.seed == prepared.experiment.plan.seed
    )


def done_copies(session: Session, group: str) -> list[RunRecord]:
    """The A/A copies of a group that are finished."""
    found = runs.find_runs(session.store, group=group, statuses=DONE)
    return [record for record in found if record.slot == SLOT_AA]


def open_copy(session: Session, group: str) -> list[RunRecord]:
    """The A/A copy of a group that was started and not finished, if there is one."""
    found = runs.find_runs(session.store, group=group, statuses=OPEN)
    return [record for record in found if record.slot == SLOT_AA][:1]


def find_aa(
    session: Session, prepared: Prepared, *, groups: Sequence[str] = (), at: datetime | None = None
) -> AaPair | None:
    """The newest usable A/A of the baseline: of one of the given groups, else any complete one.

    One from elsewhere must cover 100 rows, or every row, and lie at most seven days from `at` (now unless given).
    """
    at = at or session.now()
    baseline = prepared.variants[prepared.baseline]
    copies = runs.find_runs(
        session.store, variant_hash=baseline.hash, dataset_hash=prepared.dataset.hash, statuses=DONE
    )
    copies = [c for c in copies if c.slot == SLOT_AA and c.number == 1]
    own = [c for c in copies if c.group in groups]
    reusable = [c for c in copies if _reusable(c, prepared, at)]
    for copy in (*own, *reusable):
        main = _main_of(session, copy)
        if main is not None and (copy in own or main.status is RunStatus.COMPLETE):
            return AaPair(main, copy)
    return None


def _reusable(copy: RunRecord, prepared: Prepared, at: datetime) -> bool:
    if copy.status is not RunStatus.COMPLETE:
        return False
    age = abs(at - datetime.fromisoformat(copy.ended_at or copy.created_at))
    return copy.rows >= min(REUSE_ROWS, prepared.dataset.rows) and age <= timedelta(seconds=VALID_SECONDS)


def _main_of(session: Session, copy: RunRecord) -> RunRecord | None:
    mains = runs.find_runs(session.store, group=copy.group, variant_hash=copy.variant_hash, statuses=DONE)
    return next((m for m in mains if m.slot == SLOT_MAIN and m.number == copy.number), None)

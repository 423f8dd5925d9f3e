"""Finds the runs that an experiment's arms have in the store."""

from __future__ import annotations

from collections.abc import Sequence

from llmexp_tui.domain.run import SLOT_AA, SLOT_MAIN, RunRecord, RunStatus
from llmexp_tui.store import runs
from llmexp_tui.workflows.prepare import Prepared
from llmexp_tui.workflows.session import Session

DONE = (RunStatus.COMPLETE, RunStatus.STOPPED_EARLY)
OPEN = (RunStatus.INTERRUPTED, RunStatus.FAILED, RunStatus.CANCELLED)


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

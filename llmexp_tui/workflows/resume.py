"""`resume`: finishes interrupted runs with only the calls that are missing.

A run continues under the registration it was started with; where its prompt or dataset has changed on disk
since, the stored versions are used, so that a run never mixes two contents.
"""

from __future__ import annotations

from collections.abc import Sequence

from llmexp_tui.domain.run import RunRecord, RunStatus
from llmexp_tui.engine.events import Listener, ignore
from llmexp_tui.engine.stop import StopFlag
from llmexp_tui.errors import UsageError
from llmexp_tui.store import queue, runs
from llmexp_tui.workflows.group import GroupOutcome, Invocation, plan_of
from llmexp_tui.workflows.hold import holding
from llmexp_tui.workflows.prepare import Prepared
from llmexp_tui.workflows.run import RunOptions, RunOutcome, as_run_outcome
from llmexp_tui.workflows.session import Session
from llmexp_tui.workflows.stored import prepare_stored

RESUMABLE = (RunStatus.INTERRUPTED, RunStatus.FAILED, RunStatus.CANCELLED)


async def resume(
    session: Session,
    run: str | None,
    listener: Listener = ignore,
    *,
    group: str | None = None,
    options: RunOptions | None = None,
    flag: StopFlag | None = None,
) -> RunOutcome:
    """Finishes one run, a group's runs, or every interrupted run of the newest interrupted experiment.

    Raises UsageError where there is nothing to resume.
    """
    options = options or RunOptions()
    flag = flag or StopFlag()
    queue.mark_orphans(session.store, at=session.at())
    groups = _chosen(session, run, group)
    invocation = Invocation(session, options.call_options(listener), flag)
    outcomes: list[GroupOutcome] = []
    try:
        async with holding(invocation, groups[0][0].experiment):
            prepared = [prepare_stored(session, records) for records in groups]
            for one in prepared:
                invocation.require_ready(one)
            for one, records in zip(prepared, groups, strict=True):
                outcomes.append(await resume_group(invocation, one, records))
                if outcomes[-1].error is not None:
                    break
    finally:
        await invocation.aclose()
    done = tuple(r for outcome in outcomes for r in outcome.runs)
    calls, spent = sum(outcome.calls for outcome in outcomes), sum(outcome.cost_usd for outcome in outcomes)
    return as_run_outcome(session, GroupOutcome(done, calls, spent, error=outcomes[-1].error))


async def resume_group(invocation: Invocation, prepared: Prepared, records: Sequence[RunRecord]) -> GroupOutcome:
    """Continues the runs of one group."""
    return await invocation.execute(prepared, records, [plan_of(record) for record in records])


def _chosen(session: Session, run: str | None, group: str | None) -> list[list[RunRecord]]:
    """The runs to finish, group by group."""
    if run is not None:
        record = runs.get_run(session.store, run)
        if record.status not in RESUMABLE:
            raise UsageError(f"run {record.id} is {record.status}, there is nothing to resume")
        return [[record]]
    interrupted = runs.find_runs(session.store, group=group, statuses=RESUMABLE)
    if not interrupted:
        raise UsageError("no run is interrupted, there is nothing to resume")
    groups: dict[str, list[RunRecord]] = {}
    for record in interrupted:
        if record.experiment == interrupted[0].experiment:
            groups.setdefault(record.group, []).append(record)
    return list(groups.values())

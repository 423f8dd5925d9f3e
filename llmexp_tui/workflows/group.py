"""Runs that are started together: makes their records, executes their cells interleaved, and closes them.

Every verb that calls models goes through here: `run`, `aa`, `check`, `resume` and the worker.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from llmexp_tui.domain.run import SLOT_MAIN, RunRecord, RunStatus, RunTotals
from llmexp_tui.domain.variant import Variant
from llmexp_tui.engine.budget import Budget
from llmexp_tui.engine.events import Listener, StepStarted, ignore
from llmexp_tui.engine.executor import Conditions, Executor
from llmexp_tui.engine.lanes import Lanes
from llmexp_tui.engine.limits import limiter_for
from llmexp_tui.engine.plan import Arm
from llmexp_tui.engine.progress import Progress
from llmexp_tui.engine.stop import StopFlag
from llmexp_tui.errors import ErrorRateError, LlmexpError, OutageError, RunError, StoreError, UsageError
from llmexp_tui.project.identity import git_state, host, versions
from llmexp_tui.providers.base import key_identity
from llmexp_tui.providers.prices import price_of
from llmexp_tui.reports.figures import money
from llmexp_tui.scoring.base import check_programs
from llmexp_tui.store import datasets, experiments, runs
from llmexp_tui.store.spending import Spending
from llmexp_tui.workflows.judge_calls import Bench
from llmexp_tui.workflows.judging import Judging
from llmexp_tui.workflows.prepare import Prepared
from llmexp_tui.workflows.rescore import rescoring
from llmexp_tui.workflows.session import Session


@dataclass(frozen=True, slots=True)
class ArmPlan:
    """One run to be made: a variant in a slot. `fresh` and `fresh_rows` as in engine.plan.Arm."""

    variant: str
    slot: str = SLOT_MAIN
    number: int = 1
    fresh: bool = False
    fresh_rows: int = 0


@dataclass(frozen=True, slots=True)
class CallOptions:
    """How this invocation may call: offline or not, up to which cost, and who listens."""

    offline: bool = False
    max_cost: float | None = None
    listener: Listener = ignore


def refuse_fresh_offline(fresh: bool, offline: bool) -> None:
    """Raises UsageError where both are asked for."""
    if fresh and offline:
        raise UsageError(
            "--fresh calls everything anew, --offline calls nothing", where="--fresh", mend="leave one of them out"
        )


@dataclass(frozen=True, slots=True)
class GroupOutcome:
    """What a group came to. `error` is what stopped it, None where it is complete.

    `saved` is how many calls the cache and an early stop made needless, `notes` says so with what they cost.
    """

    runs: tuple[RunRecord, ...]
    calls: int
    cost_usd: float
    saved: int = 0
    error: LlmexpError | None = None
    notes: tuple[str, ...] = ()


class Invocation:
    """One invocation's way to the models: lanes, budget and stop flag, shared by all groups it runs."""

    def __init__(self, session: Session, options: CallOptions, flag: StopFlag) -> None:
        whole = None if options.offline else session.project.max_cost_usd
        project = None if whole is None else Spending(session.store, whole, session.at)
        self.session = session
        self.options = options
        self.flag = flag
        self.budget = Budget(cap_usd=options.max_cost, project=project)
        self.lanes = Lanes(session.env, limiter_for)

    def judging(self, prepared: Prepared) -> Judging:
        """What asks this experiment's judges, with this invocation's budget and lanes."""
        bench = Bench(self.session, self.lanes, self.budget, self.flag, self.options.offline)
        return Judging(self.session, prepared, bench, self.options.listener)

    def require_ready(self, prepared: Prepared) -> None:
        """Raises UsageError where a cost cap is set and a variant's or a judge's price is unknown.

        And ConfigError where a scorer's program is not there; offline, what is stored may still be read. Every
        workflow asks before it makes a run, so that nothing is stored and nothing called.
        """
        for scorer in prepared.scorers.values() if not self.options.offline else ():
            check_programs(scorer, self.session.root)
        models = [variant.model for variant in prepared.variants.values()]
        for scorer in prepared.scorers.values():
            models += [self.session.project.models[name] for name in scorer.models if scorer.calls]
        for model in models:
            self.budget.require_price(price_of(model), model.model)

    async def aclose(self) -> None:
        """Closes every provider; others may spend what of the project's cap was left to this."""
        await self.lanes.aclose()
        if self.budget.project is not None:
            with contextlib.suppress(StoreError):  # it ends with this process
                self.budget.project.close(self.budget.spent_usd)

    async def execute(
        self,
        prepared: Prepared,
        records: Sequence[RunRecord],
        plans: Sequence[ArmPlan],
    ) -> GroupOutcome:
        """Runs every open cell of the group and closes its runs. Never raises for what stops a run: see `error`."""
        work = GroupRun(self, prepared, records, plans)
        return await work.finish(await work.run())


class GroupRun:
    """One group being executed, possibly in several ranges of rows (planned looks).

    Where failures had ended it, the cells that failed are open again, whatever becomes of this start.
    """

    def __init__(
        self,
        invocation: Invocation,
        prepared: Prepared,
        records: Sequence[RunRecord],
        plans: Sequence[ArmPlan],
    ) -> None:
        session = invocation.session
        self._invocation = invocation
        self._session = session
        self._prepared = prepared
        self._records = tuple(records)
        self._spent_before = invocation.budget.spent_usd
        self._progress = Progress(prepared.experiment.name, records, invocation.options.listener, time.monotonic)
        self._progress.pacing = invocation.lanes.pacing
        self._executor = Executor(
            session.store,
            [make_arm(prepared, record, plan) for record, plan in zip(records, plans, strict=True)],
            row_refs(session, prepared),
            lanes=invocation.lanes,
            budget=invocation.budget,
            progress=self._progress,
            flag=invocation.flag,
            conditions=Conditions(offline=invocation.options.offline, now=session.now),
        )
        self._judging = invocation.judging(prepared)
        self._resumed = any(record.status is not RunStatus.QUEUED for record in records)
        if any(record.status is RunStatus.FAILED for record in records):
            runs.reopen_failed(session.store, [r.id for r in records])
        runs.set_status(session.store, [r.id for r in records], RunStatus.RUNNING, at=session.at())

    async def run(self, start: int = 0, stop: int | None = None) -> LlmexpError | None:
        """Runs rows `[start, stop)` of the seeded order; what stopped it, or None."""
        try:
            await self._executor.run(start, stop)
            await self._score_by_own_code()
            return await self._judging.run(self._records, retry=self._resumed)
        except StoreError as error:  # calls were made, so it is no matter of usage
            return RunError(error.what, where=error.where, mend=error.mend)
        except LlmexpError as error:
            return error
        except BaseException:
            self._close(RunStatus.INTERRUPTED, "stopped by an unexpected error")
            raise

    async def _score_by_own_code(self) -> None:
        """Once the calls have ended: it holds up the loop, and each call in flight would seem to take as long."""
        said: set[str] = set()
        for name in rescoring(self._session, self._prepared, self._records, own=True):
            if name not in said:
                said.add(name)
                text = f"scoring by {name}"
                self._invocation.options.listener(StepStarted(self._prepared.experiment.name, text))
            await asyncio.sleep(0)
            if self._invocation.flag.error is not None:
                raise self._invocation.flag.error

    async def finish(self, error: LlmexpError | None, *, stopped_early: bool = False) -> GroupOutcome:
        """Closes the runs by what happened and by their own cells."""
        if error is None:
            error = self._error_rate()
            status = RunStatus.STOPPED_EARLY if stopped_early else RunStatus.COMPLETE
            self._close(RunStatus.FAILED if error else status, None if error is None else error.sentence)
        else:  # after an outage, the calls that failed are what `resume` has to make up for
            status = RunStatus.FAILED if isinstance(error, OutageError) else RunStatus.INTERRUPTED
            with contextlib.suppress(StoreError):  # what the disk refuses is not the cause; the dead are found anyway
                self._close(status, error.sentence)
        stored = tuple(runs.get_run(self._session.store, r.id) for r in self._records)
        spent = self._invocation.budget.spent_usd - self._spent_before
        totals = [runs.totals(self._session.store, r.id) for r in self._records]
        planned = sum(r.rows * r.repeats for r in self._records) if stopped_early else 0
        cached, skipped = sum(t.cached for t in totals), max(0, planned - sum(t.attempted for t in totals))
        bench = self._judging.bench
        notes = [*cache_notes("answers", cached, sum(t.saved_usd or 0.0 for t in totals)),
                 *cache_notes("judgements", bench.saved, bench.saved_usd)]  # fmt: skip
        if skipped:
            notes.append(f"the early stop saved {skipped:,} calls, {about(skipped, totals)}")
        calls, saved = self._executor.calls + bench.calls, cached + bench.saved + skipped
        return GroupOutcome(stored, calls, spent, saved, error, tuple(notes))

    def _close(self, status: RunStatus, reason: str | None) -> None:
        ids = [r.id for r in self._records]
        runs.set_status(self._session.store, ids, status, at=self._session.at(), reason=reason)
        for run in ids:
            self._session.audit("run.end", run, {"reason": reason})

    def _error_rate(self) -> ErrorRateError | None:
        limit = self._prepared.experiment.plan.max_error_rate
        for record in self._records:
            totals = runs.totals(self._session.store, record.id)
            if totals.attempted and totals.errored > limit * totals.attempted:
                return ErrorRateError(
                    f"{totals.errored} of {totals.attempted} calls failed, above max_error_rate = {limit:g}",
                    where=f'variant "{record.variant}"',
                    mend="see the errors with `llmexp-tui runs show`, mend the cause, then `llmexp-tui resume`",
                )
        return None


def cache_notes(what: str, count: int, saved_usd: float) -> list[str]:
    """Says how many answers or judgements the cache gave and what they had cost; nothing where it gave none."""
    which_saved = f", which saved {money(saved_usd)}" if saved_usd else ""
    return [f"{count:,} {what} came from the cache{which_saved}"] if count else []


def about(calls: int, totals: Sequence[RunTotals]) -> str:
    """What so many calls would have cost at what the answers cost on average when they were called."""
    priced = sum(t.completed - t.unpriced - (t.cached if t.saved_usd is None else 0) for t in totals)
    spent = sum((t.cost_usd or 0.0) + (t.saved_usd or 0.0) for t in totals)
    return f"about {money(calls * spent / priced)}" if priced > 0 else "at a cost that is not known"


def make_arm(prepared: Prepared, record: RunRecord, plan: ArmPlan) -> Arm:
    """The engine's arm for a run."""
    variant = prepared.variants[record.variant]
    return Arm(
        run=record,
        variant=variant,
        prompt=prepared.prompts[record.variant],
        price=price_of(variant.model),
        scorers=tuple(scorer for scorer in prepared.scorers.values() if not scorer.own),
        expected_column=prepared.source.expected_column,
        fresh=plan.fresh,
        fresh_rows=plan.fresh_rows,
    )


def plan_of(record: RunRecord) -> ArmPlan:
    """The plan that a stored run was made from."""
    fresh_rows = int(record.environment.get("fresh_rows", 0))
    return ArmPlan(record.variant, record.slot, record.number, record.fresh, fresh_rows)


def row_refs(session: Session, prepared: Prepared) -> datasets.RowRefs:
    """The dataset version's rows, in its order."""
    return datasets.row_refs(session.store, prepared.dataset.hash)


def create_group(
    session: Session,
    prepared: Prepared,
    plans: Sequence[ArmPlan],
    *,
    rows: int | None = None,
    group: str | None = None,
) -> tuple[RunRecord, ...]:
    """Stores the registration, then a run for each plan, all in one group (a new one unless given)."""
    registration = prepared.registration
    experiments.save_registration(session.store, registration, who=session.who, at=session.at())
    git = git_state(session.root)
    group = group or session.new_id()
    covered = min(rows, prepared.dataset.rows) if rows else prepared.dataset.rows
    base = RunRecord(
        id="",
        group=group,
        experiment=prepared.experiment.name,
        variant="",
        variant_hash="",
        slot=SLOT_MAIN,
        dataset=prepared.dataset.name,
        dataset_hash=prepared.dataset.hash,
        registration=registration.hash,
        rules=registration.rules,
        repeats=prepared.experiment.repeats,
        rows=covered,
        seed=prepared.experiment.plan.seed,
        status=RunStatus.QUEUED,
        created_at=session.at(),
        who=session.who,
        host=host(),
        commit=git.commit,
        dirty=git.dirty,
        environment=_environment(prepared),
    )
    records = tuple(_record(session, base, prepared.variants[plan.variant], plan) for plan in plans)
    runs.create_runs(session.store, records)
    for record in records:
        session.audit("run.start", record.id, {"experiment": record.experiment, "variant": record.variant})
    return records


def _record(session: Session, base: RunRecord, variant: Variant, plan: ArmPlan) -> RunRecord:
    key_name, key_fingerprint = key_identity(variant.model, session.env)
    return replace(
        base,
        id=session.new_id(),
        variant=plan.variant,
        variant_hash=variant.hash,
        slot=plan.slot,
        number=plan.number,
        fresh=plan.fresh,
        environment={**base.environment, "fresh_rows": plan.fresh_rows},
        key_name=key_name,
        key_fingerprint=key_fingerprint,
    )


def _environment(prepared: Prepared) -> Mapping[str, object]:
    return {
        **versions(),
        "scorers": {name: scorer.fingerprint for name, scorer in prepared.scorers.items()},
        "prompts": {name: variant.prompt_hash for name, variant in prepared.variants.items()},
    }


def group_totals(session: Session, records: Sequence[RunRecord]) -> tuple[RunTotals, ...]:
    """Totals of each run, counted from its cells."""
    return tuple(runs.totals(session.store, record.id) for record in records)


def exit_code_of(error: LlmexpError | None) -> int:
    """0 for a complete group, else the error's own code."""
    return 0 if error is None else error.exit_code


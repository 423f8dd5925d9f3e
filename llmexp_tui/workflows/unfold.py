"""One experiment's check as its plan unfolds: run what is missing, look, stop when decided, rerun when undecided.

The order of steps is the registered plan's: rows up to the next look, a judgement, more rows; and under the
three-run rule the second and third run only where the first left a gate undecided.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from llmexp_tui.domain.run import SLOT_AA, RunRecord, RunStatus
from llmexp_tui.engine.events import StepStarted
from llmexp_tui.errors import InterruptedRunError, LlmexpError
from llmexp_tui.reports.record import ExperimentReport
from llmexp_tui.store import queue
from llmexp_tui.workflows.aa import find_aa
from llmexp_tui.workflows.arms import DONE, OPEN, open_copy, stored_arms
from llmexp_tui.workflows.group import (
    ArmPlan,
    GroupOutcome,
    GroupRun,
    Invocation,
    about,
    create_group,
    group_totals,
    plan_of,
)
from llmexp_tui.workflows.judge import Effort, JudgedArms, failed_report, judge
from llmexp_tui.workflows.looks import looks
from llmexp_tui.workflows.prepare import Prepared

SPEED_METRICS = ("latency", "ttft", "cost", "tokens")
DECIDED = ("pass", "fail")


async def check_experiment(invocation: Invocation, prepared: Prepared, *, fresh: bool) -> ExperimentReport:
    """Runs what the store does not have of the experiment, and judges it. Raises InterruptedRunError."""
    queue.mark_orphans(invocation.session.store, at=invocation.session.at())
    return await _Check(invocation, prepared, fresh).run()


class _Check:
    """One check in progress. `effort` adds up what all its steps called and spent."""

    def __init__(self, invocation: Invocation, prepared: Prepared, fresh: bool) -> None:
        self._invocation = invocation
        self._session = invocation.session
        self._prepared = prepared
        self._fresh = fresh
        self._effort = Effort()

    async def run(self) -> ExperimentReport:
        arms = None if self._fresh else stored_arms(self._session, self._prepared, DONE)
        if arms is not None and arms[0].registration != self._prepared.registration.hash:
            return await self._ask_judges(arms) or self._judge(arms)
        failed = await self._complete(arms)
        if failed is not None:
            return failed
        arms = stored_arms(self._session, self._prepared, DONE)
        if arms is None:
            raise LlmexpError("the runs of this check are not in the store", mend="check again")
        failed = await self._ask_judges(arms)
        if failed is not None:
            return failed
        if self._prepared.experiment.plan.runs == 3:
            if self._judge(arms, record=False).status == "inconclusive":
                return await self._three_runs(arms)
            self._spare_runs(arms)
        return self._judge(arms)

    # -- what is missing -----------------------------------------------------------------------------------

    async def _complete(self, arms: list[RunRecord] | None) -> ExperimentReport | None:
        """Runs the missing arms and the missing A/A copy; a report where that could not be completed."""
        if arms is None:
            return await self._run_arms()
        if not self._needs_aa(arms[0].group):
            return None
        copies = open_copy(self._session, arms[0].group)
        plans = [plan_of(c) for c in copies] or [ArmPlan(self._prepared.baseline, SLOT_AA, fresh=True)]
        records = copies or list(create_group(self._session, self._prepared, plans, group=arms[0].group))
        return await self._execute(records, plans)

    async def _run_arms(self) -> ExperimentReport | None:
        interrupted = None if self._fresh else stored_arms(self._session, self._prepared, (*DONE, *OPEN))
        if interrupted is not None and interrupted[0].registration == self._prepared.registration.hash:
            records = [*interrupted, *open_copy(self._session, interrupted[0].group)]
            return await self._execute(records, [plan_of(record) for record in records])
        plans = self._plans()
        return await self._execute(create_group(self._session, self._prepared, plans), plans)

    def _plans(self, number: int = 1) -> list[ArmPlan]:
        plan = self._prepared.experiment.plan
        gated = {gate.metric for gate in self._prepared.experiment.gates}
        fresh_rows = plan.fresh_rows if gated & set(SPEED_METRICS) else 0
        plans = [ArmPlan(v, number=number, fresh=self._fresh, fresh_rows=fresh_rows) for v in self._prepared.variants]
        if number == 1 and (self._needs_aa() or (self._fresh and plan.aa == "required")):
            plans.append(ArmPlan(self._prepared.baseline, SLOT_AA, fresh=True))
        return plans

    def _needs_aa(self, *groups: str) -> bool:
        required = self._prepared.experiment.plan.aa == "required"
        return required and find_aa(self._session, self._prepared, groups=groups) is None

    async def _execute(self, records: Sequence[RunRecord], plans: Sequence[ArmPlan]) -> ExperimentReport | None:
        """Runs a group look by look; a report where it could not be completed."""
        name = self._prepared.experiment.name
        self._invocation.options.listener(StepStarted(name, f"running {', '.join(r.variant for r in records)}"))
        again = any(record.status is RunStatus.FAILED for record in records)
        work = GroupRun(self._invocation, self._prepared, records, plans, retry_failed=again)
        error: LlmexpError | None = None
        early = False
        start = 0
        for look in looks(self._prepared):
            error = await work.run(start, look.rows)
            start = look.rows
            if error is not None:
                break
            if not look.final and self._decided(records):
                early = True
                break
        outcome = await work.finish(error, stopped_early=early)
        self._count(outcome)
        if isinstance(outcome.error, InterruptedRunError):
            raise outcome.error
        if outcome.error is not None:
            return failed_report(self._session, self._prepared, outcome.runs, outcome.error, self._effort)
        return None

    def _decided(self, records: Sequence[RunRecord]) -> bool:
        """True where an interim look already passes or fails the gate."""
        sides = {r.variant: r for r in records if r.slot != SLOT_AA}
        if set(sides) != set(self._prepared.variants):
            return False
        judged = self._judged_arms([sides[v] for v in self._prepared.variants])
        copies = [r for r in records if r.slot == SLOT_AA]
        if copies:  # still running, but it has come as far as the arms have
            judged = replace(judged, aa=(sides[self._prepared.baseline], copies[0]))
        return judge(self._session, self._prepared, judged, record=False).status in DECIDED

    async def _ask_judges(self, arms: Sequence[RunRecord]) -> ExperimentReport | None:
        """Scores what a judge has not seen (a scorer added since); a report where that could not be completed."""
        judging, spent = self._invocation.judging(self._prepared), self._invocation.budget.spent_usd
        error = await judging.run(self._judged_arms(arms).all)
        self._effort = replace(
            self._effort,
            calls=self._effort.calls + judging.bench.calls,
            cost_usd=self._effort.cost_usd + self._invocation.budget.spent_usd - spent,
        )
        if isinstance(error, InterruptedRunError):
            raise error
        return None if error is None else failed_report(self._session, self._prepared, arms, error, self._effort)

    def _count(self, outcome: GroupOutcome) -> None:
        self._effort = Effort(
            self._effort.calls + outcome.calls,
            self._effort.cost_usd + outcome.cost_usd,
            self._effort.saved + outcome.saved,
            (*self._effort.notes, *outcome.notes),
        )

    # -- judging -------------------------------------------------------------------------------------------

    def _judge(self, arms: Sequence[RunRecord], *, record: bool = True) -> ExperimentReport:
        """Judges the arms with the later runs of the same group, where the three-run rule has made them."""
        judged = self._judged_arms(arms)
        return judge(self._session, self._prepared, judged, effort=self._effort, record=record)

    def _judged_arms(self, arms: Sequence[RunRecord]) -> JudgedArms:
        by_variant: dict[str, tuple[RunRecord, ...]] = {run.variant: (run,) for run in arms}
        for number in (2, 3):
            more = stored_arms(self._session, self._prepared, DONE, group=arms[0].group, number=number)
            if more is None:
                break
            by_variant = {name: (*runs, *(r for r in more if r.variant == name)) for name, runs in by_variant.items()}
        aa = find_aa(self._session, self._prepared, groups=(arms[0].group,))
        return JudgedArms(
            baseline=by_variant[self._prepared.baseline],
            candidates=tuple(by_variant[name] for name in self._prepared.candidates),
            aa=None if aa is None else (aa.main, aa.copy),
        )

    def _spare_runs(self, arms: Sequence[RunRecord]) -> None:
        """The second and third run are not needed: says so where the first was made just now."""
        if not self._effort.calls:
            return
        cells = 2 * sum(run.rows * run.repeats for run in arms)
        cost = about(cells, group_totals(self._session, arms))
        note = f"the first run was clear: a second and a third one would have been {cells:,} more calls, {cost}"
        effort = self._effort
        self._effort = replace(effort, saved=effort.saved + cells, notes=(*effort.notes, note))

    async def _three_runs(self, arms: Sequence[RunRecord]) -> ExperimentReport:
        """The second and third run, where the first left a gate undecided; the pooled judgement of all three."""
        group = arms[0].group
        for number in (2, 3):
            if stored_arms(self._session, self._prepared, DONE, group=group, number=number) is not None:
                continue
            started = stored_arms(self._session, self._prepared, (*DONE, *OPEN), group=group, number=number)
            plans = self._plans(number) if started is None else [plan_of(run) for run in started]
            records = started or create_group(self._session, self._prepared, plans, group=group)
            failed = await self._execute(records, plans)
            if failed is not None:
                return failed
        return self._judge(arms)

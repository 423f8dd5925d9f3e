"""One experiment's check as its plan unfolds: run what is missing, look, stop when decided, rerun when undecided.

The order of steps is the registered plan's: rows up to the next look, a judgement, more rows; and under the
three-run rule the second and third run only where the first left a gate undecided.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from llmexp_tui.domain.run import SLOT_AA, RunRecord, RunStatus
from llmexp_tui.engine.events import StepStarted
from llmexp_tui.errors import InterruptedRunError, LlmexpError
from llmexp_tui.reports.record import ExperimentReport
from llmexp_tui.store import queue
from llmexp_tui.workflows.arms import DONE, OPEN, done_copies, find_aa, open_copy, stored_arms
from llmexp_tui.workflows.floors import has_floors, store_floors
from llmexp_tui.workflows.group import (
    ArmPlan,
    GroupRun,
    Invocation,
    about,
    cache_notes,
    create_group,
    group_totals,
    plan_of,
)
from llmexp_tui.workflows.judge import Effort, JudgedArms, failed_report, judge
from llmexp_tui.workflows.looks import looks
from llmexp_tui.workflows.plan_stored import fresh_rows, untimed
from llmexp_tui.workflows.prepare import Prepared
from llmexp_tui.workflows.sentinel import sentinel_span

DECIDED = ("pass", "fail")


async def check_experiment(invocation: Invocation, prepared: Prepared, *, fresh: bool) -> ExperimentReport:
    """Runs what the store does not have of the experiment, and judges it. Raises InterruptedRunError."""
    queue.mark_orphans(invocation.session.store, at=invocation.session.at())
    return await _Check(invocation, prepared, fresh).run()


class _Check:
    """One check in progress, which adds up what all its steps called and saved."""

    def __init__(self, invocation: Invocation, prepared: Prepared, fresh: bool) -> None:
        self._invocation = invocation
        self._session = invocation.session
        self._prepared = prepared
        self._fresh = fresh
        self._calls = self._saved = 0
        self._notes: list[str] = []
        self._spent_before, self._unpriced_before = invocation.budget.spent_usd, invocation.budget.unpriced

    @property
    def _effort(self) -> Effort:
        budget = self._invocation.budget
        known = budget.unpriced == self._unpriced_before
        cost = budget.spent_usd - self._spent_before if known else None
        return Effort(self._calls, cost, self._saved, tuple(self._notes))

    async def run(self) -> ExperimentReport:
        arms = None if self._fresh else stored_arms(self._session, self._prepared, DONE)
        if arms is not None and arms[0].registration != self._prepared.registration.hash:
            return await self._ask_judges(arms) or self._judge(arms)
        if arms is not None and self._untimed(arms):
            arms = None
        failed = None if arms is not None else await self._run_arms()
        if failed is not None:
            return failed
        arms = arms or stored_arms(self._session, self._prepared, DONE)
        if arms is None:
            raise LlmexpError("the runs of this check are not in the store", mend="check again")
        failed = await self._complete_copy(arms) or await self._ask_judges(arms)
        if failed is not None:
            return failed
        self._spare_copy(arms)
        if self._prepared.experiment.plan.runs == 3:
            if self._judge(arms, record=False).undecided:
                return await self._three_runs(arms)
            self._spare_runs(arms)
        return self._judge(arms)

    # -- what is missing -----------------------------------------------------------------------------------

    async def _complete_copy(self, arms: list[RunRecord]) -> ExperimentReport | None:
        """Runs what is missing of the A/A copy; a report where that could not be completed.

        A floor from elsewhere gives the size and no health: where the baseline's answers are of another day than the
        candidates', a sentinel, a copy of a few of those rows, looks whether it still answers as it did.
        """
        group, at = arms[0].group, datetime.fromisoformat(arms[0].created_at)
        if self._prepared.experiment.plan.aa != "required" or done_copies(self._session, group):
            return None
        span = None
        if not self._needs_aa(at):
            span = sentinel_span(self._session, self._prepared, arms)
            if span is None:
                return None
        records: Sequence[RunRecord] = open_copy(self._session, group)
        plans = [plan_of(c) for c in records] or [ArmPlan(self._prepared.baseline, SLOT_AA, fresh=True)]
        rows = None if span is None else span.stop
        records = records or create_group(self._session, self._prepared, plans, rows=rows, group=group)
        return await self._execute(records, plans, span)

    async def _run_arms(self) -> ExperimentReport | None:
        interrupted = None if self._fresh else stored_arms(self._session, self._prepared, (*DONE, *OPEN))
        same = interrupted is not None and interrupted[0].registration == self._prepared.registration.hash
        if interrupted is not None and same and not self._untimed(interrupted):
            records = [*interrupted, *open_copy(self._session, interrupted[0].group)]
            return await self._execute(records, [plan_of(record) for record in records])
        plans = self._plans()
        return await self._execute(create_group(self._session, self._prepared, plans), plans)

    def _untimed(self, arms: Sequence[RunRecord]) -> bool:
        return not self._invocation.options.offline and untimed(self._session, self._prepared, arms)

    def _plans(self, number: int = 1) -> list[ArmPlan]:
        plan, timed = self._prepared.experiment.plan, fresh_rows(self._prepared)
        plans = [ArmPlan(v, number=number, fresh=self._fresh, fresh_rows=timed) for v in self._prepared.variants]
        if number == 1 and plan.aa == "required" and (self._fresh or self._needs_aa(self._session.now())):
            plans.append(ArmPlan(self._prepared.baseline, SLOT_AA, fresh=True))
        return plans

    def _needs_aa(self, at: datetime) -> bool:
        """Whether no floor from elsewhere may be used for runs that were made at that time."""
        return find_aa(self._session, self._prepared, at=at) is None and not has_floors(
            self._session, self._prepared, at
        )

    async def _execute(
        self, records: Sequence[RunRecord], plans: Sequence[ArmPlan], span: range | None = None
    ) -> ExperimentReport | None:
        """Runs a group look by look, or only the places of `span`; a report where it could not be completed."""
        name = self._prepared.experiment.name
        self._invocation.options.listener(StepStarted(name, f"running {', '.join(r.variant for r in records)}"))
        work = GroupRun(self._invocation, self._prepared, records, plans)
        error: LlmexpError | None = None
        early = False
        start = 0
        if span is not None:
            error = await work.run(span.start, span.stop)
            early = error is None
        for look in looks(self._prepared) if span is None else ():
            error = await work.run(start, look.rows)
            start = look.rows
            if error is not None:
                break
            if not look.final and self._decided(records):
                early = True
                break
        outcome = await work.finish(error, stopped_early=early)
        self._calls += outcome.calls
        self._notes += outcome.notes
        if span is None:
            self._saved += outcome.saved
            if outcome.error is None:
                self._keep_floors(outcome.runs)
        if isinstance(outcome.error, InterruptedRunError):
            raise outcome.error
        if outcome.error is not None:
            return failed_report(self._session, self._prepared, outcome.runs, outcome.error, self._effort)
        return None

    def _keep_floors(self, records: Sequence[RunRecord]) -> None:
        """Stores the floors of a whole A/A, so that a carried cache takes them along."""
        copies = [r for r in records if r.slot == SLOT_AA and r.status is RunStatus.COMPLETE]
        aa = find_aa(self._session, self._prepared, groups=(copies[0].group,)) if copies else None
        if aa is not None and aa.copy.id == copies[0].id:
            store_floors(self._session, self._prepared, aa.main, aa.copy)

    def _decided(self, records: Sequence[RunRecord]) -> bool:
        """True where an interim look already passes or fails the gate."""
        sides = {r.variant: r for r in records if r.slot != SLOT_AA}
        if set(sides) != set(self._prepared.variants):
            return False
        judged = self._judged_arms([sides[v] for v in self._prepared.variants])
        copies = [r for r in records if r.slot == SLOT_AA]
        if copies:  # still running, but it has come as far as the arms have
            judged = replace(judged, aa=(sides[self._prepared.baseline], copies[0]))
        report = judge(self._session, self._prepared, judged, record=False, by_row=False)
        return report.status in DECIDED and not report.undecided

    async def _ask_judges(self, arms: Sequence[RunRecord]) -> ExperimentReport | None:
        """Scores what a judge has not seen (a scorer added since); a report where that could not be completed."""
        judging = self._invocation.judging(self._prepared)
        error = await judging.run(self._judged_arms(arms).all)
        bench = judging.bench
        self._calls, self._saved = self._calls + bench.calls, self._saved + bench.saved
        self._notes += cache_notes("judgements", bench.saved, bench.saved_usd)
        if isinstance(error, InterruptedRunError):
            raise error
        return None if error is None else failed_report(self._session, self._prepared, arms, error, self._effort)

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
        at = datetime.fromisoformat(arms[0].created_at)
        aa = find_aa(self._session, self._prepared, groups=(arms[0].group,), at=at)
        return JudgedArms(
            baseline=by_variant[self._prepared.baseline],
            candidates=tuple(by_variant[name] for name in self._prepared.candidates),
            aa=None if aa is None else (aa.main, aa.copy),
        )

    def _spare_copy(self, arms: Sequence[RunRecord]) -> None:
        """Where a kept floor stands in for the A/A copy, the calls of a copy are saved, but for a sentinel's."""
        baseline = next(run for run in arms if run.variant == self._prepared.baseline)
        totals = group_totals(self._session, [baseline])
        copies = group_totals(self._session, done_copies(self._session, baseline.group))
        spared = totals[0].attempted - sum(copy.attempted for copy in copies)
        if self._prepared.experiment.plan.aa != "required" or spared <= 0:
            return
        self._saved += spared
        cost = about(spared, totals)
        self._notes.append(f"the noise floor was measured before, which saved {spared:,} calls, {cost}")

    def _spare_runs(self, arms: Sequence[RunRecord]) -> None:
        """The second and third run are not needed: says so where the first was made just now."""
        if not self._calls:
            return
        cells = 2 * sum(run.rows * run.repeats for run in arms)
        cost = about(cells, group_totals(self._session, arms))
        self._saved += cells
        self._notes.append(
            f"the first run was clear: a second and a third one would have been {cells:,} more calls, {cost}"
        )

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

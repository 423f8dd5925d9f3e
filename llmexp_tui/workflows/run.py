"""`run`: the experiment's variants over its dataset, interleaved; never an A/A."""

from __future__ import annotations

from dataclasses import dataclass, replace

from llmexp_tui.domain.run import SLOT_MAIN, RunRecord, RunTotals
from llmexp_tui.engine.events import Listener, ignore
from llmexp_tui.engine.stop import StopFlag
from llmexp_tui.errors import LlmexpError, UnknownNameError, UsageError
from llmexp_tui.reports.figures import judging_text
from llmexp_tui.store.scores import judge_cost, judges_of
from llmexp_tui.workflows.group import (
    ArmPlan,
    CallOptions,
    GroupOutcome,
    Invocation,
    create_group,
    group_totals,
    refuse_fresh_offline,
)
from llmexp_tui.workflows.hold import holding
from llmexp_tui.workflows.judges import doubtful_judges
from llmexp_tui.workflows.prepare import Prepared, prepare
from llmexp_tui.workflows.session import Session


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What `run` and `aa` accept. `rows` limits the run to that many rows of the seeded order.

    `group` is the id that the new group gets, where somebody waits for it under that id.
    """

    variants: tuple[str, ...] = ()
    rows: int | None = None
    repeats: int | None = None
    fresh: bool = False
    offline: bool = False
    max_cost: float | None = None
    seed: int | None = None
    group: str | None = None

    def __post_init__(self) -> None:
        refuse_fresh_offline(self.fresh, self.offline)
        for name, value in (("--rows", self.rows), ("--repeats", self.repeats)):
            if value is not None and value < 1:
                raise UsageError(f"{name} must be at least 1", where=name)

    def call_options(self, listener: Listener) -> CallOptions:
        """The part that says how calls may be made."""
        return CallOptions(self.offline, self.max_cost, listener)


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """The runs of a group with totals counted from their cells; `error` is what stopped them.

    `judging` says of each run that was judged by whom, and for how much; `warnings` what makes that doubtful.
    """

    group: str
    runs: tuple[RunRecord, ...]
    totals: tuple[RunTotals, ...]
    calls: int
    error: LlmexpError | None = None
    judging: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 where complete, else the error's code."""
        return 0 if self.error is None else self.error.exit_code

    @property
    def stop_reason(self) -> str | None:
        """What stopped the group, as one sentence."""
        return None if self.error is None else self.error.sentence


async def run_experiment(
    session: Session, name: str, options: RunOptions, listener: Listener = ignore, *, flag: StopFlag | None = None
) -> RunOutcome:
    """Runs the variants (all unless named). Raises LlmexpError for what is wrong before the first call."""
    prepared = prepare(session, name, seed=options.seed, repeats=options.repeats)
    chosen = options.variants or tuple(prepared.variants)
    for variant in chosen:
        if variant not in prepared.variants:
            raise UnknownNameError("variant", variant, prepared.variants, where=f"experiment {name}")
    plans = [ArmPlan(variant, fresh=options.fresh) for variant in chosen]
    return await run_plans(session, prepared, plans, options, listener, flag)


async def run_plans(
    session: Session,
    prepared: Prepared,
    plans: list[ArmPlan],
    options: RunOptions,
    listener: Listener,
    flag: StopFlag | None,
) -> RunOutcome:
    """Makes a group for the plans and executes it."""
    flag = flag or StopFlag()
    invocation = Invocation(session, options.call_options(listener), flag)
    invocation.require_ready(prepared)
    try:
        async with holding(invocation, prepared.experiment.name):
            records = create_group(session, prepared, plans, rows=options.rows, group=options.group)
            outcome = await invocation.execute(prepared, records, plans)
    finally:
        await invocation.aclose()
    return replace(as_run_outcome(session, outcome), warnings=doubtful_judges(session, prepared))


def as_run_outcome(session: Session, outcome: GroupOutcome) -> RunOutcome:
    """The outcome with totals and judges read from the store."""
    totals = group_totals(session, outcome.runs)
    judging = tuple(said for run in outcome.runs if (said := _judging(session, run)))
    return RunOutcome(outcome.runs[0].group, outcome.runs, totals, outcome.calls, outcome.error, judging)


def _judging(session: Session, run: RunRecord) -> str:
    """Who judged a run's answers, and for how much; empty where nobody did."""
    by = {scorer: judges_of(session.store, run.id, scorer) for scorer in run.environment["scorers"].values()}
    asked = [scorer for scorer, models in by.items() if models]
    judges = tuple(dict.fromkeys(model for scorer in asked for model in by[scorer]))
    said = judging_text(judges, judge_cost(session.store, run.id, asked))
    return said and f"{run.variant}{'' if run.slot == SLOT_MAIN else ' (A/A)'}: {said}"

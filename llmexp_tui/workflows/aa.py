"""`aa`: one variant against itself, both sides fresh and interleaved; what it moved is the noise floor."""

from __future__ import annotations

from dataclasses import dataclass

from llmexp_tui.domain.run import SLOT_AA, SLOT_MAIN, RunRecord, RunTotals
from llmexp_tui.engine.events import Listener, ignore
from llmexp_tui.engine.stop import StopFlag
from llmexp_tui.errors import UnknownNameError
from llmexp_tui.stats.floor import FloorRecord
from llmexp_tui.workflows.floors import store_floors
from llmexp_tui.workflows.group import ArmPlan
from llmexp_tui.workflows.prepare import prepare
from llmexp_tui.workflows.run import RunOptions, RunOutcome, run_plans
from llmexp_tui.workflows.session import Session


@dataclass(frozen=True, slots=True)
class AaOutcome:
    """The two runs and the floors they gave, one a metric."""

    run: RunOutcome
    floors: tuple[FloorRecord, ...]

    @property
    def runs(self) -> tuple[RunRecord, ...]:
        """Both sides."""
        return self.run.runs

    @property
    def totals(self) -> tuple[RunTotals, ...]:
        """Totals of both sides, counted from their cells."""
        return self.run.totals

    @property
    def exit_code(self) -> int:
        """0 where complete, else the error's code."""
        return self.run.exit_code

    @property
    def stop_reason(self) -> str | None:
        """What stopped the A/A, as one sentence."""
        return self.run.stop_reason


async def run_aa(
    session: Session,
    name: str,
    variant: str | None,
    options: RunOptions,
    listener: Listener = ignore,
    *,
    flag: StopFlag | None = None,
) -> AaOutcome:
    """Runs the A/A of a variant (the baseline unless named) and stores a floor for every metric."""
    prepared = prepare(session, name, seed=options.seed, repeats=options.repeats)
    chosen = variant or prepared.baseline
    if chosen not in prepared.variants:
        raise UnknownNameError("variant", chosen, prepared.variants, where=f"experiment {name}")
    plans = [ArmPlan(chosen, SLOT_MAIN, fresh=True), ArmPlan(chosen, SLOT_AA, fresh=True)]
    outcome = await run_plans(session, prepared, plans, options, listener, flag)
    if outcome.error is not None:
        return AaOutcome(outcome, ())
    return AaOutcome(outcome, store_floors(session, prepared, *outcome.runs))

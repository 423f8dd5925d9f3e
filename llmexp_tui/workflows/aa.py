"""`aa`: one variant against itself, both sides fresh and interleaved; what it moved is the noise floor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from llmexp_tui.domain.run import SLOT_AA, SLOT_MAIN, RunRecord, RunStatus, RunTotals
from llmexp_tui.engine.events import Listener, ignore
from llmexp_tui.engine.stop import StopFlag
from llmexp_tui.errors import UnknownNameError
from llmexp_tui.stats.floor import REUSE_ROWS, VALID_SECONDS, FloorRecord
from llmexp_tui.store import runs
from llmexp_tui.workflows.arms import DONE
from llmexp_tui.workflows.floors import store_floors
from llmexp_tui.workflows.group import ArmPlan
from llmexp_tui.workflows.prepare import Prepared, prepare
from llmexp_tui.workflows.run import RunOptions, RunOutcome, run_plans
from llmexp_tui.workflows.session import Session


@dataclass(frozen=True, slots=True)
class AaPair:
    """A stored self-A/A: the run and its copy."""

    main: RunRecord
    copy: RunRecord


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
    pair = AaPair(*outcome.runs)
    return AaOutcome(outcome, store_floors(session, prepared, pair.main, pair.copy))


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

"""`judge`: asks the judges about stored outputs that they have not scored yet. No variant is called.

This is how two runs that were judged differently come to be comparable: one judge for the outputs of both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from llmexp_tui.domain.run import RunRecord
from llmexp_tui.engine.events import Listener, ignore
from llmexp_tui.engine.stop import StopFlag
from llmexp_tui.errors import LlmexpError, UsageError
from llmexp_tui.reports.record import ArmReport
from llmexp_tui.store import runs
from llmexp_tui.workflows.arm_report import arm_report
from llmexp_tui.workflows.arms import find_aa
from llmexp_tui.workflows.compare import newest_arms, require_one_experiment
from llmexp_tui.workflows.group import Invocation
from llmexp_tui.workflows.hold import holding
from llmexp_tui.workflows.prepare import Prepared, prepare
from llmexp_tui.workflows.rescore import rescore
from llmexp_tui.workflows.run import RunOptions
from llmexp_tui.workflows.session import Session
from llmexp_tui.workflows.stored import prepare_stored


@dataclass(frozen=True, slots=True)
class JudgeOutcome:
    """Each run as a report tells of it, what was called and spent (None: not known); `error` is what stopped it."""

    arms: tuple[ArmReport, ...]
    calls: int
    cost_usd: float | None
    error: LlmexpError | None = None

    @property
    def exit_code(self) -> int:
        """0 where every output was asked about, else the error's code."""
        return 0 if self.error is None else self.error.exit_code


async def rejudge(
    session: Session,
    names: Sequence[str],
    options: RunOptions,
    listener: Listener = ignore,
    *,
    flag: StopFlag | None = None,
) -> JudgeOutcome:
    """Scores what has no score yet, and asks again where judging failed.

    `names` is one experiment (its newest runs and their A/A) or the ids of runs of one experiment, the baseline's
    first. Raises LlmexpError for what is wrong before the first call.
    """
    if options.fresh:
        what = "--fresh calls variants anew, judging calls none"
        raise UsageError(what, where="--fresh", mend="leave it out, or change the judge to have all judged anew")
    prepared, arms, others = _chosen(session, tuple(names))
    flag = flag or StopFlag()
    invocation = Invocation(session, options.call_options(listener), flag)
    invocation.require_ready(prepared)
    judging = invocation.judging(prepared)
    judging.opponents = {run.id: arms[0] for run in arms[1:]}
    try:
        async with holding(invocation, prepared.experiment.name):
            error = await judging.run((*arms, *others), retry=True)
            rescore(session, prepared, (*arms, *others))
    finally:
        await invocation.aclose()
    reports = tuple(arm_report(session, prepared, (run,), () if run is arms[0] else (arms[0],)) for run in arms)
    calls, budget = judging.bench.calls, invocation.budget
    session.audit("judge", prepared.experiment.name, {"runs": [run.id for run in arms], "calls": calls})
    return JudgeOutcome(reports, calls, None if budget.unpriced else budget.spent_usd, error)


def _chosen(
    session: Session, names: tuple[str, ...]
) -> tuple[Prepared, tuple[RunRecord, ...], tuple[RunRecord, ...]]:
    """The experiment, its arms with the baseline first, and its A/A's runs."""
    if len(names) == 1 and names[0] in session.project.experiments:
        baseline, candidates = newest_arms(session, names[0])
        prepared, arms = prepare(session, names[0]), (baseline, *candidates)
    else:
        arms = tuple(runs.get_run(session.store, name) for name in names)
        require_one_experiment(arms)
        prepared = prepare_stored(session, arms)
    aa = find_aa(session, prepared, groups=(arms[0].group,)) if prepared.baseline in prepared.variants else None
    known = {run.id for run in arms}
    others = () if aa is None else tuple(run for run in (aa.main, aa.copy) if run.id not in known)
    return prepared, arms, others

"""`judge`: asks judges about stored outputs. It calls judges alone, and prints what they left unscored."""

from __future__ import annotations

from typing import Annotated

import typer

from llmexp_tui.cli import diagnostics, output
from llmexp_tui.cli.commands.session import followed, opened
from llmexp_tui.cli.options import RootOptions
from llmexp_tui.errors import UsageError


def judge(
    context: typer.Context,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[EXPERIMENT | RUN…]", show_default=False)
    ] = None,
) -> int:
    """Ask the judges about stored outputs that they have not scored, of an experiment's newest runs or of RUNs.

    Where judging failed it is tried again. No variant is called; `compare` then shows what the judges found.
    """
    from llmexp_tui.reports import figures
    from llmexp_tui.workflows.rejudge import rejudge
    from llmexp_tui.workflows.run import RunOptions

    options: RootOptions = context.obj
    wanted = tuple(names or options.experiments)
    if not wanted:
        raise UsageError("nothing to judge", where="judge", mend="name an experiment, or runs (baseline first)")
    asked = RunOptions(fresh=options.fresh, offline=options.offline, max_cost=options.max_cost)
    with opened(options) as session:
        outcome = followed(lambda listener, flag: rejudge(session, wanted, asked, listener, flag=flag))
    output.write_table(
        ("RUN", "VARIANT", "JUDGED BY", "COST", "NOT SCORED"),
        [
            (
                arm.id,
                arm.variant,
                ", ".join(arm.judges) or figures.UNKNOWN,
                figures.money(arm.judge_cost_usd),
                ", ".join(f"{name} {count}" for name, count in arm.unscored) or "0",
            )
            for arm in outcome.arms
        ],
        "No run was judged.",
    )
    output.write("")
    output.write(f"{outcome.calls} calls made, {figures.spent_text(outcome.cost_usd)}")
    if outcome.error is not None:
        diagnostics.say(f"{diagnostics.PROGRAM}: {outcome.error.sentence}")
    return outcome.exit_code

"""`plan`: what an experiment would cost and could show, before any money is spent."""

from __future__ import annotations

from typing import Annotated

import typer

from llmexp_tui.cli import output
from llmexp_tui.cli.commands.session import opened
from llmexp_tui.cli.exit_codes import ExitCode
from llmexp_tui.cli.options import RootOptions


def plan(
    context: typer.Context,
    experiment: Annotated[str, typer.Argument(show_default=False)],
    effect: Annotated[
        float | None, typer.Option("--effect", metavar="X", help="How many rows would show this effect?")
    ] = None,
    power: Annotated[float, typer.Option("--power", metavar="P", help="How often it should be found.")] = 0.8,
) -> int:
    """Say the calls, tokens, cost and time, and the smallest effect that the planned rows can detect."""
    from llmexp_tui.reports.plan_panel import plan_panel
    from llmexp_tui.workflows.plan import plan_experiment

    options: RootOptions = context.obj
    with opened(options) as session:
        found = plan_experiment(session, experiment, effect, power, seed=options.seed, cache=options.cache)
        output.write(plan_panel(found))
    return ExitCode.PASS

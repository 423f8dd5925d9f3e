"""`run`, `aa` and `resume`: commands that spend calls and judge nothing."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

import typer

from llmexp_tui.cli import diagnostics, output
from llmexp_tui.cli.commands.session import followed, opened
from llmexp_tui.cli.options import RootOptions
from llmexp_tui.domain.gate import RATIO_METRICS, SHARE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmexp_tui.stats.floor import FloorRecord
    from llmexp_tui.workflows.run import RunOptions, RunOutcome

_Experiment = Annotated[str, typer.Argument(show_default=False)]
_Rows = Annotated[
    int | None, typer.Option("--rows", metavar="N", min=1, help="Only the first N rows of the plan's order.")
]
_Repeats = Annotated[int | None, typer.Option("--repeats", metavar="K", min=1, help="Repeats a row.")]


def run(
    context: typer.Context,
    experiment: _Experiment,
    variant: Annotated[
        list[str] | None, typer.Option("--variant", metavar="V", help="Only this variant (repeatable).")
    ] = None,
    rows: _Rows = None,
    repeats: _Repeats = None,
) -> int:
    """Run an experiment's variants, never an A/A; --fresh bypasses the response cache."""
    from llmexp_tui.workflows.run import run_experiment

    options: RootOptions = context.obj
    wanted = _run_options(options, tuple(variant or ()), rows, repeats)
    with opened(options) as session:
        outcome = followed(lambda listener, flag: run_experiment(session, experiment, wanted, listener, flag=flag))
    _show_runs(outcome)
    _warn(outcome.warnings)
    return _ended(outcome.stop_reason, outcome.exit_code)


def aa(
    context: typer.Context,
    experiment: _Experiment,
    variant: Annotated[str | None, typer.Option("--variant", metavar="V", help="Instead of the baseline.")] = None,
    rows: _Rows = None,
    repeats: _Repeats = None,
) -> int:
    """Run one variant against itself, both sides fresh and interleaved, and store the noise floor."""
    from llmexp_tui.workflows.aa import run_aa

    options: RootOptions = context.obj
    wanted = _run_options(options, (), rows, repeats)
    with opened(options) as session:
        outcome = followed(lambda listener, flag: run_aa(session, experiment, variant, wanted, listener, flag=flag))
    _show_runs(outcome.run)
    output.write("")
    output.write_table(
        ("METRIC", "NOISE FLOOR", "STATE"),
        [_floor_cells(floor) for floor in outcome.floors],
        "No noise floor was stored.",
    )
    return _ended(outcome.stop_reason, outcome.exit_code)


def resume(
    context: typer.Context,
    run: Annotated[str | None, typer.Argument(metavar="[RUN]", show_default=False)] = None,
) -> int:
    """Finish an interrupted run; without RUN, every interrupted run of the newest interrupted experiment."""
    from llmexp_tui.workflows.resume import resume as finish

    options: RootOptions = context.obj
    wanted = _run_options(options, (), None, None)
    with opened(options) as session:
        outcome = followed(lambda listener, flag: finish(session, run, listener, options=wanted, flag=flag))
    _show_runs(outcome)
    return _ended(outcome.stop_reason, outcome.exit_code)


def _warn(warnings: Sequence[str]) -> None:
    for warning in warnings:
        diagnostics.say(f"{diagnostics.PROGRAM}: warning: {warning}")


def _run_options(
    options: RootOptions, variants: tuple[str, ...], rows: int | None, repeats: int | None
) -> RunOptions:
    from llmexp_tui.workflows.run import RunOptions

    return RunOptions(
        variants=variants,
        rows=rows,
        repeats=repeats,
        fresh=options.fresh,
        offline=options.offline,
        max_cost=options.max_cost,
        seed=options.seed,
    )


def _show_runs(outcome: RunOutcome) -> None:
    from llmexp_tui.reports import figures

    output.write_table(
        ("RUN", "VARIANT", "SLOT", "STATUS", "ANSWERED", "FAILED", "CACHED", "COST"),
        [
            (
                run.id,
                run.variant,
                run.slot,
                run.status.value,
                f"{total.completed}/{total.planned}",
                total.errored,
                total.cached,
                figures.money(total.cost_usd),
            )
            for run, total in zip(outcome.runs, outcome.totals, strict=True)
        ],
        "Nothing to run: everything is stored.",
    )
    for said in outcome.judging:
        output.write(said)


def _floor_cells(floor: FloorRecord) -> tuple[str, str, str]:
    from llmexp_tui.reports import figures

    key, value = floor.key, floor.value
    if key is None:
        return "", figures.number(value), floor.state
    title = key.metric if key.statistic == "mean" else f"{key.metric} ({key.statistic})"
    if value is not None and key.metric in RATIO_METRICS and not key.statistic.startswith(SHARE):
        # Floors of ratios are kept on the log scale.
        return title, f"{figures.percent(math.expm1(value))} %", floor.state
    return title, figures.number(value), floor.state


def _ended(stop_reason: str | None, exit_code: int) -> int:
    if stop_reason:
        diagnostics.say(f"{diagnostics.PROGRAM}: {stop_reason}")
    return exit_code

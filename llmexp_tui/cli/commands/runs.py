"""`runs`: what has been run, one run in full, and in what two runs' variants differ."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from llmexp_tui.cli import output
from llmexp_tui.cli.commands.families import AsJson, family, plain
from llmexp_tui.cli.commands.session import opened
from llmexp_tui.cli.exit_codes import ExitCode
from llmexp_tui.cli.options import RootOptions

if TYPE_CHECKING:
    from llmexp_tui.domain.run import RunRecord, RunTotals

LISTED = 50
RunId = Annotated[str, typer.Argument(metavar="RUN", show_default=False, help="A run's id, or how it begins.")]


def commands(settings: dict[str, Any], epilog: str) -> typer.Typer:
    """The family as the parser knows it."""
    members: dict[str, Callable[..., int]] = {"list": list_runs, "show": show, "diff": diff}
    return family("Runs: list, show, diff.", list_runs, members, settings, epilog)


def list_runs(
    context: typer.Context,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="At most so many.")] = LISTED,
    as_json: AsJson = False,
) -> int:
    """List runs, newest first; -e NAME for those of one experiment."""
    from llmexp_tui.reports import figures
    from llmexp_tui.store import runs

    options: RootOptions = context.obj
    with opened(options) as session:
        found = runs.find_runs(session.store)
        if options.experiments:
            found = [run for run in found if run.experiment in options.experiments]
        found = found[:limit]
        totals = runs.totals_of(session.store, [run.id for run in found])
    if as_json:
        output.write_json([_plain(run, totals[run.id]) for run in found])
        return ExitCode.PASS
    output.write_table(
        ("RUN", "EXPERIMENT", "VARIANT", "STATUS", "ANSWERED", "FAILED", "COST", "CREATED"),
        [
            (
                run.id,
                run.experiment,
                run.variant + (" (A/A)" if run.slot == "aa" else ""),
                run.status.value,
                f"{totals[run.id].completed}/{totals[run.id].planned}",
                totals[run.id].errored,
                figures.money(totals[run.id].cost_usd),
                run.created_at[:16],
            )
            for run in found
        ],
        "Nothing has been run yet: `llmexp-tui run EXPERIMENT`, or `llmexp-tui --check`.",
    )
    return ExitCode.PASS


def show(context: typer.Context, run: RunId, as_json: AsJson = False) -> int:
    """Show everything that is known of a run."""
    from llmexp_tui.store import runs

    with opened(context.obj) as session:
        record = runs.get_run(session.store, run)
        found = _plain(record, runs.totals(session.store, record.id))
    if as_json:
        output.write_json(found)
    else:
        cells = [(name, value) for name, value in found.items() if value is not None and value != {}]
        output.write_table(("FIELD", "VALUE"), cells, "")
    return ExitCode.PASS


def diff(context: typer.Context, old: RunId, new: RunId, as_json: AsJson = False) -> int:
    """Show every field in which the variants of two runs differ."""
    from llmexp_tui.domain.variant import diff_variants
    from llmexp_tui.store import experiments, runs

    with opened(context.obj) as session:
        records = [runs.get_run(session.store, ref) for ref in (old, new)]
        left, right = (experiments.load_variant(session.store, record.variant_hash) for record in records)
    found = diff_variants(left, right)
    if as_json:
        output.write_json([plain(difference) for difference in found])
    else:
        output.write_table(
            ("FIELD", records[0].variant, records[1].variant),
            [(difference.path, difference.left, difference.right) for difference in found],
            "The two variants are the same.",
        )
    return ExitCode.PASS


def _plain(run: RunRecord, totals: RunTotals) -> dict[str, Any]:
    return {**plain(run), **plain(totals)}

"""The root options as the parser knows them, and what the program does without a command."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from llmexp_tui.cli.exit_codes import ExitCode
from llmexp_tui.cli.options import RootOptions, checked_options
from llmexp_tui.errors import UsageError

PROGRAM = "llmexp-tui"

Check = Annotated[
    bool, typer.Option("--check", help="Run and judge every experiment with gates; exit by the verdict.")
]
Project = Annotated[Path | None, typer.Option("-C", "--project", metavar="DIR", help="The project's folder.")]
Db = Annotated[Path | None, typer.Option("--db", metavar="PATH", envvar="LLMEXP_DB", help="The store.")]
Experiment = Annotated[
    list[str] | None, typer.Option("-e", "--experiment", metavar="NAME", help="Only this experiment (repeatable).")
]
Base = Annotated[
    str | None, typer.Option("--base", metavar="REF", help="Compare the work tree with the merge base of REF.")
]
Report = Annotated[
    list[Path] | None,
    typer.Option("--report", metavar="PATH", help="Write .json, .md, .xml (JUnit) or .html (repeatable)."),
]
MaxCost = Annotated[
    float | None, typer.Option("--max-cost", metavar="USD", help="Stop before spending more than this.")
]
Offline = Annotated[
    bool, typer.Option("--offline", help="Stored and cached answers only; anything missing is exit 4.")
]
Fresh = Annotated[bool, typer.Option("--fresh", help="Bypass the response cache.")]
Trust = Annotated[
    bool, typer.Option("--trust", help="Let the project run code and call its own addresses (or LLMEXP_TRUST=1).")
]
Forge = Annotated[str, typer.Option("--forge", metavar="NAME", help="auto, github, gitlab, buildkite or none.")]
Cache = Annotated[
    Path | None, typer.Option("--cache", metavar="FILE", help="Carry answers between jobs in this file.")
]
LabelOnPass = Annotated[
    str | None, typer.Option("--label-on-pass", metavar="LABEL", help="Move this label when the gate passes.")
]
Seed = Annotated[int | None, typer.Option("--seed", metavar="N", help="Replace the plan's seed.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


def _show_version(asked: bool) -> None:
    """Answers before any other option is looked at: those cost 50 ms of imports."""
    if asked:
        from llmexp_tui._version import __version__
        from llmexp_tui.cli import output

        output.write(f"{PROGRAM} {__version__}")
        raise typer.Exit(ExitCode.PASS)


Version = Annotated[bool, typer.Option("--version", help="Show the version.", is_eager=True, callback=_show_version)]


def _refuse_idle(options: RootOptions, command: str) -> None:
    """Raises UsageError for an option that the command would not heed: silence would be taken for consent."""
    if command == "demo":
        return
    given = {
        "--check": options.check,
        "--base": options.base is not None,
        "--cache": options.cache is not None,
        "--label-on-pass": options.label_on_pass is not None,
        "--report": bool(options.reports) and command != "compare",
    }
    for name, is_given in given.items():
        if is_given:
            raise UsageError(f"{name} does not go with {command}", mend=f"it belongs to `{PROGRAM} --check`")


def root(
    context: typer.Context,
    check: Check = False,
    project: Project = None,
    db: Db = None,
    experiment: Experiment = None,
    base: Base = None,
    report: Report = None,
    max_cost: MaxCost = None,
    offline: Offline = False,
    fresh: Fresh = False,
    trust: Trust = False,
    forge: Forge = "auto",
    cache: Cache = None,
    label_on_pass: LabelOnPass = None,
    seed: Seed = None,
    debug: Debug = False,
    version: Version = False,
) -> int | None:
    """Says whether a change to a prompt, model or chain is real.

    Without a command: opens the app on the project, the nearest folder upward that has llmexp.toml.
    Exit codes of --check: 0 passed, 1 a gate failed, 2 usage or configuration, 3 inconclusive or invalid,
    4 could not be completed, 130 interrupted.
    """
    options = checked_options(
        RootOptions(
            project=project,
            db=db,
            experiments=tuple(experiment or ()),
            base=base,
            reports=tuple(report or ()),
            max_cost=max_cost,
            offline=offline,
            fresh=fresh,
            trust=trust or os.environ.get("LLMEXP_TRUST") == "1",
            forge=forge,
            cache=cache,
            label_on_pass=label_on_pass,
            seed=seed,
            debug=debug,
            check=check,
        )
    )
    context.obj = options
    command = context.invoked_subcommand
    if command is not None:
        _refuse_idle(options, command)
        return None
    if check:
        from llmexp_tui.cli.commands.check import check as check_project

        return check_project(options)
    from llmexp_tui.cli.commands.start import open_app

    return open_app(options)

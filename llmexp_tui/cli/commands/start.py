"""Ways to begin: the app, the sample project, a new project. No terminal, no import of Textual."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from llmexp_tui.cli import output
from llmexp_tui.cli.exit_codes import ExitCode
from llmexp_tui.cli.options import RootOptions
from llmexp_tui.errors import UsageError
from llmexp_tui.tui.surface import require_surface

PROGRAM = "llmexp-tui"
DEMO_FOLDER = Path("llmexp-demo")


def open_app(options: RootOptions) -> int:
    """Opens the app on the project. Raises UsageError where there is no terminal to draw on."""
    require_surface(os.environ)
    from llmexp_tui.project.locate import find_project
    from llmexp_tui.tui.app import run_app

    root = find_project(options.project or Path.cwd())
    if root is None and options.project is not None:
        raise UsageError(
            f"no llmexp.toml in {options.project} or above it",
            where="--project",
            mend="make one with `llmexp-tui init`",
        )
    return run_app(root, options.db, env=os.environ, trust=options.trust)


def demo(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", show_default=False)] = DEMO_FOLDER,
) -> int:
    """Copy the sample project to DIR (./llmexp-demo) and open the app on it; with --check, run the gate there."""
    options: RootOptions = context.obj
    if not options.check:
        require_surface(os.environ)
    from llmexp_tui.workflows.demo import copy_demo

    copied = copy_demo(folder)
    inside = replace(options, project=folder)
    if not options.check:
        return open_app(inside)
    from llmexp_tui.cli import diagnostics
    from llmexp_tui.cli.commands.check import check

    diagnostics.say(f"the sample project is in {folder}" + ("" if copied else " (already there, left as it is)"))
    code = check(inside)
    output.write(f"To look at these results in the app: {_called()} -C {folder}")
    return code


def _called() -> str:
    """The program as the user called it, so that the next line can be copied as it is."""
    called = sys.argv[0]
    return called if Path(called).name == PROGRAM and shutil.which(PROGRAM) != called else PROGRAM


def init(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", show_default=False)] = Path("."),
) -> int:
    """Write a small commented llmexp.toml, a prompt and a dataset that run as they are."""
    from llmexp_tui.workflows.init import init_project

    for path in init_project(folder):
        output.write(f"wrote {path}")
    where = "" if folder == Path(".") else f" -C {folder}"
    output.write(f"next: {_called()}{where} --check, or {_called()}{where} to open the app")
    return ExitCode.PASS

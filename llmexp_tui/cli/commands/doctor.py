"""`doctor`: whether the project, the store and the machine have all that a run needs."""

from __future__ import annotations

import typer

from llmexp_tui.cli import diagnostics, output
from llmexp_tui.cli.commands.families import AsJson
from llmexp_tui.cli.commands.session import opened
from llmexp_tui.cli.exit_codes import ExitCode


def doctor(context: typer.Context, as_json: AsJson = False) -> int:
    """Check the project, the whole store, keys and trust; 0 where all is well, 2 where something is to be mended."""
    from llmexp_tui.workflows.doctor import diagnose

    with opened(context.obj) as session:
        found = diagnose(session)
    if as_json:
        facts = [{"what": what, "how": how} for what, how in found.facts]
        output.write_json({"facts": facts, "problems": list(found.problems)})
    else:
        width = max(len(what) for what, _ in found.facts)
        for what, how in found.facts:
            output.write(f"{what:<{width}}  {how}")
        for problem in found.problems:
            diagnostics.say(f"{diagnostics.PROGRAM}: {problem}")
    return ExitCode.USAGE if found.problems else ExitCode.PASS

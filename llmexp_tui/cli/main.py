"""The program's front door: parses, hands over to one command, and turns whatever went wrong into one sentence.

It imports nothing that `--help` does not need; every command imports its workflow when it is called. The last
`except` is one of the three places where any exception may be caught.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from typing import Any

import typer
from typer.exceptions import TyperException

from llmexp_tui.cli.exit_codes import ExitCode, exit_code_of
from llmexp_tui.cli.options import hoist
from llmexp_tui.cli.root import PROGRAM, root

_SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
GC_THRESHOLD = (20_000, 20, 20)
_EPILOG = "Root options (llmexp-tui --help) may stand before or after the command."


def _program() -> typer.Typer:
    """The commands' tree. Rich help and rich tracebacks are off: plain text, and 60 ms less to start."""
    from llmexp_tui.cli.commands import cache, compare, datasets, doctor, judge, plan, prompts, run, runs, start

    plain: dict[str, Any] = {"rich_markup_mode": None, "context_settings": _SETTINGS}
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, epilog=None, **plain)
    app.callback(invoke_without_command=True)(root)
    for name, command, summary in (
        ("demo", start.demo, "Copy the sample project and open the app on it."),
        ("init", start.init, "Write a small project that runs as it is."),
        ("run", run.run, "Run an experiment's variants."),
        ("aa", run.aa, "Run a variant against itself: the noise floor."),
        ("judge", judge.judge, "Ask judges about stored outputs."),
        ("compare", compare.compare, "Show the results panel of what is stored."),
        ("plan", plan.plan, "Say what it costs and what it can show."),
        ("resume", run.resume, "Finish an interrupted run."),
        ("doctor", doctor.doctor, "Check the project, the store, keys and trust."),
    ):
        app.command(name, short_help=summary, epilog=_EPILOG, context_settings=_SETTINGS)(command)
    for name, member in (("datasets", datasets), ("prompts", prompts), ("runs", runs), ("cache", cache)):
        app.add_typer(member.commands(plain, _EPILOG), name=name, epilog=_EPILOG)
    return app


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program with the arguments (those of the process unless given) and returns its exit code."""
    words = hoist(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in words
    # Imports make objects by the hundred thousand and no garbage: looking for some takes a third of the start.
    gc.set_threshold(*GC_THRESHOLD)
    try:
        command, path = _helped(typer.main.get_command(_program()), words)
        args = ["--help"] if len(path) > 1 else words
        code = command.main(args=args, prog_name=" ".join(path), standalone_mode=False)
        return int(code or ExitCode.PASS)
    except TyperException as error:
        return _usage(error)
    except (Exception, KeyboardInterrupt) as error:
        # The command line's boundary: whatever it was, a user reads one sentence and a script a number.
        from llmexp_tui.cli import diagnostics

        diagnostics.say_error(error, debug=debug)
        return exit_code_of(error)
    finally:
        gc.freeze()  # the interpreter would sort through everything once more before it ends


def _helped(program: Any, words: Sequence[str]) -> tuple[Any, list[str]]:
    """The command whose help is asked for, with its path; the program itself where none is.

    Asked directly it answers before the root options are read, which would cost 60 ms of imports.
    """
    path = [PROGRAM]
    if not {"-h", "--help"} & set(words):
        return program, path
    command = program
    for word in words:
        found = getattr(command, "commands", {}).get(word)
        if found is not None:
            command = found
            path.append(word)
    return command, path


def _usage(error: TyperException) -> int:
    from llmexp_tui.cli import diagnostics

    what = error.format_message().rstrip(".").replace("\n", " ")
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else PROGRAM
    diagnostics.say(f"{PROGRAM}: {what[:1].lower()}{what[1:]}; see `{path} --help`")
    return ExitCode.USAGE

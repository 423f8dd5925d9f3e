"""What the process says when it ends, and the one map from an exception to it.

Scripts and CI jobs hold on to these numbers. Nothing else in the command line decides an exit code from an exception.
"""

from __future__ import annotations

from enum import IntEnum

from llmexp_tui.errors import LlmexpError


class ExitCode(IntEnum):
    """The promise of `--check`, `compare` and every other command."""

    PASS = 0
    FAIL = 1
    USAGE = 2
    INCONCLUSIVE = 3
    INCOMPLETE = 4
    INTERRUPTED = 130


def exit_code_of(error: BaseException) -> int:
    """The exit code of an exception that reached the command line.

    What nobody foresaw counts as a run that could not be completed: 1 would read as a regression, 2 as a mistake
    of the user's.
    """
    if isinstance(error, LlmexpError):
        return error.exit_code
    if isinstance(error, KeyboardInterrupt):
        return ExitCode.INTERRUPTED
    return ExitCode.INCOMPLETE

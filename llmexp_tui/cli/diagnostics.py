"""The one writer of stderr: errors as one plain sentence, warnings, and progress.

On a terminal progress is one line that is redrawn; elsewhere it is a line now and then, so that a CI log stays
short. Facts a command answers with belong to `output`.
"""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Callable

from llmexp_tui.cli.output import leave
from llmexp_tui.domain.text import neutralise, one_line
from llmexp_tui.domain.usage import usd
from llmexp_tui.engine.events import Event, RunProgressed, StepStarted
from llmexp_tui.errors import LlmexpError
from llmexp_tui.reports.foreign import defuse_commands

PROGRAM = "llmexp-tui"
_SENTENCE_LIMIT = 4000
_SPARSE_SECONDS = 10.0
_WAITING_SECONDS = 60.0
_REDRAW_SECONDS = 0.1
_ERASE_LINE = "\r\x1b[2K"


def say(text: str) -> None:
    """One line to stderr, neutralised."""
    _emit(defuse_commands(one_line(text, _SENTENCE_LIMIT)) + "\n")


def say_error(error: BaseException, *, debug: bool) -> None:
    """An error as one sentence; with `debug` its traceback follows (frames and lines, never local variables)."""
    say(f"{PROGRAM}: {sentence_of(error)}")
    if debug:
        _emit(neutralise("".join(traceback.format_exception(error))))


def sentence_of(error: BaseException) -> str:
    """What an error says to a user."""
    if isinstance(error, LlmexpError):
        return error.sentence
    if isinstance(error, KeyboardInterrupt):
        return f"interrupted; what finished is stored, `{PROGRAM} resume` finishes it"
    detail = str(error) or "no message"
    return f"unexpected {type(error).__name__}: {detail}; run again with --debug to see where it came from"


class ProgressLine:
    """Listens to the engine and shows how far it is. Use as a context manager: a redrawn line is erased at the end.

    `clock` returns seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._live = _redraws()
        self._last = clock() if not self._live else float("-inf")
        self._tenth = -1
        self._drawn = False

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(self, *_: object) -> None:
        self._erase()

    def __call__(self, event: Event) -> None:
        """Takes one event of the engine."""
        if isinstance(event, StepStarted):
            self.say(f"{event.experiment}: {event.text}" if event.experiment else event.text)
        else:
            self._show(event)

    def say(self, text: str) -> None:
        """A line that stays, in the place of the redrawn one."""
        self._erase()
        say(text)

    def _show(self, event: RunProgressed) -> None:
        now = self._clock()
        if self._live:
            if now - self._last >= _REDRAW_SECONDS:
                self._last, self._drawn = now, True
                _emit(_ERASE_LINE + one_line(progress_text(event), _width() - 1))
            return
        done, total = _cells(event)
        tenth = 10 * done // total if total else 0
        waits = bool(event.waiting) and now - self._last >= _WAITING_SECONDS
        if waits or (now - self._last >= _SPARSE_SECONDS and tenth > self._tenth):
            self._last, self._tenth = now, tenth
            say(progress_text(event))

    def _erase(self) -> None:
        if self._drawn:
            _emit(_ERASE_LINE)
            self._drawn = False


def progress_text(event: RunProgressed) -> str:
    """One line: cells done of all, what is waited for, calls a second, cost so far, errors, time left."""
    done, total = _cells(event)
    errors = sum(arm.errors for arm in event.arms)
    parts = [f"{event.experiment}: {done}/{total} cells"]
    if event.waiting:
        parts.append(event.waiting)
    parts += [f"{event.rate:.0f} calls/s", usd(event.cost_usd)]
    if errors:
        parts.append(f"{errors} error{'s' if errors > 1 else ''}")
    if event.eta_s is not None:
        parts.append(f"{event.eta_s:.0f} s left")
    return " · ".join(parts)


def _cells(event: RunProgressed) -> tuple[int, int]:
    return sum(arm.done for arm in event.arms), sum(arm.total for arm in event.arms)


def _redraws() -> bool:
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "") not in ("", "dumb")


def _width() -> int:
    try:
        return max(os.get_terminal_size(sys.stderr.fileno()).columns, 20)
    except OSError:
        return 80


def _emit(text: str) -> None:
    stream = sys.stderr
    encoding = stream.encoding or "utf-8"
    try:
        stream.write(text.encode(encoding, "replace").decode(encoding))
        stream.flush()
    except OSError:
        leave(stream)
    except ValueError:
        return  # closed: nobody reads the diagnostics any more, the work goes on

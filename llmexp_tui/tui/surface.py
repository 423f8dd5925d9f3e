"""What the app draws on: a terminal, or a page of a browser through `textual serve`. Is it there, and still there?

The command line asks before anything of Textual is loaded, so nothing here imports it.
"""

from __future__ import annotations

import locale
import os
import select
import sys
import termios
from collections.abc import Mapping

from llmexp_tui.errors import UsageError

_WEB_DRIVER = "textual.drivers.web_driver:WebDriver"


def in_browser(env: Mapping[str, str]) -> bool:
    """Whether a server feeds this process's pipes to a browser: it names Textual's driver for that."""
    return env.get("TEXTUAL_DRIVER") == _WEB_DRIVER


def require_surface(env: Mapping[str, str]) -> None:
    """Raises UsageError where a full-screen app would only write codes into a file, a pipe or a dumb terminal."""
    if in_browser(env):
        return
    if not (sys.__stdin__ and sys.__stdout__ and sys.__stdin__.isatty() and sys.__stdout__.isatty()):
        raise UsageError("the app needs a terminal", mend="in scripts and CI use `llmexp-tui --check`")
    if env.get("TERM", "") in ("dumb", ""):
        raise UsageError(
            f"the app cannot draw on this terminal (TERM is {env.get('TERM') or 'not set'})",
            mend="set TERM, or use `llmexp-tui --check`",
        )


def speaks_utf8(env: Mapping[str, str]) -> bool:
    """Whether text goes out as UTF-8: always to a browser, else by the locale's variables in their precedence."""
    if in_browser(env):
        return True
    name = next((env[key] for key in ("LC_ALL", "LC_CTYPE", "LANG") if env.get(key)), "")
    if name in ("C", "POSIX"):
        return False
    # A name without an encoding (de_DE) may stand for any: Python has asked the system already.
    encoding = name.partition(".")[2] or locale.nl_langinfo(locale.CODESET)
    return "utf" in encoding.lower()


def is_alive(descriptor: int = 0) -> bool:
    """False once a terminal has hung up (its window closed, the line dropped), or a pipe's other end is gone."""
    if not os.isatty(descriptor):
        poll = select.poll()
        poll.register(descriptor, 0)
        return not poll.poll(0)
    try:
        termios.tcgetattr(descriptor)
    except termios.error:
        return False
    return True

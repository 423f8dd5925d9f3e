"""Errands in the world outside: the clipboard and the user's editor. Both work over ssh, or say that they do not."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from textual.app import SuspendNotSupported

from llmexp_tui.domain.text import one_line
from llmexp_tui.tui.surface import in_browser

if TYPE_CHECKING:
    from llmexp_tui.tui.app import LlmexpApp

_TOOLS = (("pbcopy",), ("wl-copy",), ("xclip", "-selection", "clipboard"), ("xsel", "-b", "-i"))
_NEEDS = {"wl-copy": "WAYLAND_DISPLAY", "xclip": "DISPLAY", "xsel": "DISPLAY"}
_TOOL_TIMEOUT_S = 2.0


def copy_text(app: LlmexpApp, text: str, what: str) -> None:
    """Copy through the terminal (OSC 52, which works over ssh) and through a local tool where there is one."""
    app.copy_to_clipboard(text)
    app.run_worker(partial(_copy_locally, app, text, what), thread=True, group="copy", exclusive=True)


def _copy_locally(app: LlmexpApp, text: str, what: str) -> None:
    tool = next((command for command in _TOOLS if _usable(command[0], app)), None)
    way = "through the terminal"
    if tool is not None:
        try:
            subprocess.run(
                tool,
                input=text.encode("utf-8", "replace"),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=_TOOL_TIMEOUT_S,
                check=True,
            )
            way = f"with {tool[0]}"
        except (OSError, subprocess.SubprocessError):
            way = "through the terminal"
    app.call_from_thread(app.say, f"Copied {what} {way}")


def _usable(name: str, app: LlmexpApp) -> bool:
    need = _NEEDS.get(name)
    return (need is None or bool(app.env.get(need))) and shutil.which(name, path=app.env.get("PATH")) is not None


def editor_command(app: LlmexpApp) -> list[str]:
    """The user's editor with its arguments: the setting, VISUAL, EDITOR, else vi."""
    chosen = app.settings.editor or app.env.get("VISUAL") or app.env.get("EDITOR") or "vi"
    try:
        return shlex.split(chosen) or ["vi"]
    except ValueError:
        return [chosen]


def edit_file(app: LlmexpApp, path: str) -> bool:
    """Open a file in the editor, the app standing aside; True where its content changed. Says what went wrong."""
    if in_browser(app.env):
        app.say("An editor needs a terminal: open the app in one, or edit the file itself", severity="warning")
        return False
    command = editor_command(app)
    if shutil.which(command[0], path=app.env.get("PATH")) is None:
        app.say(f"There is no editor called {one_line(command[0], 40)}; set EDITOR or the editor setting",
                severity="error")  # fmt: skip
        return False
    before = _content(path)
    try:
        with app.suspend():
            subprocess.run([*command, path], check=False, env=dict(app.env) or dict(os.environ))
    except SuspendNotSupported:
        app.say(f"No editor can take over here, in a browser for one; the file is {one_line(path, 200)}",
                severity="warning")  # fmt: skip
        return False
    app.refresh()
    return _content(path) != before


def edit_text(app: LlmexpApp, text: str, suffix: str) -> str | None:
    """A text in the editor, through a file that only the user can read; None where it was left as it was."""
    handle, name = tempfile.mkstemp(prefix="llmexp-tui-", suffix=suffix)
    path = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="surrogatepass") as stream:
            stream.write(text)
        if not edit_file(app, name):
            return None
        return path.read_text(encoding="utf-8", errors="surrogatepass")
    finally:
        path.unlink(missing_ok=True)


def _content(path: str) -> bytes | None:
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except OSError:
        return None

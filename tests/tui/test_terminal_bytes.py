"""What really reaches a terminal, seen from its other end: nothing from a model, a row or a name acts on it."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from pathlib import Path

import pytest

from llmexp_tui.domain.run import RunStatus
from llmexp_tui.store import runs
from llmexp_tui.workflows.label import move_label
from tests.tui.build import NOW, open_fixed, run_group, write_project
from tests.tui.hostile import HOSTILE, RAW, SURROGATE
from tests.tui.terminal_run import TerminalRun

_WALK = (
    ("\x1b", "flipped"), ("2", "Record"), ("4", "production"), ("jH", "because"), ("\x1b", "compare"),
    ("\r", "user:"), ("3", "first version"), ("\r", "t000"), ("?", "Everywhere"),
)  # fmt: skip
"""Keys and what they bring to the screen: runs, prompts, label history, a prompt, datasets, rows, help."""


@pytest.fixture
def env(isolation: Path) -> dict[str, str]:
    """The environment of a modern terminal."""
    return {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", "LC_ALL": "C.UTF-8",
            "LLMEXP_CONFIG_DIR": str(isolation / "settings")}  # fmt: skip


@pytest.fixture
def hostile_project(tmp_path: Path) -> Path:
    """A project whose rows, answers, names, reasons and authors are hostile."""
    folder = write_project(tmp_path / "support-triage", texts=[text.replace("\0", "") for text in HOSTILE])
    prompt = folder / "prompts" / "short.md"
    prompt.write_text(prompt.read_text() + "\n".join(HOSTILE[-1:]) + "\n")
    with open_fixed(folder, at=NOW) as session:
        session.who = f"Eve {HOSTILE[0]}{HOSTILE[4]}[/x]"
        answers = {"short": [*HOSTILE, SURROGATE, "x " * 40_000], "long": list(reversed(HOSTILE))}
        run_group(session, "tone", 1, good={"long": 40, "short": 50}, answers=answers)
        stopped = run_group(session, "cheaper", 2, good={"long": 40, "short": 50}, status=RunStatus.FAILED)
        reason = f"provider said {HOSTILE[0]}{HOSTILE[3]}[/x]"
        runs.set_status(session.store, [r.id for r in stopped], RunStatus.FAILED, at=session.at(), reason=reason)
        move_label(session, "short", "production", "", f"because {HOSTILE[1]}{HOSTILE[7]}{HOSTILE[8]}")
    return folder


def test_hostile_text_never_reaches_the_terminal(hostile_project: Path, env: Mapping[str, str]) -> None:
    with TerminalRun(hostile_project, env) as app:
        app.wait_for("exact_match")
        app.send("\r")
        app.wait_for("better on")
        app.send("\r")
        app.wait_for("expected")
        for _ in range(len(HOSTILE) + 1):
            app.send("j")
            app.wait_for("row ")
        app.send("\r")
        app.wait_for("Scores")
        for keys, seen in _WALK:
            app.send(keys)
            app.wait_for(seen)
        app.send("\x11")
        assert app.wait_for_end() == 0
    found = [raw for raw in RAW if raw in app.output]
    assert found == []
    assert "␛".encode() in app.output, "hostile text is shown, made visible"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_the_app_and_restores_the_terminal(
    built: Path, env: Mapping[str, str], number: signal.Signals, code: int
) -> None:
    with TerminalRun(built, env) as app:
        app.wait_for("improved")
        app.signal(number)
        assert app.wait_for_end() == code
    assert b"\x1b[?1049l" in app.output, "the alternate screen is left"
    assert b"\x1b[?25h" in app.output, "the cursor is shown again"


def test_a_closed_window_ends_the_app_even_where_hangups_are_ignored(built: Path, env: Mapping[str, str]) -> None:
    code = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
    from tests.tui import terminal_run

    with TerminalRun(built, env, code=code + terminal_run._CHILD) as app:
        app.wait_for("improved")
        app.hang_up()
        assert app.wait_for_end() != 0


def test_without_colours_there_is_not_one_colour_code(built: Path, env: Mapping[str, str]) -> None:
    with TerminalRun(built, {**env, "NO_COLOR": "1"}) as app:
        app.wait_for("improved")
        app.send("\r")
        app.wait_for("better on")
        app.send("\x11")
        app.wait_for_end()
    import re

    codes = {code for run in re.findall(rb"\x1b\[([0-9;]*)m", app.output) for code in run.split(b";")}
    assert not codes & {b"38", b"48"} and not {c for c in codes if c.isdigit() and 30 <= int(c) <= 37}


def test_a_locale_without_utf8_gets_ascii(built: Path, env: Mapping[str, str]) -> None:
    with TerminalRun(built, {**env, "LC_ALL": "C"}) as app:
        app.wait_for("improved")
        app.send("\r")
        app.wait_for("better on")
        app.send("\x11")
        app.wait_for_end()
    assert app.output.isascii()


def test_no_terminal_is_one_sentence_and_no_codes(built: Path, env: Mapping[str, str]) -> None:
    import subprocess
    import sys

    from tests.tui.terminal_run import _CHILD

    done = subprocess.run([sys.executable, "-c", _CHILD, str(built)], env=dict(env), capture_output=True, timeout=30,
                          stdin=subprocess.DEVNULL, check=False)  # fmt: skip
    assert done.returncode != 0
    assert b"\x1b" not in done.stdout + done.stderr
    assert b"--check" in done.stderr


_CRASH = """
import os, sys
from pathlib import Path
from llmexp_tui.tui import app as module

def broken(self):
    canary_local = "CANARYLOCAL " + os.environ["OPENAI_API_KEY"]
    raise RuntimeError("it broke with " + os.environ["OPENAI_API_KEY"] + " " + canary_local[:6])

module.LlmexpApp.action_help = broken
sys.exit(module.run_app(Path(sys.argv[1]), None, env=dict(os.environ)))
"""


def test_a_crash_exits_non_zero_and_shows_no_locals(built: Path, env: Mapping[str, str], isolation: Path) -> None:
    secret = "sk-canary-0123456789abcdef"
    with TerminalRun(built, {**env, "OPENAI_API_KEY": secret}, code=_CRASH) as app:
        app.wait_for("improved")
        app.send("?")
        assert app.wait_for_end() == 1
    assert secret.encode() not in app.output and b"CANARYLOCAL" not in app.output
    assert b"fault of its own" in app.output
    reports = list((isolation / "settings" / "crashes").iterdir())
    assert len(reports) == 1 and reports[0].stat().st_mode & 0o777 == 0o600
    text = reports[0].read_text()
    assert "it broke with [redacted]" in text and secret not in text


def test_an_app_that_was_suspended_is_drawn_again_when_it_comes_back(built: Path, env: Mapping[str, str]) -> None:
    with TerminalRun(built, env) as run:
        run.wait_for("improved")
        run.send("\x1a")
        os.waitid(os.P_PID, run.process.pid, os.WSTOPPED | os.WNOWAIT)
        run.signal(signal.SIGCONT)
        run.wait_for("improved")

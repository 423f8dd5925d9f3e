"""The app in a browser: fed through pipes by a server, as `textual serve` does it. Neither is needed here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import IO

import pytest

from tests.tui.terminal_run import DEADLINE_S

SERVED = {
    "TEXTUAL_DRIVER": "textual.drivers.web_driver:WebDriver", "TEXTUAL_COLOR_SYSTEM": "truecolor",
    "COLUMNS": "80", "ROWS": "24", "TERM": "dumb", "LC_ALL": "C",
}  # fmt: skip
"""What the server sets; terminal and locale are those of wherever it was started, a service's own at worst."""


class Page:
    """One run of the app behind pipes: packets of a letter, a length and a payload, both ways."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None and process.stdout is not None
        self.process = process
        self.input: IO[bytes] = process.stdin
        self._output: IO[bytes] = process.stdout
        self.drawn = b""

    def send(self, kind: bytes, payload: bytes) -> None:
        """D for keys, M for what the page says of itself."""
        self.input.write(kind + len(payload).to_bytes(4, "big") + payload)
        self.input.flush()

    def packet(self) -> tuple[bytes, bytes]:
        """The next packet; (b"", b"") at the end."""
        head = self._output.read(5)
        return (head[:1], self._output.read(int.from_bytes(head[1:], "big"))) if len(head) == 5 else (b"", b"")

    def wait_for(self, text: str) -> None:
        """Read until the text was drawn since the last wait."""
        start = len(self.drawn)
        while text.encode() not in self.drawn[start:]:
            kind, payload = self.packet()
            assert kind, f"{text!r} was never drawn: {self.drawn[-1000:]!r}"
            self.drawn += payload if kind == b"D" else b""


@contextmanager
def served(project: Path, isolation: Path, **more: str) -> Iterator[Page]:
    """The app as a server starts it; killed where it outlives the deadline."""
    env: Mapping[str, str] = {**os.environ, **SERVED, "LLMEXP_CONFIG_DIR": str(isolation / "settings"), **more}
    command = [sys.executable, "-m", "llmexp_tui", "-C", str(project)]
    with subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        alarm = Timer(DEADLINE_S, process.kill)
        alarm.start()
        try:
            yield Page(process)
        finally:
            alarm.cancel()
            process.kill()


def test_the_app_draws_answers_and_leaves_in_a_browser(project: Path, isolation: Path) -> None:
    with served(project, isolation) as page:
        assert page._output.readline() == b"__GANGLION__\n"
        page.wait_for("improved")
        assert "✓".encode() in page.drawn, "a page is UTF-8, whatever the server's locale"
        page.send(b"M", json.dumps({"type": "resize", "width": 38, "height": 12}).encode())
        page.wait_for("too small")
        page.send(b"M", json.dumps({"type": "resize", "width": 100, "height": 30}).encode())
        page.wait_for("improved")
        page.send(b"D", b"\r")
        page.wait_for("better on")
        page.send(b"D", b"q")
        assert list(iter(page.packet, (b"", b"")))[-1] == (b"M", b'{"type": "exit"}')
        assert page.process.wait() == 0


def test_the_app_ends_when_its_server_is_gone(project: Path, isolation: Path) -> None:
    with served(project, isolation) as page:
        page._output.readline()
        page.wait_for("improved")
        page.input.close()
        while page.packet()[0]:
            pass
        assert page.process.wait() == 129


def test_an_editor_is_not_started_behind_a_page(project: Path, isolation: Path, tmp_path: Path) -> None:
    started = tmp_path / "started"
    with served(project, isolation, EDITOR=f"touch {started}") as page:
        page._output.readline()
        page.wait_for("improved")
        page.send(b"D", b"4")
        page.wait_for("production")
        page.send(b"D", b"o")
        page.wait_for("needs a")
    assert not started.exists()


@pytest.mark.parametrize("driver", ["", "textual.drivers.linux_driver:LinuxDriver"])
def test_pipes_alone_are_no_browser(project: Path, isolation: Path, driver: str) -> None:
    with served(project, isolation, TEXTUAL_DRIVER=driver) as page:
        assert page._output.read() == b""
        assert page.process.wait() == 2

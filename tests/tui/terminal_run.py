"""Runs the app in a real pseudo-terminal: keys in, raw bytes out. Every wait is for bytes or for the end."""

from __future__ import annotations

import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping
from fcntl import ioctl
from pathlib import Path
from types import TracebackType

DEADLINE_S = 30.0
_QUIET_S = 0.15
"""Output that keeps still for so long is complete: a key sent earlier could be taken for part of another."""

_CHILD = (
    "import sys, os; from pathlib import Path; from llmexp_tui.tui.app import run_app; "
    "sys.exit(run_app(Path(sys.argv[1]) if len(sys.argv) > 1 else None, None, env=dict(os.environ)))"
)


class TerminalRun:
    """One run of the app. `output` is every byte it ever wrote."""

    def __init__(
        self, project: Path | None, env: Mapping[str, str], *, size: tuple[int, int] = (100, 30), code: str = _CHILD
    ) -> None:
        self.output = b""
        self._main, child = pty.openpty()
        ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        arguments = [sys.executable, "-c", code] + ([str(project)] if project else [])
        own = {name: value for name, value in env.items() if name not in ("COLUMNS", "LINES")}  # another terminal's
        self.process = subprocess.Popen(
            arguments, stdin=child, stdout=child, stderr=child, env=own, start_new_session=True, close_fds=True
        )
        os.close(child)
        self._open = True

    def __enter__(self) -> TerminalRun:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.hang_up()

    def hang_up(self) -> None:
        """Close the terminal's other end, as a closed window does."""
        if self._open:
            self._open = False
            os.close(self._main)

    def send(self, keys: str) -> None:
        """Press keys, once everything that the app has to say until now is read."""
        while self._read(time.monotonic() + _QUIET_S):
            pass
        os.write(self._main, keys.encode())

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the app."""
        os.kill(self.process.pid, number)

    def wait_for(self, text: str) -> None:
        """Read until the text was written since the last wait."""
        start = len(self.output)
        end = time.monotonic() + DEADLINE_S
        while text.encode() not in self.output[start:]:
            if not self._read(end):
                raise AssertionError(f"{text!r} was never drawn; the end of it: {self.output[-2000:]!r}")

    def wait_for_end(self) -> int:
        """Read until the app has left; its exit code."""
        end = time.monotonic() + DEADLINE_S
        while self.process.poll() is None:
            if self._open:
                self._read(min(end, time.monotonic() + 0.1))
            else:
                try:
                    self.process.wait(max(0.0, end - time.monotonic()))
                except subprocess.TimeoutExpired:
                    raise AssertionError("the app never left") from None
            if time.monotonic() > end:
                raise AssertionError("the app never left")
        while self._open and self._read(time.monotonic() + 0.2):
            pass
        return self.process.wait()

    def _read(self, end: float) -> bool:
        ready, _, _ = select.select([self._main], [], [], max(0.0, end - time.monotonic()))
        if not ready:
            return False
        try:
            data = os.read(self._main, 65536)
        except OSError:
            return False
        self.output += data
        return bool(data)

"""The loopback model server as a process of its own, for benchmarks and for programs that are run as processes."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@contextlib.contextmanager
def model_server_process(*options: str) -> Iterator[int]:
    """Starts `python -m tests.fakes.model_server` with the options; yields its port; ends it on leaving."""
    command = [sys.executable, "-m", "tests.fakes.model_server", "--until-stdin-closes", *options]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, text=True) as process:
        assert process.stdout is not None and process.stdin is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.stdin.close()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()

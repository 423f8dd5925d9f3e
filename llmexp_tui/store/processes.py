"""Who a process is, so that another one can tell whether it still lives.

On the same host since the same boot a process is alive if its id is in use by a process that started at the same
moment; across hosts and containers only its heartbeat can tell.
"""

from __future__ import annotations

import os
import socket
import subprocess
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

BEAT_S = 10
"""How often a process that runs cells shows that it lives."""

EXPIRES_S = 60
"""After this long without a heartbeat a process that cannot be looked at counts as gone."""


@dataclass(frozen=True, slots=True)
class Process:
    """A process. `boot` names the boot and the process namespace; `session` is the login session's leader.

    Whose it is says nothing about which it is: a worker goes by its user's session, and is still the same process.
    """

    host: str
    boot: str
    uid: int = field(compare=False)
    session: int = field(compare=False)
    pid: int
    started: str

    @property
    def label(self) -> str:
        """For people: process id and host."""
        return f"process {self.pid} on {self.host}"

    def sees(self, other: Process) -> bool:
        """True where this process can look the other one up by its id."""
        return (self.host, self.boot) == (other.host, other.boot)


def this_process() -> Process:
    """The process that asks."""
    return _identify(os.getpid())


@lru_cache(maxsize=2)
def _identify(pid: int) -> Process:
    uid = os.getuid() if hasattr(os, "getuid") else 0
    session = os.getsid(0) if hasattr(os, "getsid") else 0
    return Process(socket.gethostname(), _boot(), uid, session, pid, start_time(pid) or "")


def is_running(process: Process) -> bool:
    """True if the process lives. Only meaningful for one that `this_process().sees(...)`."""
    return start_time(process.pid) == process.started


def start_time(pid: int) -> str | None:
    """When a process started, as the system says it (an opaque text); None if there is no such process."""
    try:
        # The name in brackets may hold spaces and brackets itself; start time is the 20th field after it.
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        return None if fields[0] in "ZX" else fields[19]
    except (FileNotFoundError, ProcessLookupError):
        return None if os.path.isdir("/proc/self") else _start_time_by_ps(pid)


def _start_time_by_ps(pid: int) -> str | None:
    done = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False, env={"LC_ALL": "C"}
    )
    return done.stdout.strip() or None


def _boot() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return "unknown"

"""From the run key to the first call at the server, with a worker that waits and with one that must first start.

    python -m tests.bench.warm_start [--times 3]

Also what a waiting worker costs: its share of a processor and its memory.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from llmexp_tui.workflows import start
from llmexp_tui.workflows.session import Session
from tests.fakes.model_server import ModelServer
from tests.fakes.programs import environment, until
from tests.fakes.projects import ProjectFolder, answering

IDLE_S = 5.0


def cpu_s(pid: int) -> float:
    """Seconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mib(pid: int) -> float:
    """Memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def wait_warm(session: Session) -> tuple[float, float]:
    """Starts a worker and lets it wait: (share of a processor, MiB) of the wait."""
    start.ensure_worker(session)
    folder = session.store.path.parent
    until(lambda: any("ready for" in log.read_text() for log in folder.glob("worker-*.log")), "a warm worker")
    pid = start._started[str(session.store.path)].pid
    before = cpu_s(pid)
    time.sleep(IDLE_S)
    return (cpu_s(pid) - before) / IDLE_S, resident_mib(pid)


def once(lane: str, warm: bool) -> tuple[float, float, float]:
    """(seconds from the key to the first call, idle share, idle MiB)."""
    with ModelServer(answering()) as server, tempfile.TemporaryDirectory() as root:
        folder = ProjectFolder(Path(root), server, rows=20, model={"lane": lane})
        with folder.session(env=environment()) as session:
            share, memory = wait_warm(session) if warm else (0.0, 0.0)
            pressed = time.monotonic()
            start.queue_run(session, "run", "tone")
            until(lambda: server.first_at is not None, "the first call")
            assert server.first_at is not None
            worker = start._started.pop(str(session.store.path))
            worker.kill()
            worker.wait()
    return server.first_at - pressed, share, memory


def main() -> int:
    """Prints one line a lane and kind of start."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=3)
    args = parser.parse_args()
    for lane in ("direct", "litellm"):
        for warm in (False, True):
            took, shares, memories = zip(*(once(lane, warm) for _ in range(args.times)), strict=True)
            idle = f"waits at {max(shares):.1%} of a processor and {max(memories):.0f} MiB" if warm else ""
            name = f"{lane}, {'warm' if warm else 'cold'}"
            print(f"{name:16} key to first call {statistics.median(took):5.2f} s   {idle}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

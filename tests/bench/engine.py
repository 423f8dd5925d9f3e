"""What a whole command costs, beside the least that the same work can cost, in the same run against the same server.

    python -m tests.bench.engine [case …] [--times 3]

Every measured command is a process of its own; the loopback server is another. The floor is plain aiohttp and one
SQLite file. Ratios and CPU seconds hold on a busy machine, wall seconds on an idle one.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.fakes.model_server import ModelServer
from tests.fakes.processes import ROOT, model_server_process
from tests.fakes.projects import ENV, ProjectFolder

PROGRAM = (sys.executable, "-m", "llmexp_tui", "--trust")
FLOOR = ROOT / "tests" / "bench" / "floor.py"
COMPILED = Path(tempfile.gettempdir()) / "llmexp-bench-compiled"
CONCURRENCY = 32


@dataclass(frozen=True)
class Cost:
    """One process: seconds on the wall and of CPU, MiB at the peak, first call to last answer in seconds, calls."""

    wall_s: float
    cpu_s: float
    peak_mib: float
    span_s: float | None = None
    calls: int = 0


def environment() -> dict[str, str]:
    """This process's, with the key, and with compiled modules kept, as an installed program has them."""
    given = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**given, **ENV, "PYTHONPATH": str(ROOT), "PYTHONPYCACHEPREFIX": str(COMPILED)}


def spent(words: Sequence[str | Path], cwd: Path, expected: int = 0) -> Cost:
    """Runs a command to its end. Raises RuntimeError with its output where it ends otherwise than expected."""
    with tempfile.TemporaryFile() as log:
        began = time.perf_counter()
        process = subprocess.Popen(
            [str(w) for w in words],
            cwd=cwd,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != expected:
            log.seek(0)
            raise RuntimeError(f"{words} ended with {process.returncode}: {log.read().decode()[-2000:]}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def served(words: Sequence[str | Path], cwd: Path, port: int, expected: int = 0) -> Cost:
    """The same for a command that calls the server at a port."""
    before = _get(port, "/stats")["count"]
    cost = spent(words, cwd, expected)
    stats = _get(port, "/reset")
    return Cost(cost.wall_s, cost.cpu_s, cost.peak_mib, stats["span_s"], stats["count"] - before)


def _get(port: int, path: str) -> Any:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as response:
        return json.load(response)


@contextmanager
def project(port: int, rows: int, **model: Any) -> Iterator[ProjectFolder]:
    """A project of two arms over that many rows, in a folder of its own."""
    root = Path(tempfile.mkdtemp(prefix="llmexp-bench-"))
    settings = {"max_concurrency": CONCURRENCY, "input_cost_per_mtok": 1.0, "output_cost_per_mtok": 2.0, **model}
    try:
        yield ProjectFolder(root, f"http://127.0.0.1:{port}/v1", rows=rows, model=settings)
    finally:
        shutil.rmtree(root)


def show(name: str, costs: Sequence[Cost], note: str = "") -> Cost:
    """Prints the medians of several processes and returns them."""
    middle = Cost(
        statistics.median(c.wall_s for c in costs),
        statistics.median(c.cpu_s for c in costs),
        statistics.median(c.peak_mib for c in costs),
        None if costs[0].span_s is None else statistics.median(c.span_s or 0.0 for c in costs),
        costs[0].calls,
    )
    span = f"{middle.span_s:8.2f}" if middle.span_s is not None else " " * 8
    figures = f"{middle.wall_s:8.2f} {span} {middle.cpu_s:8.2f} {middle.peak_mib:8.0f} {middle.calls:8}"
    print(f"{name:34} {figures}  {note}")
    sys.stdout.flush()
    return middle


def calls_at(delay_ms: int, rows: int, times: int, lane: str = "direct") -> None:
    """Two arms over `rows` rows, then the same again from the cache; the floor beside both."""
    limit = 2 * rows * delay_ms / 1000 / CONCURRENCY
    with model_server_process("--delay-ms", str(delay_ms), "--answer", "yes") as port:
        floors, runs, caches = [], [], []
        for _ in range(times):
            with project(port, rows, lane=lane) as folder:
                floor = [sys.executable, FLOOR, str(port), str(CONCURRENCY)]
                floors.append(served(floor, folder.root, port))
                runs.append(served([*PROGRAM, "run", "tone"], folder.root, port))
                caches.append(served([*PROGRAM, "run", "tone"], folder.root, port))
        title = f"{2 * rows} calls at {delay_ms} ms"
        least = show(f"{title}: floor", floors, f"limit {limit:.3f} s" if limit else "")
        note = f"{2 * rows / 1000:.0f}k calls"
        if limit:
            span = statistics.median(run.span_s or 0.0 for run in runs)
            whole = statistics.median(run.wall_s for run in runs)
            note = f"span {span / limit:.3f}x, whole {whole / limit:.2f}x limit"
        ran = show(f"{title}: run, {lane}", runs, note)
        print(f"{'':34} {ran.wall_s / least.wall_s:7.2f}x {'':8} {ran.cpu_s / least.cpu_s:7.2f}x  of the floor")
        show(f"{title}: again, cached", caches)


def slow(times: int) -> None:
    """2,000 calls at 50 ms, 32 at a time."""
    calls_at(50, 1000, times)


def fast(times: int) -> None:
    """20,000 calls at 0 ms without litellm."""
    calls_at(0, 10_000, times)


def litellm(times: int) -> None:
    """20,000 calls at 0 ms through litellm, by two processes at once: one is bound by its own processor."""
    with model_server_process("--answer", "yes") as port:
        both = []
        for _ in range(times):
            with (
                project(port, 5_000, lane="litellm") as one,
                project(port, 5_000, lane="litellm") as other,
                ThreadPoolExecutor(2) as side_by_side,
            ):
                words = [[*PROGRAM, "run", "tone"]] * 2
                costs = list(side_by_side.map(spent, words, (one.root, other.root)))
            stats = _get(port, "/reset")
            wall, peak = max(cost.wall_s for cost in costs), max(cost.peak_mib for cost in costs)
            cpu = sum(cost.cpu_s for cost in costs)
            both.append(Cost(wall, cpu, peak, stats["span_s"], stats["count"]))
        show("20000 calls at 0 ms: litellm, two", both, f"{1000 * both[0].cpu_s / both[0].calls:.1f} ms CPU a call")


def compare(times: int) -> None:
    """Two stored variants of 10,000 rows."""
    with model_server_process("--answer", "yes") as port, project(port, 10_000) as folder:
        spent([*PROGRAM, "run", "tone"], folder.root)
        compared = [spent([*PROGRAM, "compare", "tone"], folder.root, expected=3) for _ in range(times)]
        show("compare 10,000 rows x 2", compared)


def scale(times: int) -> None:
    """Peak memory at 10,000 and at 100,000 rows, then one row missing of the latter."""
    with ModelServer(lambda request: "yes", record=False) as server:
        peaks = []
        for rows in (10_000, 100_000):
            with project(server.port, rows) as folder:
                ran = show(f"{rows} rows x 2", [served([*PROGRAM, "run", "tone"], folder.root, server.port)])
                peaks.append(ran.peak_mib)
                if rows == 100_000:
                    print(f"{'':34} memory grows {peaks[1] / peaks[0]:.2f}x")
                    show("compare 100,000 rows x 2", [spent([*PROGRAM, "compare", "tone"], folder.root, expected=3)])
                    one_missing(folder, server, times)


def one_missing(folder: ProjectFolder, server: ModelServer, times: int) -> None:
    """CPU seconds until the only missing row of a stored run is called, and of the whole command."""
    cpu: list[float] = []
    whole = []
    for _ in range(times):
        with contextlib.closing(sqlite3.connect(folder.db, isolation_level=None)) as raw:
            row, run = raw.execute("SELECT row_no, run_no FROM output ORDER BY run_no, row_no LIMIT 1").fetchone()
            raw.execute("DELETE FROM score WHERE run_no = ? AND row_no = ?", (run, row))
            raw.execute("DELETE FROM output WHERE run_no = ? AND row_no = ?", (run, row))
            raw.execute("UPDATE completion SET cache_key = NULL")
            raw.execute("UPDATE run SET status = 'interrupted'")
        server.behave(lambda request: cpu.append(_cpu_of_child()))
        whole.append(served([*PROGRAM, "resume"], folder.root, server.port))
    show("resume, 1 of 200,000 cells missing", whole, f"CPU to the call {statistics.median(cpu):.2f} s")


def _cpu_of_child() -> float:
    """CPU seconds that the one running child of this process has used."""
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    fields = Path(f"/proc/{children[0]}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def help_text(times: int) -> None:
    """`--help` and `--version`."""
    for word in ("--help", "--version"):
        show(word, [spent([sys.executable, "-m", "llmexp_tui", word], ROOT) for _ in range(max(5, times))])


CASES: dict[str, Callable[[int], None]] = {
    "slow": slow, "fast": fast, "litellm": litellm, "compare": compare, "scale": scale, "help": help_text,
}  # fmt: skip


def main() -> int:
    """Prints one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", help=f"{', '.join(CASES)}; all of them unless said")
    parser.add_argument("--times", type=int, default=3)
    args = parser.parse_args()
    if unknown := set(args.cases) - set(CASES):
        parser.error(f"no such case: {', '.join(sorted(unknown))}")
    print(f"{'':34} {'wall s':>8} {'span s':>8} {'CPU s':>8} {'MiB':>8} {'calls':>8}")
    for case in args.cases or CASES:
        CASES[case](args.times)
    return 0


if __name__ == "__main__":
    sys.exit(main())

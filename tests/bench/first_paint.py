"""From start to the first painted screen, on a real pty: wall and CPU seconds, beside a bare Python start.

    python tests/bench/first_paint.py PROJECT [RUNS]
"""

from __future__ import annotations

import os
import pty
import resource
import select
import statistics
import subprocess
import sys
import time
from pathlib import Path

PAINTED = b"Experiments"
LIMIT_S = 30.0


def first_paint(project: Path) -> tuple[float, float, float, float]:
    """(wall and CPU to the first paint, CPU of the whole process, peak MiB); the app is quit once it has painted."""
    started = time.perf_counter()
    pid, fd = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm-256color", COLUMNS="120", LINES="40")
        os.execv(sys.executable, [sys.executable, "-m", "llmexp_tui", "-C", str(project)])
    seen, painted, used = b"", None, 0.0
    while time.perf_counter() - started < LIMIT_S:
        if select.select([fd], [], [], 0.02)[0]:
            try:
                seen += os.read(fd, 65536)
            except OSError:
                break
        if painted is None and PAINTED in seen:
            painted, used = time.perf_counter() - started, cpu_so_far(pid)
            os.write(fd, b"q")
    _, _, usage = os.wait4(pid, 0)
    os.close(fd)
    if painted is None:
        raise SystemExit("the first screen was never painted")
    return painted, used, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def cpu_so_far(pid: int) -> float:
    """CPU seconds of a process that still runs, in steps of a hundredth."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def cpu_of(*arguments: str) -> float:
    """CPU seconds of a command run to its end."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Prints medians over the runs."""
    project, runs = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 5
    paints = [first_paint(project) for _ in range(runs)]
    for name, column in zip(("wall s", "CPU s", "all CPU s", "peak MiB"), zip(*paints, strict=True), strict=True):
        print(f"first paint  {name:9} {statistics.median(column):8.3f} ({min(column):.3f}-{max(column):.3f})")
    for name, arguments in (("--help", ("-m", "llmexp_tui", "--help")), ("python", ("-c", "pass"))):
        print(f"{name:12} CPU s     {statistics.median(cpu_of(*arguments) for _ in range(runs)):8.3f}")


if __name__ == "__main__":
    main()

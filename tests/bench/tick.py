"""How late the app's own thread is while a run goes: `python -m tests.bench.tick [ROWS]`.

Starts a run of two variants over ROWS rows (20,000) of the offline model from the app, on the runs screen, and wakes
every 10 ms until it is done. The worker is a process of its own, as always. On a busy machine only the thread's own
work says something.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from llmexp_tui.tui.app import LlmexpApp, project_opener
from tests.bench.million import TOML, _until
from tests.snapshots.test_screens import walk

EXAMPLES = "\n".join(f"{n} is {'even' if n % 2 == 0 else 'odd'}" for n in range(20))


def project(folder: Path, rows: int) -> Path:
    """A project of so many short rows that was never run."""
    root = folder / "project"
    root.mkdir()
    (root / "llmexp.toml").write_text(TOML + '[experiments.big.plan]\naa = "optional"\n')
    for name in "ab":
        (root / f"{name}.md").write_text(f"{EXAMPLES}\n{name}: {{{{ text }}}}")
    lines = "".join(f"r{n:06d},{n},{'even' if n % 2 == 0 else 'odd'}\n" for n in range(rows))
    (root / "rows.csv").write_text("id,text,expected\n" + lines)
    return root


async def watch(root: Path) -> None:
    """Prints the lateness over the run."""
    env = {**os.environ, "LC_ALL": "C.UTF-8", "LLMEXP_CONFIG_DIR": str(root.parent / "settings")}
    app = LlmexpApp(project_opener(root, None, env=env), env=env, warm=True)
    late: list[float] = []
    own: list[float] = []
    async with app.run_test(size=(120, 40)) as pilot:
        await walk(("HomeScreen", "r"))(pilot)
        await pilot.press("enter")
        await _until(lambda: any(group.active for group in app.groups))
        await pilot.press("2")
        started = time.perf_counter()
        while any(group.active for group in app.groups):
            before, busy = time.perf_counter(), time.thread_time()
            await asyncio.sleep(0.01)
            own.append(1000 * (time.thread_time() - busy))
            late.append(1000 * (time.perf_counter() - before - 0.01))
        took = time.perf_counter() - started
    print(f"run of {took:.1f} s")
    for name, column in (("late by", late), ("of it the thread's own work", own)):
        cuts = statistics.quantiles(column, n=100)
        print(f"{name:28} ms: median {cuts[49]:.1f}, p95 {cuts[94]:.1f}, p99 {cuts[98]:.1f}, most {max(column):.1f}")


def main() -> None:
    """Make the project, run it, look."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(watch(project(Path(folder), rows)))


if __name__ == "__main__":
    main()

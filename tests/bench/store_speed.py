"""How fast the store is: `python -m tests.bench.store_speed [ROWS]` prints a table. No part of the test run.

Builds a real store of ten runs over ROWS rows (100,000 by default: a million outputs of 600 characters) and times
what the engine, the statistics and the app ask of it. CPU seconds are of the whole process; peak memory of it.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from llmexp_tui.domain.run import RunStatus
from llmexp_tui.domain.score import Score
from llmexp_tui.domain.usage import Completion, Usage
from llmexp_tui.store import cache, comparisons, datasets, overview, runs, scores
from llmexp_tui.store.cells import CellWrite, write_cells
from llmexp_tui.store.engine import Store, data_version, open_store
from llmexp_tui.store.pages import PairPages, PairQuery
from tests.store.samples import AT, EXACT, LENGTH, make_rows, run_record

RUNS = 10
TEXT = "An answer of a usual length, with some words in it. " * 12


def timed(name: str, work: Callable[[], object], *, count: int | None = None, repeat: int = 1) -> None:
    """Runs the work and prints its best wall time, CPU time, rate and the peak memory so far."""
    best = (float("inf"), 0.0)
    for _ in range(repeat):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        best = min(best, (time.perf_counter() - wall, time.process_time() - cpu))
    rate = "" if count is None else f"{count / best[0]:>12,.0f}/s"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{name:<58}{best[0] * 1000:>10.1f} ms{best[1] * 1000:>10.1f} cpu{rate:>15}{peak:>7.0f} MiB", flush=True)


def made(run: str, row: int, n: int) -> CellWrite:
    """A cell with two scores."""
    answer = Completion(f"{row} {TEXT}", "stop", Usage(100, 20), 0.0001, 100.0 + row % 50, None, "m-1", f"id-{row}")
    scored = ((EXACT, Score(float((row + n) % 3 > 0))), (LENGTH, Score(float(row % 90), raw=1.0)))
    return CellWrite(
        run, row, 0, (n * 10_000_000 + row).to_bytes(32, "big"), answer, None, 1, None, "b" * 64, AT, scored
    )


def fill(store: Store, run: str, rows: list[int], n: int, size: int) -> None:
    """Writes a run in batches of `size`."""
    for start in range(0, len(rows), size):
        write_cells(store, [made(run, row, n) for row in rows[start : start + size]])


def reading(store: Store, rows: list[int], hash: str) -> None:
    """What is asked of a full store."""
    count = len(rows)
    now = datetime.fromisoformat(AT)
    some = [(0 * 10_000_000 + row).to_bytes(32, "big") for row in rows[:256]]
    timed("cache: 256 keys", lambda: cache.lookup(store, some), repeat=5)
    timed("row_refs of the version", lambda: datasets.row_refs(store, hash), repeat=2)
    timed("rows_by_no: 128 rows", lambda: datasets.rows_by_no(store, rows[:128]), repeat=5)
    timed("done_cells of a run", lambda: set(runs.done_cells(store, "run-0")), repeat=2)
    timed("totals of a run", lambda: runs.totals(store, "run-0"), repeat=3)
    timed("score_column, two arms", lambda: [scores.score_column(store, f"run-{n}", EXACT) for n in (0, 1)], repeat=2)
    timed("output_column latency, two arms",
          lambda: [scores.output_column(store, f"run-{n}", "latency_ms") for n in (0, 1)], repeat=2)  # fmt: skip
    query = PairQuery("run-0", "run-1", EXACT)
    worst = PairQuery("run-0", "run-1", EXACT, filter="regressed", sort="change")
    shown = PairPages(store, worst)
    timed("app: count and first page, all rows", lambda: page(PairPages(store, query), 0), repeat=3)
    timed("app: last page, all rows", lambda: PairPages(store, query).page(count - 128, 128), repeat=3)
    timed("app: regressed rows, worst first, first page", lambda: page(shown, 0))
    timed("app: the same, another page", lambda: page(shown, 256), repeat=3)
    timed("app: rows with a text", lambda: PairPages(store, PairQuery("run-0", "run-1", EXACT, text="zzz")).count())
    timed("app: live runs with progress", lambda: overview.live_runs(store, now), repeat=3)
    timed("app: home (latest comparisons, newest runs)",
          lambda: (comparisons.latest(store), runs.find_runs(store, limit=20)), repeat=3)  # fmt: skip
    timed("app: poll for a change, 1000 times", lambda: [data_version(store) for _ in range(1000)])


def page(shown: PairPages, offset: int) -> None:
    shown.count()
    shown.page(offset, 128)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.db"
        store = open_store(path)
        added = datasets.add_version
        timed(f"add_version: {count:,} rows", lambda: added(
            store, "d", make_rows(count), columns=("id",), author="a", at=AT), count=count)  # fmt: skip
        timed("add_version: the same rows again", lambda: added(
            store, "d", make_rows(count), columns=("id",), author="a", at=AT), count=count)  # fmt: skip
        version = datasets.versions(store)[0]
        rows = [ref.no for ref in datasets.row_refs(store, version.hash)]
        runs.create_runs(store, [run_record(f"run-{n}", version, group=f"g{n // 2}") for n in range(RUNS)])
        runs.set_status(store, [f"run-{n}" for n in range(2, RUNS)], RunStatus.COMPLETE, at=AT)
        small = rows[: min(2000, count)]
        timed("write_cells one by one", lambda: fill(store, "run-9", small[:500], 9, 1), count=len(small[:500]))
        timed("write_cells in groups of 32", lambda: fill(store, "run-8", small, 8, 32), count=len(small))
        timed("write_cells in groups of 512", lambda: fill(store, "run-0", rows, 0, 512), count=count)
        for n in range(1, RUNS):
            fill(store, f"run-{n}", rows, n, 2048)
        size = path.stat().st_size / 2**20
        print(f"-- {RUNS * count:,} outputs, {size:,.0f} MiB, log {store._wal_bytes() / 2**20:.0f} MiB")
        timed("close", store.close)
        reopened: list[Store] = []
        timed("open", lambda: reopened.append(open_store(path)))
        reading(reopened[0], rows, version.hash)
        reopened[0].close()


if __name__ == "__main__":
    main()

"""What happens to real processes: killed in the middle of writing, and several at once on one file."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing
from pathlib import Path

import pytest

from llmexp_tui.errors import StoreError
from llmexp_tui.store import audit, runs
from llmexp_tui.store.cells import write_cells
from llmexp_tui.store.engine import open_store
from tests.store.samples import answer, cell, make_runs

ROWS = 1200
WRITER = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from llmexp_tui.store.cells import write_cells
    from llmexp_tui.store.engine import open_store
    from tests.store.samples import answer, cell

    db, run, first, count, size = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])
    with open_store(Path(db)) as store:
        for start in range(first, first + count, size):
            batch = [cell(run, row, answer(f"{row}" * 100), key=row.to_bytes(32, "big"))
                     for row in range(start, min(start + size, first + count))]
            write_cells(store, batch)
            print(batch[-1].row_no, flush=True)
    """
)


def writer(db: Path, run: str, first: int, count: int, size: int) -> subprocess.Popen[str]:
    """A process that writes `count` cells from row `first`, telling the last row of each committed batch."""
    arguments = [str(db), run, *(str(n) for n in (first, count, size))]
    return subprocess.Popen([sys.executable, "-c", WRITER, *arguments], stdout=subprocess.PIPE, text=True)


def integrity(db: Path) -> list[tuple[str]]:
    with closing(sqlite3.connect(db)) as raw:
        return raw.execute("PRAGMA integrity_check").fetchall() + raw.execute("PRAGMA foreign_key_check").fetchall()


@pytest.mark.parametrize("size", [1, 7])
def test_a_process_killed_while_writing_loses_nothing_it_acknowledged(tmp_path: Path, size: int) -> None:
    db = tmp_path / "x.db"
    with open_store(db) as store:
        rows = make_runs(store, "r1", rows=ROWS)
    rng = random.Random(size)
    acknowledged = 0
    for _ in range(3):
        process = writer(db, "r1", rows[acknowledged], ROWS - acknowledged, size)
        assert process.stdout is not None
        with process.stdout:
            for _ in range(rng.randrange(1, 40)):
                acknowledged = max(acknowledged, int(process.stdout.readline()) - rows[0] + 1)
            process.kill()
            for line in process.stdout:
                acknowledged = int(line) - rows[0] + 1 if line.endswith("\n") else acknowledged
        process.wait()
        with open_store(db) as store:
            done = {row for row, _ in runs.done_cells(store, "r1")}
            assert done >= set(rows[:acknowledged])
            assert len(done) <= acknowledged + size
            assert [o.text for o in runs.outputs(store, "r1")] == [f"{row}" * 100 for row in sorted(done)]
        assert integrity(db) == [("ok",)]


def test_four_processes_write_at_once_and_none_is_refused(tmp_path: Path) -> None:
    db = tmp_path / "x.db"
    with open_store(db) as store:
        rows = make_runs(store, "r1", rows=ROWS)
        share = ROWS // 4
        started = [writer(db, "r1", rows[n * share], share, 5) for n in range(4)]
        for n in range(50):
            audit.append(store, who="ada", at="t", action="a", subject=str(n), detail={})
        for process in started:
            process.communicate()
        assert [process.returncode for process in started] == [0, 0, 0, 0]
        assert runs.totals(store, "r1").completed == ROWS
        assert len(audit.entries(store)) == 50
    assert integrity(db) == [("ok",)]


def test_two_processes_that_write_the_same_cells_store_each_once(tmp_path: Path) -> None:
    db = tmp_path / "x.db"
    with open_store(db) as store:
        rows = make_runs(store, "r1", rows=200)
        started = [writer(db, "r1", rows[0], 200, 3) for _ in range(2)]
        write_cells(store, [cell("r1", row) for row in rows[:50]])
        for process in started:
            process.communicate()
        assert [process.returncode for process in started] == [0, 0]
        assert runs.totals(store, "r1").attempted == 200
        with store.read() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM completion").scalar() == 200


def test_the_disk_full_at_any_moment_loses_nothing_acknowledged(tmp_path: Path) -> None:
    """The file may grow by N pages and no more, for N from none until everything fits."""
    size, batches = 4, 6
    for pages in range(0, 200, 3):
        db = tmp_path / f"{pages}.db"
        with open_store(db) as store:
            rows = make_runs(store, "r1", rows=size * batches)
            with store.write() as connection:
                used = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
                connection.exec_driver_sql(f"PRAGMA max_page_count={used + pages}")
            acknowledged = 0
            try:
                for start in range(0, len(rows), size):
                    write_cells(store, [cell("r1", row, answer("x" * 3000)) for row in rows[start : start + size]])
                    acknowledged = start + size
            except StoreError as error:
                assert "disk is full" in error.what
        assert integrity(db) == [("ok",)]
        with open_store(db) as store:
            assert [row for row, _ in runs.done_cells(store, "r1")] == rows[:acknowledged]
            write_cells(store, [cell("r1", row) for row in rows])
            assert runs.totals(store, "r1").completed == len(rows)
        if acknowledged == len(rows):
            return
    pytest.fail("the disk was never large enough")


LIMITED = textwrap.dedent(
    """
    import resource, signal, sys
    from pathlib import Path
    from llmexp_tui.errors import StoreError
    from llmexp_tui.store.cells import write_cells
    from llmexp_tui.store.engine import open_store
    from tests.store.samples import answer, cell

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
    with open_store(Path(sys.argv[1])) as store:
        try:
            for row in range(int(sys.argv[2]), int(sys.argv[2]) + 500):
                write_cells(store, [cell("r1", row, answer("x" * 5000))])
                print(row, flush=True)
        except StoreError as error:
            print(error.what)
    """
)


def test_a_log_that_cannot_grow_loses_nothing_acknowledged(tmp_path: Path) -> None:
    db = tmp_path / "x.db"
    with open_store(db) as store:
        rows = make_runs(store, "r1", rows=500)
    done = subprocess.run([sys.executable, "-c", LIMITED, str(db), str(rows[0])], capture_output=True, text=True)
    *acknowledged, last = done.stdout.splitlines()
    assert last.startswith(("the disk is full", "the disk cannot be")), done.stderr
    assert len(acknowledged) > 10
    assert integrity(db) == [("ok",)]
    with open_store(db) as store:
        assert {row for row, _ in runs.done_cells(store, "r1")} == {int(row) for row in acknowledged}

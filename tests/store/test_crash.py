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

from llmexp_tui.store import audit, runs
from llmexp_tui.store.cells import write_cells
from llmexp_tui.store.engine import open_store
from tests.store.samples import cell, make_runs

ROWS = 2000
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

"""Hundreds of kills in one run, and several processes on one file: what is lost, what is paid twice.

    python -m tests.bench.kills [--kills 200] [--rows 1000] [--processes 4]

The program runs as a process against the loopback server and is killed at a random moment: while it starts, reads
back what the last one left, or calls. Then `resume` goes on. Every request is recorded, so a cell called again is
seen; it may only be one that was in flight at the kill. In the end the totals are those of an undisturbed run.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import tomli_w

from llmexp_tui.store import runs
from tests.fakes.model_server import ModelServer
from tests.fakes.programs import PROGRAM, llmexp, started, until
from tests.fakes.projects import ProjectFolder, answering, arm_of, item_of

CONCURRENCY = 32
START_S = 1.5
"""Half of the kills come within this time of the start, the others within so many calls of the first."""
WITHIN_CALLS = 100


@contextmanager
def project(server: ModelServer, rows: int, experiments: int = 1) -> Iterator[ProjectFolder]:
    """A project of two arms; further experiments are the same with other seeds, so that they share no answer."""
    root = Path(tempfile.mkdtemp(prefix="llmexp-kills-"))
    try:
        folder = ProjectFolder(root, server, rows=rows, model={"max_concurrency": CONCURRENCY})
        described = tomllib.loads((root / "llmexp.toml").read_text("utf-8"))
        tone = described["experiments"]["tone"]
        for n in range(experiments):
            described["experiments"][f"tone{n}"] = {**tone, "plan": {"seed": n + 1}}
        (root / "llmexp.toml").write_text(tomli_w.dumps(described), "utf-8")
        yield folder
    finally:
        shutil.rmtree(root)


def integrity(db: Path) -> str:
    """What SQLite's own check says."""
    with closing(sqlite3.connect(db)) as raw:
        return "; ".join(str(row[0]) for row in raw.execute("PRAGMA integrity_check"))


def next_words(db: Path) -> tuple[str, ...] | None:
    """How the run goes on: a kill may come before it was made, or after its end (None)."""
    if not db.exists():
        return ("run", "tone")
    with closing(sqlite3.connect(db)) as raw:
        made = raw.execute("SELECT 1 FROM sqlite_schema WHERE name = 'run'").fetchone() is not None
        states = {status for (status,) in raw.execute("SELECT status FROM run")} if made else set()
    if not states:
        return ("run", "tone")
    return None if states == {"complete"} else ("resume",)


class Killed:
    """One run that is killed again and again. `repeats[k]` counts the cells that kill k made the next ones repeat."""

    def __init__(self, server: ModelServer, folder: ProjectFolder, draw: random.Random) -> None:
        self._server = server
        self._folder = folder
        self._draw = draw
        self._called_in: dict[tuple[str, int], int] = {}
        self.repeats: Counter[int] = Counter()
        self.in_flight: list[int] = []
        self.bad: list[str] = []

    def once(self) -> bool:
        """Starts or resumes the run and kills it; False where it came to its end before."""
        words = next_words(self._folder.db)
        if words is None:
            return False
        first, early = self._server.count, self._draw.random() < 0.5
        wait_s, calls = self._draw.uniform(0.0, START_S), self._draw.randrange(1, WITHIN_CALLS)
        with started(*PROGRAM, "--trust", *words, cwd=self._folder.root) as process:
            if early:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(wait_s)
            else:
                until(lambda: self._server.count >= first + calls or process.poll() is not None, "calls")
            ended = process.poll() is not None
            process.kill()
            in_flight = self._server.in_flight
            process.wait()
        if ended and process.returncode:
            self.bad.append((self._folder.root / "process.log").read_text()[-300:])
        until(lambda: self._server.in_flight == 0, "the end of what was in flight")
        self._account()
        if not ended:
            self.in_flight.append(in_flight)
        return not ended

    def _account(self) -> None:
        for request in self._server.requests:
            cell = (arm_of(request), item_of(request))
            if cell in self._called_in:
                self.repeats[self._called_in[cell]] += 1
            self._called_in[cell] = len(self.in_flight)
        self._server.requests.clear()

    def finish(self) -> None:
        """Resumes to the end."""
        words = next_words(self._folder.db)
        if words is not None:
            done = llmexp(*words, cwd=self._folder.root)
            if done.returncode:
                self.bad.append(done.stderr[-300:])
            self._account()


def killed(kills: int, rows: int, seed: int) -> bool:
    """Kills until there were so many, in as many runs as that takes; prints what came of it."""
    draw = random.Random(seed)
    done = lost = repeated = worst = over = number = 0
    damage: Counter[str] = Counter()
    bad: list[str] = []
    with ModelServer(answering(), delay_s=0.05) as server:
        while done < kills:
            number += 1
            server.reset()
            with project(server, rows) as folder:
                run = Killed(server, folder, draw)
                while done + len(run.in_flight) < kills and run.once():
                    if len(run.in_flight) % 20 == 0:
                        damage[integrity(folder.db)] += folder.db.exists()
                if run.in_flight:
                    run.finish()
                damage[integrity(folder.db)] += 1
                with folder.session() as session:
                    totals = [runs.totals(session.store, r.id) for r in runs.find_runs(session.store)]
                lost += 2 * rows - sum(t.completed for t in totals[:2])
                repeated += run.repeats.total()
                worst = max([worst, *run.repeats.values()])
                over += sum(max(0, n - CONCURRENCY) for n in run.repeats.values())
                done += len(run.in_flight)
                bad += run.bad
                print(f"run {number}: {len(run.in_flight)} kills, {sum(1 for n in run.in_flight if n)} with calls in "
                      f"flight, {run.repeats.total()} calls repeated", flush=True)  # fmt: skip
    print(f"{done} kills in {number} runs of {rows} rows x 2: rows lost {lost}, calls repeated {repeated}, "
          f"at most {worst} a kill ({CONCURRENCY} may be in flight), integrity {dict(damage)}, bad ends {len(bad)}")
    for text in bad[:3]:
        print(text)
    return not (lost or over or bad or set(damage) - {"ok"})


def together(processes: int, rows: int, same: bool) -> bool:
    """Several processes at once on one file, on the same experiment or each on its own; prints what came of it."""
    with ModelServer(answering()) as server, project(server, rows, processes) as folder, ExitStack() as stack:
        llmexp("datasets", cwd=folder.root)
        names = ["tone0" if same else f"tone{n}" for n in range(processes)]
        going = [stack.enter_context(started(*PROGRAM, "--trust", "run", n, cwd=folder.root)) for n in names]
        codes = [process.wait(300) for process in going]
        log = (folder.root / "process.log").read_text()
        cells = Counter((arm_of(r), item_of(r), r.seed) for r in server.requests)
        wanted = 2 * rows * (1 if same else processes)
        twice, locked = sum(cells.values()) - len(cells), log.count("locked")
        what = "the same experiment" if same else "an experiment each"
        print(f"{processes} processes on {what}: codes {codes}, {len(cells)} of {wanted} cells called, "
              f"{twice} twice, {locked} locked, integrity {integrity(folder.db)}", flush=True)
        return not (any(codes) or twice or locked) and len(cells) == wanted


def main() -> int:
    """0 where nothing was lost, nothing paid twice, nothing refused."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    good = [together(args.processes, args.rows // 2, same) for same in (True, False)]
    return 0 if all([*good, killed(args.kills, args.rows, args.seed)]) else 1


if __name__ == "__main__":
    sys.exit(main())

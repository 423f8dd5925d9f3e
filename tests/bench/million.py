"""The app over a store of many outputs: first paint, opening the rows, their end, a filter, the next regression.

    python -m tests.bench.million FOLDER [ROWS]

Makes FOLDER with two runs of ROWS rows (500,000: a million outputs) unless it is there, then walks the app without a
terminal. Times are until the answer is on the screen; `late` is how long the app's own thread was busy at most.
"""

from __future__ import annotations

import asyncio
import csv
import random
import resource
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from llmexp_tui.domain.run import RunRecord, RunStatus
from llmexp_tui.domain.score import Score
from llmexp_tui.domain.usage import Completion, Usage
from llmexp_tui.store import experiments, rows, runs
from llmexp_tui.store.cells import CellWrite, write_cells
from llmexp_tui.tui.app import LlmexpApp, project_opener
from llmexp_tui.workflows.prepare import prepare
from llmexp_tui.workflows.session import Session, open_session

BATCH = 20_000
TOML = """\
[datasets.rows]
path = "rows.csv"
id = "id"
[prompts.a]
path = "a.md"
[prompts.b]
path = "b.md"
[models.demo]
model = "demo/icl"
[experiments.big]
question = "How does it feel with a million outputs?"
dataset = "rows"
axis = "prompt"
baseline = "a"
scorers = ["exact_match"]
[experiments.big.variants.a]
prompt = "a"
model = "demo"
[experiments.big.variants.b]
prompt = "b"
model = "demo"
[[experiments.big.gates]]
metric = "exact_match"
margin = 0.05
"""


def build(folder: Path, count: int) -> None:
    """A project with two complete runs of `count` rows."""
    folder.mkdir(parents=True)
    (folder / "llmexp.toml").write_text(TOML)
    (folder / "a.md").write_text("{{ text }}")
    (folder / "b.md").write_text("Say it: {{ text }}")
    with open(folder / "rows.csv", "w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["id", "text", "expected"])
        writer.writerows(
            (f"r{n:07d}", f"question {n}: what is {n % 97} and {n % 13}?", str(n % 7)) for n in range(count)
        )
    with open_session(folder, env={}) as session:
        prepared = prepare(session, "big")
        experiments.save_registration(session.store, prepared.registration, who="bench", at=session.at())
        base = RunRecord(
            "", "g1", "big", "", "", "main", "rows", prepared.dataset.hash, prepared.registration.hash,
            prepared.registration.rules, 1, count, 1, RunStatus.QUEUED, session.at(), who="bench", host="bench",
            environment={"scorers": {n: s.fingerprint for n, s in prepared.scorers.items()}, "prompts": {}},
        )  # fmt: skip
        records = [replace(base, id=f"run-{n}", variant=n, variant_hash=v.hash) for n, v in prepared.variants.items()]
        runs.create_runs(session.store, records)
        fingerprint = prepared.scorers["exact_match"].fingerprint
        numbers = rows.row_refs(session.store, prepared.dataset.hash).nos
        for record in records:
            cells = _cells(session, record, numbers, fingerprint)
            while batch := list(islice(cells, BATCH)):
                write_cells(session.store, batch)
            runs.set_status(session.store, [record.id], RunStatus.COMPLETE, at=session.at())


def _cells(session: Session, record: RunRecord, numbers: Any, fingerprint: str) -> Iterator[CellWrite]:
    rng, at = random.Random(record.variant), datetime.now(UTC).isoformat()
    for number in numbers:
        good = rng.random() < 0.8
        answer = Completion(
            f"the answer is {number % 7 if good else 9}", "stop", Usage(30, 5), 0.0001, 120.0 + number % 50
        )
        yield CellWrite(
            record.id, number, 0, None, answer, None, 1, None, record.rules, at, [(fingerprint, Score(float(good)))]
        )


async def walk(folder: Path) -> None:
    """Prints how long each step takes."""
    from llmexp_tui.tui.screens.results import ResultsScreen
    from llmexp_tui.tui.screens.rows import RowsScreen
    from llmexp_tui.tui.widgets.paged_table import PagedTable

    started = time.perf_counter()
    env = {"LC_ALL": "C.UTF-8", "LLMEXP_CONFIG_DIR": str(folder)}
    app = LlmexpApp(project_opener(folder, None, env={}), env=env, warm=True)
    async with app.run_test(size=(120, 40)) as pilot:
        beat = asyncio.create_task(_beat())

        async def step(name: str, keys: list[str], done: Callable[[], bool]) -> None:
            before = time.perf_counter()
            late.clear()
            if keys:
                await pilot.press(*keys)
            await _until(done)
            took, stall = time.perf_counter() - before, 1000 * max(late, default=0)
            print(f"{name:36} {took:7.3f} s   late at most {stall:5.0f} ms")

        def table(selector: str) -> PagedTable:
            return app.screen.query_one(selector, PagedTable)

        def at(selector: str, place: Callable[[int], int]) -> bool:
            found = app.screen.query(selector)
            return (
                bool(found)
                and table(selector).cursor == place(table(selector).total)
                and (table(selector).cursor_key is not None)
            )

        await step("home, experiments listed", [], lambda: at("#experiments", lambda n: 0))
        print(f"{'  since the start':36} {time.perf_counter() - started:7.3f} s")
        await step("results, compared for the first time", ["enter"], lambda: bool(app.screen.query("#metrics")) and (
            isinstance(app.screen, ResultsScreen) and app.screen.report is not None))  # fmt: skip
        await _until(lambda: table("#metrics").cursor_key is not None)
        await step("rows opened", ["enter"], lambda: isinstance(app.screen, RowsScreen) and at("#rows", lambda n: 0))
        await step("to the end", ["G"], lambda: at("#rows", lambda n: n - 1))
        await step("to the start", ["g"], lambda: at("#rows", lambda n: 0))
        total = table("#rows").total
        await step("next regression", ["n"], lambda: table("#rows").cursor > 0)
        await step("only regressed", ["x"], lambda: 0 < table("#rows").total < total)
        await step("sorted by change", ["s"], lambda: app.screen.query_one("#rows", PagedTable).source is not None
                   and table("#rows").cursor_key is not None and _sorted(app))  # fmt: skip
        await step(
            "all rows with a text", ["A", "slash", *"12 and 7", "enter"], lambda: 0 < table("#rows").total < 50_000
        )
        beat.cancel()
    print(f"{'peak memory':36} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:7.0f} MiB")


def _sorted(app: Any) -> bool:
    source = app.screen.query_one("#rows").source
    return bool(source.asked.sort == "change")


late: list[float] = []


async def _beat() -> None:
    while True:
        before = time.perf_counter()
        await asyncio.sleep(0.01)
        late.append(time.perf_counter() - before - 0.01)


async def _until(done: Callable[[], bool]) -> None:
    end = time.perf_counter() + 300
    while not done():
        if time.perf_counter() > end:
            raise SystemExit("it never came")
        await asyncio.sleep(0.005)


def main() -> None:
    """Build where needed, then walk."""
    folder, count = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 500_000
    if not folder.exists():
        before = time.perf_counter()
        build(folder, count)
        print(f"{'built':36} {time.perf_counter() - before:7.1f} s")
    asyncio.run(walk(folder))


if __name__ == "__main__":
    main()

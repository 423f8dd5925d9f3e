"""A project with a past, built through the real store and workflows, the same on every machine and at every hour.

Two experiments: `tone` was run with its A/A and judged, `cheaper` was run and got worse, `fresh` was never run.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from llmexp_tui.domain.run import SLOT_AA, SLOT_MAIN, RunRecord, RunStatus
from llmexp_tui.domain.score import Score
from llmexp_tui.domain.usage import Completion, Failure, FailureKind, Usage
from llmexp_tui.store import experiments, rows, runs
from llmexp_tui.store.cells import CellWrite, write_cells
from llmexp_tui.workflows.judge import JudgedArms, judge
from llmexp_tui.workflows.label import move_label
from llmexp_tui.workflows.prepare import Prepared, prepare
from llmexp_tui.workflows.session import Session, open_session
from llmexp_tui.workflows.versions import record_dataset, record_prompt

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
LABELS = ("refund", "delivery", "card", "other")
ROWS = 60

_TOML = """\
[datasets.tickets]
path = "tickets.csv"
id = "id"
expected = "label"
slices = ["channel"]

[prompts.long]
path = "prompts/long.md"

[prompts.short]
path = "prompts/short.md"

[models.demo]
model = "demo/icl"
max_concurrency = 4

[experiments.tone]
question = "Does the shorter prompt keep accuracy?"
dataset = "tickets"
axis = "prompt"
baseline = "long"
scorers = ["exact_match", "length"]

[experiments.tone.variants.long]
prompt = "long"
model = "demo"

[experiments.tone.variants.short]
prompt = "short"
model = "demo"

[[experiments.tone.gates]]
metric = "exact_match"
margin = 0.05

[[experiments.tone.gates]]
metric = "cost"
margin = "10%"

[experiments.cheaper]
question = "Is half the prompt enough?"
dataset = "tickets"
axis = "prompt"
baseline = "long"
scorers = ["exact_match"]

[experiments.cheaper.variants.long]
prompt = "long"
model = "demo"

[experiments.cheaper.variants.short]
prompt = "short"
model = "demo"

[[experiments.cheaper.gates]]
metric = "exact_match"
margin = 0.05

[experiments.fresh]
question = "Nobody has run this yet."
dataset = "tickets"
axis = "prompt"
baseline = "long"
scorers = ["exact_match"]

[experiments.fresh.variants.long]
prompt = "long"
model = "demo"

[experiments.fresh.variants.short]
prompt = "short"
model = "demo"
"""

LONG = "system:\nYou sort tickets. Think about what the customer wants.\nAnswer with one word.\n\nuser:\n{{ text }}\n"
SHORT = "system:\nSort the ticket. Answer with one word.\n\nuser:\n{{ text }}\n"
SHORT_BEFORE = "system:\nSort the ticket.\n\nuser:\n{{ text }}\n"


def write_project(folder: Path, *, texts: Iterable[str] = (), count: int = ROWS) -> Path:
    """The files of the project; `texts` replace the first rows' texts."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "prompts").mkdir(exist_ok=True)
    (folder / "llmexp.toml").write_text(_TOML, encoding="utf-8")
    (folder / "prompts" / "long.md").write_text(LONG, encoding="utf-8")
    (folder / "prompts" / "short.md").write_text(SHORT, encoding="utf-8")
    write_rows(folder, texts=texts, count=count)
    return folder


def write_rows(folder: Path, *, texts: Iterable[str] = (), count: int = ROWS) -> None:
    """The dataset's file."""
    given = list(texts)
    with open(folder / "tickets.csv", "w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["id", "text", "label", "channel"])
        for number in range(count):
            label = LABELS[number % len(LABELS)]
            text = given[number] if number < len(given) else f"Ticket {number}: my {label} is late, what shall I do?"
            writer.writerow([f"t{number:03d}", text, label, "email" if number % 3 else "phone"])


def open_fixed(folder: Path, *, at: datetime = NOW) -> Session:
    """The project's session with time, ids and author held still."""
    session = open_session(folder, env={"HOME": str(folder)})
    session.now = lambda: at
    session.rng = random.Random(7)
    session.who = "Ada <ada@example.org>"
    return session


def build_project(folder: Path) -> Path:
    """The project with its past."""
    write_project(folder, count=ROWS - 4)
    with open_fixed(folder, at=NOW - timedelta(days=2)) as session:
        (folder / "prompts" / "short.md").write_text(SHORT_BEFORE, encoding="utf-8")
        record_dataset(session, "tickets")
        record_prompt(session, "short")
        move_label(session, "short", "production", "", "first release")
        (folder / "prompts" / "short.md").write_text(SHORT, encoding="utf-8")
    write_rows(folder)
    with open_fixed(folder, at=NOW - timedelta(hours=3)) as session:
        run_group(session, "cheaper", 1, good={"long": 48, "short": 40})
    with open_fixed(folder, at=NOW - timedelta(minutes=5)) as session:
        run_group(session, "tone", 2, good={"long": 42, "short": 53}, aa=True)
        move_label(session, "short", "staging", "", "looks better")
    return folder


def run_group(
    session: Session,
    experiment: str,
    number: int,
    *,
    good: dict[str, int],
    aa: bool = False,
    status: RunStatus = RunStatus.COMPLETE,
    done: int | None = None,
    answers: dict[str, list[str]] | None = None,
    variants: Iterable[str] = (),
) -> list[RunRecord]:
    """Runs of an experiment with made-up answers, stored cell by cell; judged where they are complete.

    `good` is how many rows each variant gets right, `done` how many rows have a cell, `answers` the first answers,
    `variants` those that run (all unless named).
    """
    prepared = prepare(session, experiment)
    experiments.save_registration(session.store, prepared.registration, who=session.who, at=session.at())
    arms = [(name, SLOT_MAIN) for name in variants or prepared.variants]
    arms += [(prepared.baseline, SLOT_AA)] if aa else []
    records = [
        _record(session, prepared, number, place, name, slot, status) for place, (name, slot) in enumerate(arms)
    ]
    runs.create_runs(session.store, [replace(r, status=RunStatus.QUEUED, ended_at=None) for r in records])
    for record in records:
        wrong = 3 if record.slot == SLOT_AA else 0
        own = (answers or {}).get(record.variant, []) if record.slot == SLOT_MAIN else []
        _write(session, prepared, record, good[record.variant] - wrong, done, own)
    runs.set_status(session.store, [r.id for r in records], RunStatus.RUNNING, at=session.at())
    if status is not RunStatus.RUNNING:
        runs.set_status(session.store, [r.id for r in records], status, at=session.at())
    stored = [runs.get_run(session.store, record.id) for record in records]
    if status is RunStatus.COMPLETE:
        main = [record for record in stored if record.slot == SLOT_MAIN]
        copies = [record for record in stored if record.slot == SLOT_AA]
        pair = (main[0], copies[0]) if copies else None
        judge(session, prepared, JudgedArms((main[0],), tuple((record,) for record in main[1:]), pair))
    return stored


def _record(
    session: Session, prepared: Prepared, number: int, place: int, variant: str, slot: str, status: RunStatus
) -> RunRecord:
    return RunRecord(
        id=f"01run{number}{place}00000000000",
        group=f"01group{number}0000000000",
        experiment=prepared.experiment.name,
        variant=variant,
        variant_hash=prepared.variants[variant].hash,
        slot=slot,
        dataset=prepared.dataset.name,
        dataset_hash=prepared.dataset.hash,
        registration=prepared.registration.hash,
        rules=prepared.registration.rules,
        repeats=prepared.experiment.repeats,
        rows=prepared.dataset.rows,
        seed=1,
        status=status,
        created_at=session.at(),
        who=session.who,
        host="workstation",
        commit="0123456789abcdef0123456789abcdef01234567",
        dirty=False,
        environment={
            "scorers": {name: scorer.fingerprint for name, scorer in prepared.scorers.items()},
            "prompts": {name: item.prompt_hash for name, item in prepared.variants.items()},
        },
    )


def _write(
    session: Session, prepared: Prepared, record: RunRecord, good: int, done: int | None, answers: list[str]
) -> None:
    """Row n is answered rightly where its place in a fixed shuffle is below `good`; one call of each arm fails."""
    refs = rows.row_refs(session.store, record.dataset_hash)
    order = random.Random(3).sample(range(len(refs)), len(refs))
    scorer = prepared.scorers["exact_match"].fingerprint
    length = prepared.scorers["length"].fingerprint if "length" in prepared.scorers else None
    short = record.variant == "short"
    cells = []
    for number, ref in enumerate(refs):
        if done is not None and number >= done:
            break
        label = LABELS[number % len(LABELS)]
        right = order[number] < good
        text = label if right else f"{LABELS[(number + 1) % len(LABELS)]} I think"
        if number < len(answers):
            text = answers[number]
        failed = number == len(refs) - 1 and short
        tokens = 40 if short else 60
        shift = 2.0 if record.slot == SLOT_AA else 0.0
        completion = Completion(
            text,
            "stop",
            Usage(tokens, 2),
            cost_usd=tokens * 2e-6,
            latency_ms=300.0 + number + shift - (12 if short else 0),
            model_returned="demo/icl",
        )
        failure = Failure(FailureKind.TIMEOUT, "no answer within 60 s", True)
        scores = [(scorer, Score(float(text == label)))]
        scores += [(length, Score(float(len(text.split()))))] if length else []
        cells.append(
            CellWrite(
                record.id,
                ref.no,
                0,
                None,
                None if failed else completion,
                failure if failed else None,
                1,
                None,
                record.rules,
                session.at(),
                [] if failed else scores,
            )
        )
    write_cells(session.store, cells)

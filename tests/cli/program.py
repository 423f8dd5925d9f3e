"""The program as a process of its own, and small projects for it to work on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COMMAND = [sys.executable, "-m", "llmexp_tui"]
LABELS = ("refund", "delivery", "password")

_PROJECT = """
[datasets.requests]
path = "requests.csv"
expected = "label"

[prompts.long]
path = "long.md"
[prompts.short]
path = "short.md"

[models.demo]
model = "{model}"
{settings}

[experiments.tone]
question = "Does the shorter prompt keep accuracy?"
dataset = "requests"
axis = "prompt"
baseline = "long"
scorers = ["exact_match"]

[experiments.tone.variants.long]
prompt = "long"
model = "demo"
[experiments.tone.variants.short]
prompt = "short"
model = "demo"

[[experiments.tone.gates]]
metric = "exact_match"
margin = {margin}
"""
_TEXTS = {
    "refund": ["I want my money back for order {n}", "please refund order {n}", "the refund of {n} euros is missing"],
    "delivery": ["where is parcel {n}", "my delivery {n} is late", "the courier lost package {n}"],
    "password": ["I forgot password {n}", "reset the password of account {n}", "my password {n} does not work"],
}


@dataclass(frozen=True)
class Ended:
    """How a call of the program ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def llmexp(*words: str | Path, cwd: Path, env: dict[str, str] | None = None) -> Ended:
    """Calls the program without a terminal and waits for its end."""
    done = subprocess.run(
        [*COMMAND, *map(str, words)], cwd=cwd, env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL,
        capture_output=True, timeout=120, check=False,
    )  # fmt: skip
    return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())


def wait_for(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Looks until the condition holds; a failed assertion when it does not in time."""
    pause, end = threading.Event(), time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        pause.wait(0.01)


def project(
    folder: Path,
    *,
    rows: int = 90,
    examples: Iterable[str] = LABELS,
    fewer: Iterable[str] = LABELS,
    margin: float = 0.05,
    model: str = "demo/icl",
    settings: str = "temperature = 0.0",
) -> Path:
    """A project whose long prompt shows one example of each of `examples`, the short one of each of `fewer`."""
    folder.mkdir(parents=True, exist_ok=True)
    toml = _PROJECT.format(model=model, settings=settings, margin=margin)
    (folder / "llmexp.toml").write_text(toml, "utf-8")
    lines = ["text,label"]
    for number in range(rows):
        label = LABELS[number % 3]
        lines.append(f"{_TEXTS[label][number // 3 % 3].format(n=100 + number)},{label}")
    (folder / "requests.csv").write_text("\n".join(lines) + "\n", "utf-8")
    (folder / "long.md").write_text(
        _prompt("Answer with the team that this customer's request is for.", examples), "utf-8"
    )
    (folder / "short.md").write_text(_prompt("Which team?", fewer), "utf-8")
    return folder


def _prompt(instruction: str, labels: Iterable[str]) -> str:
    shown = "\n\n".join(f"Request: {text.format(n=1)}\nTeam: {label}" for label in labels for text in _TEXTS[label])
    return f"{instruction}\n\n{shown}\n\nRequest: {{{{ text }}}}\nTeam:\n"

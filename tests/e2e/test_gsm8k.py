"""GSM8K's first 200 questions through litellm against a loopback server, scored by the last number of the answer."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes.model_server import ModelServer
from tests.fakes.replies import Recorded

INPUTS = Path(os.environ.get("LLMEXP_INPUTS", Path(__file__).parents[3] / "shared" / "inputs"))
QUESTIONS = INPUTS / "gsm8k-200.jsonl"
WRONG_EVERY = 10

PROJECT = """
[datasets.gsm8k]
path = "gsm8k.jsonl"
expected = "answer"

[prompts.plain]
path = "plain.md"
[prompts.steps]
path = "steps.md"

[models.mock]
model = "openai/mock"
api_base = "{base}"
lane = "litellm"
api_key_env = "MOCK_KEY"
max_concurrency = 16
input_cost_per_mtok = 1.0
output_cost_per_mtok = 2.0

[experiments.cot]
question = "Does thinking in steps help?"
dataset = "gsm8k"
axis = "prompt"
baseline = "plain"
scorers = ["numeric"]

[experiments.cot.variants.plain]
prompt = "plain"
model = "mock"
[experiments.cot.variants.steps]
prompt = "steps"
model = "mock"

[[experiments.cot.gates]]
metric = "numeric"
margin = 0.05
"""


def answers() -> dict[str, str]:
    rows = [json.loads(line) for line in QUESTIONS.read_text("utf-8").splitlines()]
    return {row["question"]: row["answer"].rpartition("####")[2].strip() for row in rows}


@pytest.mark.skipif(not QUESTIONS.is_file(), reason="the GSM8K sample is not here")
def test_gsm8k_with_the_numeric_scorer(tmp_path: Path) -> None:
    known = answers()
    order = {question: at for at, question in enumerate(known)}

    def answer(request: Recorded) -> str:
        text = request.body["messages"][-1]["content"]
        question = next(q for q in known if q in text)
        wrong = order[question] % WRONG_EVERY == 0 and "step by step" not in text
        value = known[question].replace(",", "")
        return f"We work it out: 2 and 2 is 4. The answer is ${'0.5' if wrong else value}."

    (tmp_path / "gsm8k.jsonl").write_bytes(QUESTIONS.read_bytes())
    (tmp_path / "plain.md").write_text("{{ question }}\n")
    (tmp_path / "steps.md").write_text("system:\nThink step by step.\nuser:\nThink step by step. {{ question }}\n")
    with ModelServer(answer) as server:
        (tmp_path / "llmexp.toml").write_text(PROJECT.format(base=server.base_url))
        done = subprocess.run(
            [sys.executable, "-m", "llmexp_tui", "--check", "--trust", "--report", "r.json"],
            cwd=tmp_path,
            env={**os.environ, "MOCK_KEY": "sk-mock-key-of-the-test"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert server.count == 3 * len(known)
    report = json.loads((tmp_path / "r.json").read_text())
    metric = next(m for m in report["experiments"][0]["metrics"] if m["metric"] == "numeric")
    assert metric["n_pairs"] == len(known)
    assert metric["baseline"] == pytest.approx(1 - 1 / WRONG_EVERY)
    assert metric["candidate_value"] == 1.0
    assert (metric["wins"], metric["losses"], metric["verdict"]) == (len(known) // WRONG_EVERY, 0, "improved")
    assert not re.search("sk-mock-key", done.stdout + done.stderr)
    stored = b"".join(path.read_bytes() for path in (tmp_path / ".llmexp").iterdir() if path.is_file())
    assert b"sk-mock-key-of-the-test" not in stored

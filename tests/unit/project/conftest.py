"""Parts that the project's tests share: a folder with a valid project, a real git repository, outside inputs."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

TOML = """\
[datasets.tickets]
path = "datasets/tickets.csv"
id = "ticket_id"
expected = "label"
slices = ["channel"]

[prompts.triage]
path = "prompts/triage.md"

[models.small]
model = "demo/icl"
temperature = 0.2

[experiments.tone]
question = "Does the shorter prompt keep accuracy?"
dataset = "tickets"
axis = "prompt"
baseline = "long"
scorers = ["exact_match", "refusal", { type = "contains", value = "priority:" }]

[experiments.tone.variants.long]
prompt = "triage@main"
model = "small"

[experiments.tone.variants.short]
prompt = "triage"
model = "small"

[[experiments.tone.gates]]
metric = "exact_match"
margin = 0.02

[[experiments.tone.gates]]
metric = "latency"
margin = "10%"
slice = "channel=email"

[experiments.tone.plan]
alpha = 0.1
seed = 7
"""


@pytest.fixture
def project_dir(tmp_path: Path) -> Path:
    """A folder with a small valid project."""
    root = tmp_path / "project"
    for name, text in {
        "llmexp.toml": TOML,
        "prompts/triage.md": "Sort this: {{ text }}\n",
        "datasets/tickets.csv": "ticket_id,text,label,channel\n1,hello,a,email\n2,bye,b,chat\n",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.fixture
def run_git() -> Callable[..., str]:
    """`run_git(folder, "commit", …)` with an identity of its own; returns what git prints."""

    def run(folder: Path, *words: str) -> str:
        settings = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "init.defaultBranch=main",
                    "-c", "protocol.file.allow=always", "-c", "commit.gpgsign=false"]  # fmt: skip
        command = ["git", *settings, *words]
        return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()

    return run


@pytest.fixture
def inputs() -> Path:
    """The folder of outside example files; tests that need it are skipped without it."""
    beside = Path(__file__).resolve().parents[4] / "shared" / "inputs"
    folder = Path(os.environ.get("TEST_INPUTS", beside))
    if not folder.is_dir():
        pytest.skip("the outside example files are not here")
    return folder

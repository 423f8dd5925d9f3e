"""The README's commands are the ones CI runs, and what it tells is what the program does."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text("utf-8")


def commands(name: str) -> str:
    """What .ci/run reads for a name, by the same program."""
    function = re.search(r"^readme\(\) \{ (.*) \}$", (ROOT / ".ci" / "run").read_text("utf-8"), re.MULTILINE)
    assert function is not None
    script = f"readme() {{ {function[1]} }}\nreadme {name}"
    done = subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout


def test_the_first_command_installs_and_runs_the_main_job():
    words = commands("main")
    assert words in README
    assert all(part in words for part in ("-m venv", "pip install", "llmexp-tui demo --check"))


def test_the_second_command_installs_the_tests_and_runs_them():
    words = commands("tests")
    assert words in README
    assert "'.[dev]'" in words
    assert "pytest" in words


def test_ci_asks_for_exactly_these_two():
    assert set(re.findall(r"<!-- ci: (\w+) -->", README)) == {"main", "tests"}
    script = (ROOT / ".ci" / "run").read_text("utf-8")
    assert set(re.findall(r"\$\(readme (\w+)\)", script)) == {"main", "tests"}


@pytest.mark.parametrize("command", re.findall(r"^\| `llmexp-tui (\w+)", README, re.MULTILINE))
def test_every_command_it_names_exists(command):
    done = subprocess.run([sys.executable, "-m", "llmexp_tui", command, "--help"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert command in done.stdout


def test_its_project_file_is_legal_toml():
    blocks = re.findall(r"^```toml\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    assert blocks
    assert "experiments" in tomllib.loads(blocks[0])


def test_every_exit_code_is_told():
    from llmexp_tui.cli.exit_codes import ExitCode

    told = {int(code) for code in re.findall(r"^\| (\d+) \|", README, re.MULTILINE)}
    assert told == {int(code) for code in ExitCode}


def test_every_scorer_is_told():
    from llmexp_tui.scoring.base import scorer_types

    assert [name for name in scorer_types() if f"`{name}`" not in README] == []


def test_every_key_of_the_project_file_is_told():
    from llmexp_tui.project import config, experiments, gates, models

    keys = {
        *config.DATASET_KEYS, *config.PROMPT_KEYS, *config.BUDGET_KEYS, *experiments.EXPERIMENT_KEYS,
        *experiments.VARIANT_KEYS, *gates.GATE_KEYS, *gates.PLAN_KEYS, *models.MODEL_KEYS,
    } - {"variants", "gates", "plan", "retriever", "chain"}  # fmt: skip
    assert [key for key in sorted(keys) if f"`{key}`" not in README] == []


def test_its_library_example_runs(capsys):
    (code,) = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    rows = [(row, variant, row % 3 > 0) for row in range(60) for variant in ("A", "B", "A2")]
    table = {name: [entry[i] for entry in rows] for i, name in enumerate(("row_id", "variant", "score"))}
    exec(code, {"table": table})
    assert capsys.readouterr().out.split() == ["pass", "no_regression", "0.0"]

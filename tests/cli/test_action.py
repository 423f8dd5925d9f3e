"""The GitHub action's step, run as its runner would: variables in, exit code, outputs and reports out."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.program import LABELS, project

ACTION = Path(__file__).resolve().parents[2] / ".github" / "actions" / "llmexp-check"


@pytest.fixture
def env(tmp_path):
    """A runner's folder in which the program is installed already: what is tested is the step, not pip."""
    program = tmp_path / "runner" / "llmexp-check" / "venv" / "bin" / "llmexp-tui"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/usr/bin/env bash\nexec "{sys.executable}" -m llmexp_tui "$@"\n')
    program.chmod(0o755)
    (program.parent / "python").symlink_to(sys.executable)
    return {
        **os.environ, "RUNNER_TEMP": str(tmp_path / "runner"), "GITHUB_OUTPUT": str(tmp_path / "outputs"),
        "GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"), "LLMEXP_ACTION": str(ACTION),
    }  # fmt: skip


def step(env, cwd):
    return subprocess.run(
        ["bash", str(ACTION / "check.sh")], cwd=cwd, env=env, capture_output=True, text=True, timeout=120
    )


@pytest.mark.parametrize(
    ("fewer", "code", "status"), [(("refund", "delivery", "password"), 0, "pass"), (("refund",), 1, "fail")]
)
def test_the_step_ends_as_the_gate_does(env, tmp_path, fewer, code, status):
    project(tmp_path / "work" / "prompts", fewer=fewer)
    env["LLMEXP_PROJECT"] = "prompts"
    env["LLMEXP_EXPERIMENTS"] = "tone\n"
    done = step(env, tmp_path / "work")
    assert done.returncode == code, done.stderr
    outputs = dict(line.split("=", 1) for line in (tmp_path / "outputs").read_text().splitlines())
    assert (outputs["exit-code"], outputs["status"]) == (str(code), status)
    folder = Path(outputs["report"])
    assert json.loads((folder / "report.json").read_text())["status"] == status
    assert {path.suffix for path in folder.iterdir()} == {".json", ".md", ".xml", ".html"}
    assert (tmp_path / "summary.md").exists()


def test_two_uses_in_one_job_keep_two_reports(env, tmp_path):
    for name, fewer in (("one", LABELS), ("two", LABELS[:1])):
        project(tmp_path / "work" / name, fewer=fewer)
        step({**env, "LLMEXP_PROJECT": name, "GITHUB_OUTPUT": str(tmp_path / name)}, tmp_path / "work")
    told = [dict(line.split("=", 1) for line in (tmp_path / n).read_text().splitlines()) for n in ("one", "two")]
    kept = [json.loads((Path(one["report"]) / "report.json").read_text())["status"] for one in told]
    assert kept == [one["status"] for one in told] == ["pass", "fail"]


def test_a_branch_name_is_no_command(env, tmp_path):
    project(tmp_path / "work")
    env["LLMEXP_BASE"] = "origin/$(touch owned);`touch owned`"
    done = step(env, tmp_path / "work")
    assert done.returncode == 2
    assert not (tmp_path / "work" / "owned").exists()
    assert "exit-code=2" in (tmp_path / "outputs").read_text()


def test_the_action_hands_inputs_to_the_step_by_variables_only():
    text = (ACTION / "action.yml").read_text()
    (command,) = [line for line in text.split("\n") if line.strip().startswith("run:")]
    assert "${{" not in command

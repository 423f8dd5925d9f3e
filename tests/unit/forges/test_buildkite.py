"""Buildkite: one annotation through the agent's command, which is played by a script on the PATH."""

import sys

import pytest

from llmexp_tui.forges.buildkite import AGENT, Buildkite
from tests.unit.reports.build import check, experiment


@pytest.fixture
def env(tmp_path):
    """An environment whose PATH holds an agent that writes down what it is told; `fail` beside it makes it refuse."""
    folder = tmp_path / "bin"
    folder.mkdir()
    agent = folder / AGENT
    agent.write_text(
        f"#!{sys.executable}\nimport pathlib, sys\nhere = pathlib.Path(__file__).parent\n"
        "if (here / 'fail').exists():\n    sys.exit('no such build')\n"
        "(here / 'args').write_text(' '.join(sys.argv[1:]))\n(here / 'body').write_bytes(sys.stdin.buffer.read())\n"
    )
    agent.chmod(0o755)
    return {"BUILDKITE": "true", "PATH": str(folder), "BUILDKITE_STEP_KEY": "prompts"}


@pytest.mark.parametrize(
    ("status", "style"), [("pass", "success"), ("fail", "error"), ("inconclusive", "warning"), ("error", "error")]
)
def test_the_annotation_has_the_verdicts_style_and_one_context(env, tmp_path, status, style):
    assert Buildkite(env, tmp_path).publish(check(experiment(status=status)), ()).notices == ()
    words = (tmp_path / "bin" / "args").read_text().split()
    assert words[:4] == ["annotate", "--style", style, "--context"]
    assert words[4].startswith("llmexp-")
    assert (tmp_path / "bin" / "body").read_text("utf-8").startswith("## ")


def test_another_step_has_another_context(env, tmp_path):
    contexts = set()
    for step in ("one", "two", "one"):
        Buildkite({**env, "BUILDKITE_STEP_KEY": step}, tmp_path).publish(check(), ())
        contexts.add((tmp_path / "bin" / "args").read_text())
    assert len(contexts) == 2


def test_a_refusal_is_a_notice(env, tmp_path):
    (tmp_path / "bin" / "fail").touch()
    assert Buildkite(env, tmp_path).publish(check(), ()).notices == ("no annotation: no such build",)


def test_without_an_agent_there_is_a_notice(tmp_path):
    (notice,) = Buildkite({"PATH": str(tmp_path)}, tmp_path).publish(check(), ()).notices
    assert AGENT in notice

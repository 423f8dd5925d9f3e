"""The pre-commit hook's own line, run in a repository as pre-commit would: what is staged is in the work tree."""

import shlex
from pathlib import Path

import pytest
import yaml

from tests.cli.program import LABELS, llmexp, project
from tests.fakes.repository import Repository

(HOOK,) = yaml.safe_load((Path(__file__).resolve().parents[2] / ".pre-commit-hooks.yaml").read_text("utf-8"))


@pytest.mark.parametrize(("kept", "code"), [(LABELS, 0), (LABELS[:1], 1)])
def test_a_commit_is_compared_with_the_one_before(tmp_path, kept, code):
    repository = Repository(tmp_path)
    project(tmp_path)
    repository.begin()
    project(tmp_path, examples=kept)
    program, *words = shlex.split(HOOK["entry"])
    done = llmexp(*words, *HOOK["args"], cwd=tmp_path)
    assert (program, done.code) == ("llmexp-tui", code), done.out + done.err


def test_it_is_for_no_stage_where_a_commit_would_be_compared_with_itself():
    assert HOOK["args"][-1] == "HEAD"
    assert set(HOOK["stages"]) <= {"pre-commit", "manual"}


def test_no_prompt_is_overlooked_for_where_it_lies():
    assert HOOK["always_run"] is True
    assert "files" not in HOOK

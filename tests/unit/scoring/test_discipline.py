from __future__ import annotations

import pytest

from llmexp_tui.domain.hashing import text_hash
from llmexp_tui.scoring.discipline import (
    differences,
    drift_between,
    drift_within,
    is_pinned,
    judge_warnings,
    mixed_scorers,
)
from tests.unit.scoring.build import scorer
from tests.unit.scoring.judges import MODELS, context


@pytest.mark.parametrize(
    ("model", "pinned"),
    [
        ("openai/gpt-4o-2024-08-06", True), ("gpt-4-0613", True), ("anthropic/claude-3-5-sonnet-20241022", True),
        ("vertex_ai/claude-3-5-sonnet@20240620", True), ("gemini/gemini-1.5-pro-002", True),
        ("bedrock/anthropic.claude-3-5-sonnet-20241022-v2:0", True), ("mistral/mistral-large-2411", True),
        ("demo/icl", True), ("repo/model@sha256:0123456789abcdef", True), ("openai/gpt-4o", False),
        ("openai/gpt-4-0125-preview", True), ("gemini/gemini-2.5-pro-preview-06-05", True),
        ("openai/o1-preview", False),
        ("anthropic/claude-3-5-sonnet-latest", False), ("openai/gpt-5-mini", False), ("ollama/llama3.1:8b", False),
    ],
)
def test_pinned_ids(model: str, pinned: bool) -> None:
    assert is_pinned(model) == pinned


def test_warnings() -> None:
    judges = [scorer("judge", context(), name="tone", model=name, criteria="x") for name in ("jury", "loose")]
    plain = scorer("exact_match")
    assert judge_warnings([plain, judges[0]], MODELS, ["openai/gpt-4o"]) == ()
    both = judge_warnings([judges[1]], MODELS, ["openai/gpt-4o"])
    assert len(both) == 2
    assert "not a pinned model id" in both[0]
    assert "also the model under test" in both[1]


def test_drift() -> None:
    assert drift_within("tone", ["a", None, "a"]) is None
    assert drift_within("tone", ["a", "b"]) == "tone: the judge changed during the run: a and b"
    assert drift_between("tone", ["a", None], ["a"]) is None
    assert drift_between("tone", [None], ["a"]) is None
    assert "a in one run, b in the other" in (drift_between("tone", ["a"], ["b"]) or "")


def test_which_setting_differs_is_said() -> None:
    left = scorer("judge", context(), model="jury", criteria="kind").body()
    right = scorer("judge", context(), model="loose", criteria="kind").body()
    found = differences(left, right)
    assert [item.partition(":")[0] for item in found] == ["settings.judge.model", "settings.judge.params.temperature"]
    mixed = mixed_scorers("tone", left, right, changed=False) or ""
    assert mixed.startswith("tone was scored differently in the two runs (settings.judge.model: ")
    assert mixed.endswith("; they are not compared. Judge the stored outputs of both again with one scorer.")
    edited = mixed_scorers("tone", left, right, changed=True) or ""
    assert edited.startswith("tone was scored in both runs by another scorer than it is now (settings.judge.model: ")
    assert mixed_scorers("tone", left, dict(left), changed=False) is None


def test_a_text_that_is_known_by_its_hash_alone_is_said_to_be_another() -> None:
    code = {"code": {"score.py": text_hash("one")}, "scale": [1, 5]}
    assert differences(code, {**code, "code": {"score.py": text_hash("two")}}) == ("code.score.py: another text",)
    assert differences(code, {"scale": [1, 5]}) != ("code: another text",)

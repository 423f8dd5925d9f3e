"""The README's tables of scorers against the scorers: their settings, their direction, what they give."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from llmexp_tui.domain.score import ScorerSpec
from llmexp_tui.domain.variant import Model
from llmexp_tui.scoring.base import Scorer, ScorerContext, build_scorer, scorer_types
from llmexp_tui.scoring.settings import Settings

README = (Path(__file__).resolve().parents[2] / "README.md").read_text("utf-8")
SECTION = README.partition("<summary>Every scorer")[2].partition("</details>")[0]
ROWS = {
    name: cells
    for line in SECTION.splitlines()
    if line.startswith("| `")
    for cells in [[cell.strip() for cell in line.strip("|").split(" | ")]]
    for name in re.findall(r"`(\w+)`", cells[0])
}
SHARED = {"negate", "threshold", "direction", "expected", "weight", "pass_at_k", "pass_hat_k", "rejudge"}
OF_JUDGES = {"model", "input", "rubric", "criteria"}
NEEDED: dict[str, dict[str, Any]] = {
    "json_schema": {"schema": {}}, "python": {"python": "own.py:f"}, "command": {"command": ["x"]},
    "composite": {"parts": ["exact_match"]},
}  # fmt: skip
JUDGES = ("judge", "g_eval", "closed_qa", "factuality", "pairwise", "faithfulness", "answer_relevancy",
          "context_precision", "context_recall", "context_relevance", "noise_sensitivity")  # fmt: skip


def built(name: str, monkeypatch: pytest.MonkeyPatch) -> tuple[Scorer, set[str]]:
    """The scorer with as few settings as it takes, and the settings that it knows."""
    known: set[str] = set()
    monkeypatch.setattr(Settings, "finish", lambda self: known.update(self.known if self.spec.name == name else ()))
    settings = NEEDED.get(name, {"model": "m", "criteria": "c"} if name in JUDGES else {})
    context = ScorerContext(
        models={"m": Model("m", "openai/m-2026-01-01")}, trusted=True,
        read_text=lambda path: "async def f(row, output):\n    return 1\n",
    )
    return build_scorer(ScorerSpec(name, name, settings), context), known


def test_every_scorer_has_its_row() -> None:
    assert sorted(ROWS) == list(scorer_types())
    assert {len(cells) for cells in ROWS.values()} == {9}


@pytest.mark.parametrize("name", scorer_types())
def test_a_row_tells_what_the_scorer_takes_and_gives(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if name == "language":
        pytest.importorskip("lingua")
    scorer, known = built(name, monkeypatch)
    told = set(re.findall(r"\b([a-z_]+)\b", " ".join(re.findall(r"`([^`]*)`", ROWS[name][1]))))
    if ROWS[name][1].startswith("as "):
        told |= set(re.findall(r"\b([a-z_]+)\b", " ".join(re.findall(r"`([^`]*)`", ROWS["contains"][1]))))
    untold = known - told - SHARED - {name} - (OF_JUDGES if scorer.models else set())
    assert untold == set(), "the README does not tell"
    gives, direction = ROWS[name][2], ROWS[name][3].strip("*")
    if scorer.meta.type == "binary" and not gives.startswith("as said"):
        assert gives.startswith("0/1")
    if scorer.meta.type == "bounded" and scorer.meta.range == (0.0, 1.0) and gives != "as said":
        assert "0–1" in gives or name == "pairwise"
    assert direction.startswith(scorer.meta.direction)

"""Short ways to a scorer and a sample, as a project file and the engine would make them."""

from __future__ import annotations

from typing import Any

from llmexp_tui.domain.score import Score, ScorerSpec
from llmexp_tui.scoring.base import Sample, Scorer, ScorerContext, build_scorer

ABSENT = object()


def scorer(type: str, context: ScorerContext | None = None, name: str | None = None, **settings: Any) -> Scorer:
    return build_scorer(ScorerSpec(type, name or type, settings), context or ScorerContext())


def sample(text: str, expected: Any = ABSENT, **fields: Any) -> Sample:
    present = expected is not ABSENT
    row = fields.pop("row", {"expected": expected} if present else {})
    return Sample("row-1", row, text, expected if present else None, present, **fields)


def value(type: str, text: str, expected: Any = ABSENT, **settings: Any) -> float | None:
    return scored(type, text, expected, **settings).value


def scored(type: str, text: str, expected: Any = ABSENT, **settings: Any) -> Score:
    return scorer(type, **settings).score(sample(text, expected))

"""Scores that people give in the app, as a metric like any other. Nothing here scores: people do, when they like.

What a person says is stored under a fingerprint of its own kind (`human_body`), so that it means the same in every
experiment that asks for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmexp_tui.scoring.definition import Definition, ScorerContext
from llmexp_tui.scoring.settings import Settings

GRADES, PREFERENCE = "rubric", "ab"
SCALE = (1.0, 5.0)


def human_body(kind: str, baseline: str | None = None, candidate: str | None = None) -> Mapping[str, Any]:
    """What a person's scores are stored under: a grade belongs to an answer, a preference to a pair of runs."""
    if kind == GRADES:
        return {"type": "human", "kind": kind}
    return {"type": "human", "kind": kind, "baseline": baseline, "candidate": candidate}


def human(settings: Settings, context: ScorerContext) -> Definition:
    """The mean grade (1 to 5) that people gave an answer; `kind = "preference"`: which of two answers they preferred.

    Of several people the mean counts. Rows that nobody scored are left out.
    """
    kind = settings.choice("kind", ("grades", "preference"), "grades")
    body = {"kind": kind}
    if kind == "preference":
        return Definition(body=body, type="pairwise", needs_baseline=True)
    return Definition(body=body, type="bounded", range=SCALE)

"""Scores one output with every scorer that needs no call, and turns what a scorer raises into a failed score.

This is the per-cell boundary for scorers: whatever own code or a library raises becomes Score(None, error=…), so
one bad row costs its pair and never the run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from llmexp_tui.domain.dataset import Row
from llmexp_tui.domain.prompt import Message
from llmexp_tui.domain.score import Score
from llmexp_tui.domain.text import one_line
from llmexp_tui.domain.usage import Completion
from llmexp_tui.scoring.base import Scorer
from llmexp_tui.scoring.contexts import COLUMN, passages
from llmexp_tui.scoring.sample import JudgeCall, Sample


def sample_of(
    row: Row, completion: Completion, messages: tuple[Message, ...], expected_column: str = "expected"
) -> Sample:
    """What a scorer sees of a cell."""
    values: Mapping[str, Any] = row.values
    return Sample(
        row=values,
        row_key=row.key,
        expected=values.get(expected_column),
        expected_present=expected_column in values,
        text=completion.text,
        tool_calls=completion.tool_calls,
        messages=messages,
        contexts=passages(values.get(COLUMN)),
    )


def score_output(scorers: Sequence[Scorer], sample: Sample) -> tuple[tuple[str, Score], ...]:
    """(fingerprint, score) of every scorer that needs no call and no person."""
    own = (scorer for scorer in scorers if not scorer.calls and not scorer.by_people)
    return tuple((scorer.fingerprint, score_safely(scorer, sample)) for scorer in own)


def score_safely(scorer: Scorer, sample: Sample) -> Score:
    """The score, or Score(None, error=…) for whatever the scorer raised."""
    try:
        return scorer.score(sample)
    except Exception as error:  # a scorer's fault, own code included, is a row's fault and is counted
        return _failed(error)


async def ascore_safely(scorer: Scorer, sample: Sample, call: JudgeCall, *, seed: int, repeat: int) -> Score:
    """The same for a scorer that calls."""
    try:
        return await scorer.ascore(sample, call, seed=seed, repeat=repeat)
    except Exception as error:  # as above; a cancellation is no Exception and passes
        return _failed(error)


def _failed(error: Exception) -> Score:
    return Score(None, error=one_line(f"{type(error).__name__}: {error}", 500))

"""How close an answer is in meaning to the expected text, by the cosine of their embeddings."""

from __future__ import annotations

from collections.abc import Sequence

from llmexp_tui.domain.score import Score
from llmexp_tui.scoring.definition import NO_EXPECTED, Definition, ScorerContext, references
from llmexp_tui.scoring.embedding import cosine, demo_embed, embedding_model
from llmexp_tui.scoring.hearing import Hearing, judged
from llmexp_tui.scoring.sample import Sample
from llmexp_tui.scoring.settings import Settings


def _nearest(vectors: Sequence[Sequence[float]]) -> Score:
    """The best cosine of the first vector with the others; below zero counts as zero, raw keeps it."""
    raw = max(cosine(vectors[0], other) for other in vectors[1:])
    return Score(min(max(raw, 0.0), 1.0), raw=raw)


def semantic_similarity(settings: Settings, context: ScorerContext) -> Definition:
    """The cosine of the embeddings of answer and expected text (the best of several), from 0 to 1.

    `model` names an embedding model of the project; without it the offline `demo/embed`, which compares spelling.
    `value` replaces the expected text.
    """
    value = settings.text("value")
    name, identity, offline = embedding_model(settings, context, "model")
    body = {"embedding": identity, "value": value}

    def texts_of(sample: Sample) -> tuple[str, ...]:
        return (value,) if value is not None else references(sample)

    def measure(sample: Sample) -> Score:
        wanted = texts_of(sample)
        return _nearest([demo_embed(text) for text in (sample.text, *wanted)]) if wanted else NO_EXPECTED

    async def compared(sample: Sample, hearing: Hearing) -> Score:
        wanted = texts_of(sample)
        if not wanted:
            return NO_EXPECTED
        if not sample.text.strip():  # providers refuse to embed nothing, and the variant would be spared its failure
            return Score(0.0, raw=0.0, reason="the answer is empty")
        return _nearest(await hearing.embed(name, offline, (sample.text, *wanted)))

    return Definition(
        body=body, measure=measure if offline else None, ameasure=None if offline else judged(name, compared),
        type="bounded",
        needs_expected=value is None, models=() if offline else (name,),
    )

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from llmexp_tui.domain.usage import Embeddings, Failure, FailureKind
from llmexp_tui.errors import UnknownNameError
from llmexp_tui.scoring.base import ScorerContext
from llmexp_tui.scoring.embedding import DIMENSIONS, cosine, demo_embed
from tests.unit.scoring.build import sample, scored, scorer, value
from tests.unit.scoring.judges import MODELS, always, hear


def test_the_offline_embedding_is_a_unit_vector_and_always_the_same() -> None:
    vector = demo_embed("Where is my card?")
    assert len(vector) == DIMENSIONS
    assert math.isclose(sum(x * x for x in vector), 1.0)
    assert vector == demo_embed("where IS my card")
    assert demo_embed("?!") == [0.0] * DIMENSIONS


def test_closer_spelling_is_closer() -> None:
    near = value("semantic_similarity", "the card has not arrived", "my card did not arrive")
    far = value("semantic_similarity", "exchange rates for euros", "my card did not arrive")
    assert near is not None and far is not None
    assert 0.0 <= far < near < 1.0
    assert value("semantic_similarity", "same", ["other", "same"]) == pytest.approx(1.0)
    assert scored("semantic_similarity", "same").value is None


async def test_a_models_embeddings_are_awaited_and_costed() -> None:
    def embedding(name: str, texts: Sequence[str]) -> Embeddings | Failure:
        if name != "jury":
            return Failure(FailureKind.NETWORK, "down", True)
        return Embeddings(((1.0, 0.0), (-1.0, 0.0)), cost_usd=0.125, model_returned="embed-1")

    judge = always("")
    judge.embedding = embedding
    setup = ScorerContext(models=MODELS)
    check = scorer("semantic_similarity", setup, model="jury")
    assert (check.calls, check.models) == (True, ("jury",))
    score = await hear(check, sample("a", "b"), judge)
    assert (score.value, score.raw, score.cost_usd, score.model_returned) == (0.0, -1.0, 0.125, "embed-1")
    failed = await hear(scorer("semantic_similarity", setup, model="loose"), sample("a", "b"), judge)
    assert failed.value is None
    assert "down" in (failed.error or "")
    too_few = await hear(check, sample("a", ["b", "c"]), judge)
    assert too_few.value is None
    assert "3 texts were embedded, 2 vectors" in (too_few.error or "")
    with pytest.raises(UnknownNameError):
        scorer("semantic_similarity", setup, model="nope")


async def test_an_empty_answer_is_far_from_everything_and_asks_nobody() -> None:
    check = scorer("semantic_similarity", ScorerContext(models=MODELS), model="jury")
    score = await hear(check, sample(" \n", "b"), always(""))  # a judge without embeddings: asking it would fail
    assert (score.value, score.error) == (0.0, None)
    assert (await hear(check, sample(""), always(""))).value is None
    assert value("semantic_similarity", "", "b") == 0.0


def test_vectors_of_different_lengths_are_an_error() -> None:
    with pytest.raises(ValueError, match="zip"):
        cosine([1.0], [1.0, 2.0])

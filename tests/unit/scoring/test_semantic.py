from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from llmexp_tui.domain.usage import Failure, FailureKind
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


async def test_a_models_embeddings_are_awaited() -> None:
    async def embed(name: str, texts: Sequence[str]) -> list[list[float]] | Failure:
        return [[1.0, 0.0], [-1.0, 0.0]] if name == "jury" else Failure(FailureKind.NETWORK, "down", True)

    setup = ScorerContext(models=MODELS, embed=embed)
    check = scorer("semantic_similarity", setup, model="jury")
    assert (check.calls, check.models) == (True, ("jury",))
    score = await hear(check, sample("a", "b"), always(""))
    assert (score.value, score.raw) == (0.0, -1.0)
    failed = await hear(scorer("semantic_similarity", setup, model="loose"), sample("a", "b"), always(""))
    assert failed.value is None
    assert "down" in (failed.error or "")
    missing = await hear(scorer("semantic_similarity", ScorerContext(models=MODELS), model="jury"), sample("a", "b"),
                         always(""))
    assert missing.value is None
    with pytest.raises(UnknownNameError):
        scorer("semantic_similarity", setup, model="nope")


def test_vectors_of_different_lengths_are_an_error() -> None:
    with pytest.raises(ValueError, match="zip"):
        cosine([1.0], [1.0, 2.0])

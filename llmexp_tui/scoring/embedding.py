"""Embeddings and their cosine. `demo/embed` works offline: it knows spelling, not meaning, and says so."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from zlib import crc32

from llmexp_tui.errors import UnknownNameError
from llmexp_tui.scoring.definition import ScorerContext
from llmexp_tui.scoring.settings import Settings

OFFLINE = "demo/embed"
DIMENSIONS = 512
_WORD = re.compile(r"\w+")


def demo_embed(text: str) -> list[float]:
    """A unit vector of 512 dimensions from words and their letter trigrams, hashed with signs; zeros without words.

    Weinberger et al. 2009, arXiv 0902.2206. The same text gives the same vector on every machine.
    """
    features: Counter[str] = Counter()
    for word in _WORD.findall(text.casefold()):
        features[word] += 1
        padded = f"<{word}>"
        features.update(padded[start : start + 3] for start in range(len(padded) - 2))
    vector = [0.0] * DIMENSIONS
    for feature, count in features.items():
        digest = crc32(feature.encode("utf-8", "surrogatepass"))
        vector[digest % DIMENSIONS] += (1.0 if digest & 0x8000_0000 else -1.0) * (1.0 + math.log(count))
    length = math.sqrt(sum(item * item for item in vector))
    return [item / length for item in vector] if length else vector


def cosine(left: Sequence[float], right: Sequence[float]) -> float:
    """The cosine of two vectors, 0 where one is all zeros. Raises ValueError for different lengths."""
    product = sum(a * b for a, b in zip(left, right, strict=True))
    lengths = math.sqrt(sum(a * a for a in left)) * math.sqrt(sum(b * b for b in right))
    return product / lengths if lengths else 0.0


def embedding_model(settings: Settings, context: ScorerContext, key: str) -> tuple[str, dict[str, object], bool]:
    """The name of the embedding model, its identity for the fingerprint, and whether it is the offline one."""
    name = settings.text(key) or OFFLINE
    if name == OFFLINE or (name in context.models and context.models[name].model == OFFLINE):
        return name, {"model": OFFLINE, "edition": 1}, True
    if name not in context.models:
        raise UnknownNameError("model", name, [*context.models, OFFLINE], where=settings.where)
    return name, context.models[name].identity(), False

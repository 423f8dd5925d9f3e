"""demo/icl: a real, tiny in-context learner that runs without an account, a key or a network.

It reads the worked examples out of the rendered prompt and answers with the label of the nearest one (character
n-gram TF-IDF), sampled by temperature from the request's seed. So a prompt with better examples really scores higher,
and two runs at a temperature above 0 really differ. It is no language model: without examples it only says so.

Tokens are counted as characters / 4. The latency is a function of tokens and seed that is also really waited for, so
that it is repeatable and true: a few milliseconds, growing with tokens.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
import random
from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmexp_tui.domain.usage import Completion, Failure, FailureKind, Request, Usage
from llmexp_tui.domain.variant import Model
from llmexp_tui.errors import UnknownNameError
from llmexp_tui.providers.demo_prompt import Example, read_task
from llmexp_tui.providers.failures import make_failure
from llmexp_tui.providers.outcome import timed_out

MODELS = ("demo/icl",)
CONTEXT_TOKENS = 32_768
CHARS_PER_TOKEN = 4
NO_EXAMPLES = "I answer from worked examples, and this prompt has none."

_PARAMETERS = frozenset({"temperature", "top_p", "max_tokens", "stop"})
_GRAM_SIZES = (3, 4, 5)
_SPREAD = 0.03
"""Similarity that counts as one unit at temperature 1: about a fifth of near decisions then fall otherwise."""

_FIXED_MS, _MS_PER_INPUT, _MS_PER_OUTPUT, _JITTER = 1.5, 0.002, 0.15, 0.15
_CACHED_INDEXES = 64


def warm() -> None:
    """What this lane needs came with this module."""


def open_provider(model: Model, env: Mapping[str, str]) -> DemoProvider:
    """The built-in model. Raises UnknownNameError for a name under demo/ that does not exist."""
    if model.model not in MODELS:
        raise UnknownNameError("built-in model", model.model, MODELS, where=f"models.{model.name}.model")
    return DemoProvider(env)


class DemoProvider:
    """The learner behind the provider protocol. Indexes of examples are kept, the newest few dozen."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        self._indexes: OrderedDict[tuple[Example, ...], ExampleIndex] = OrderedDict()

    async def complete(self, request: Request) -> Completion | Failure:
        """Answers after the time that its tokens take."""
        refused = _refused(request)
        if refused is not None:
            return make_failure(FailureKind.BAD_REQUEST, refused, self._env, status=400)
        sent = sum(token_count(message.content) for message in request.messages)
        if sent > CONTEXT_TOKENS:
            message = f"the prompt has {sent} tokens, the maximum context length is {CONTEXT_TOKENS}"
            return make_failure(FailureKind.CONTEXT_WINDOW, message, self._env, status=400)
        rng = _rng(request)
        text, finish_reason = _limited(self._answer(request, rng), request.params)
        got = token_count(text)
        jitter = math.exp(rng.gauss(0.0, _JITTER))
        ttft_ms = (_FIXED_MS + _MS_PER_INPUT * sent) * jitter
        latency_ms = ttft_ms + _MS_PER_OUTPUT * got * jitter
        await asyncio.sleep(min(latency_ms / 1000.0, request.timeout_s))
        if latency_ms > request.timeout_s * 1000.0:
            return timed_out(request.timeout_s, self._env, request.timeout_s * 1000.0)
        return Completion(
            text=text,
            finish_reason=finish_reason,
            usage=Usage(sent, got),
            latency_ms=latency_ms,
            ttft_ms=ttft_ms if request.stream else None,
            model_returned=request.model,
        )

    async def aclose(self) -> None:
        """Forgets the indexes."""
        self._indexes.clear()

    def _answer(self, request: Request, rng: random.Random) -> str:
        task = read_task(request.messages)
        if not task.examples:
            return NO_EXAMPLES
        index = self._index(task.examples)
        choice = sample(
            index.similarities(task.query),
            float(request.params.get("temperature", 1.0)),
            float(request.params.get("top_p", 1.0)),
            rng,
        )
        label = index.labels[choice]
        return label if request.output_schema is None else _structured(label, request.output_schema)

    def _index(self, examples: tuple[Example, ...]) -> ExampleIndex:
        index = self._indexes.get(examples)
        if index is None:
            index = self._indexes[examples] = ExampleIndex(examples)
            if len(self._indexes) > _CACHED_INDEXES:
                self._indexes.popitem(last=False)
        return index


def _rng(request: Request) -> random.Random:
    """Randomness that the seed and the prompt fix together: as with any model, one seed under two prompts gives two

    unrelated samples. Without a seed it is drawn anew.
    """
    if request.seed is None:
        return random.Random()
    digest = hashlib.sha256(str(request.seed).encode())
    for message in request.messages:
        digest.update(b"\x1f" + message.content.encode("utf-8", "surrogatepass"))
    return random.Random(digest.digest())


def token_count(text: str) -> int:
    """Tokens of a text by this model's own measure: a quarter of its characters, rounded up."""
    return -(-len(text) // CHARS_PER_TOKEN)


def grams(text: str) -> Counter[str]:
    """Character n-grams of a text in lower case, its words set apart by single spaces."""
    words = "".join(char if char.isalnum() else " " for char in text.casefold()).split()
    padded = f" {' '.join(words)} "
    return Counter(padded[i : i + n] for n in _GRAM_SIZES for i in range(len(padded) - n + 1))


@dataclass(frozen=True, slots=True)
class _Fit:
    """The fitted index: `weights` is (grams, examples), its columns of unit length; `owner` the label of each."""

    vocabulary: Mapping[str, int]
    idf: NDArray[np.float64]
    weights: NDArray[np.float64]
    owner: NDArray[np.intp]


class ExampleIndex:
    """Worked examples as TF-IDF vectors over character n-grams. `labels` in the order in which they first appear."""

    def __init__(self, examples: Sequence[Example]) -> None:
        self.labels = tuple(dict.fromkeys(label for _, label in examples))
        counts = [grams(text) for text, _ in examples]
        vocabulary: dict[str, int] = {}
        for count in counts:
            for gram in count:
                vocabulary.setdefault(gram, len(vocabulary))
        weights = np.zeros((len(vocabulary), len(examples)))
        for column, count in enumerate(counts):
            for gram, times in count.items():
                weights[vocabulary[gram], column] = 1.0 + math.log(times)
        idf = np.log((1.0 + len(examples)) / (1.0 + np.count_nonzero(weights, axis=1))) + 1.0
        weights *= idf[:, None]
        norms = np.linalg.norm(weights, axis=0)
        weights /= np.where(norms > 0, norms, 1.0)
        place = {label: at for at, label in enumerate(self.labels)}
        owner = np.array([place[label] for _, label in examples], dtype=np.intp)
        self._fit = _Fit(vocabulary, idf, weights, owner)

    def similarities(self, text: str) -> NDArray[np.float64]:
        """For each label, the cosine similarity (0 to 1) of the text to that label's nearest example."""
        fit = self._fit
        known = [(fit.vocabulary[gram], times) for gram, times in grams(text).items() if gram in fit.vocabulary]
        best = np.zeros(len(self.labels))
        if not known:
            return best
        rows = np.array([row for row, _ in known], dtype=np.intp)
        vector = (1.0 + np.log(np.array([times for _, times in known], dtype=float))) * fit.idf[rows]
        cosine = (vector / np.linalg.norm(vector)) @ fit.weights[rows]
        np.maximum.at(best, fit.owner, cosine)
        return best


def sample(scores: NDArray[np.float64], temperature: float, top_p: float, rng: random.Random) -> int:
    """The place of the chosen score: the best at temperature 0, else drawn from a softmax, nucleus first."""
    if temperature <= 0:
        return int(np.argmax(scores))
    odds = np.exp((scores - scores.max()) / (_SPREAD * temperature))
    order = np.argsort(-odds, kind="stable")
    share = np.cumsum(odds[order]) / odds.sum()
    kept = int(np.searchsorted(share, min(top_p, 1.0) - 1e-12)) + 1
    drawn = rng.random() * share[min(kept, len(share)) - 1]
    return int(order[min(int(np.searchsorted(share, drawn, side="right")), len(order) - 1)])


def _refused(request: Request) -> str | None:
    """A parameter that this model does not know is refused, as real providers do, not dropped."""
    unknown = sorted(set(request.params) - _PARAMETERS)
    if unknown:
        return f'model "{request.model}" does not support the parameter {unknown[0]}; remove it from the model'
    return f'model "{request.model}" does not support tools' if request.tools else None


def _limited(text: str, params: Mapping[str, Any]) -> tuple[str, str]:
    """The text within its stop words and its limit of tokens, with the finish reason that this gives."""
    stops = params.get("stop") or ()
    for stop in [stops] if isinstance(stops, str) else stops:
        text = text.split(str(stop), 1)[0]
    limit = params.get("max_tokens")
    if isinstance(limit, int) and token_count(text) > limit:
        return text[: limit * CHARS_PER_TOKEN], "length"
    return text, "stop"


def _structured(label: str, schema: Mapping[str, Any]) -> str:
    """The label as an object of the schema: in the first property whose enum has it, else in the first text one."""
    properties = schema.get("properties")
    if not isinstance(properties, Mapping) or not properties:
        return json.dumps(label, ensure_ascii=False)
    fields = [(name, field if isinstance(field, Mapping) else {}) for name, field in properties.items()]
    chosen = next((name for name, field in fields if label in (field.get("enum") or ())), None)
    chosen = chosen or next((name for name, field in fields if field.get("type") == "string"), fields[0][0])
    return json.dumps({chosen: label}, ensure_ascii=False)

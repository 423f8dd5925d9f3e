"""The built-in model learns from its prompt, samples by its seed, and behaves as a provider does."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from llmexp_tui.domain.prompt import Message
from llmexp_tui.domain.usage import Completion, Usage
from llmexp_tui.domain.variant import Model
from llmexp_tui.providers.base import build_request
from llmexp_tui.providers.demo import NO_EXAMPLES, DemoProvider, ExampleIndex, sample

WORDS = {
    "arrival": ["where is my new card", "my card has not come yet", "how long until the card is delivered",
                "when will the card get here", "still waiting for a card in the post"],
    "stolen": ["somebody took my wallet", "my purse was stolen today", "i lost it on the bus",
               "a thief has my things", "please block it, it is gone"],
    "refund": ["i want my money back", "the shop never paid me back", "a refund is missing",
               "return the amount to me", "they owe me for a cancelled order"],
}


def prompt(shots: int, query: str) -> list[Message]:
    blocks = [f"Message: {text}\nIntent: {label}\n" for label, texts in WORDS.items() for text in texts[:shots]]
    return [Message("user", "\n".join([*blocks, f"Message: {query}\nIntent:"]))]


async def answer(messages: Sequence[Message], seed: int | None = 1, **params: Any) -> Completion:
    stream = params.pop("stream", False)
    schema = params.pop("schema", None)
    model = Model("d", "demo/icl", params=params, stream=stream)
    result = await DemoProvider({}).complete(build_request(model, messages, seed=seed, output_schema=schema))
    assert isinstance(result, Completion)
    return result


async def test_more_examples_make_it_better() -> None:
    queries = [(label, text) for label, texts in WORDS.items() for text in texts[3:]]

    async def right(shots: int) -> int:
        texts = [(await answer(prompt(shots, query), temperature=0)).text for _, query in queries]
        return sum(text == label for text, (label, _) in zip(texts, queries, strict=True))

    assert await right(5) == len(queries)
    assert await right(1) < await right(5)


async def test_temperature_0_gives_one_answer_whatever_the_seed() -> None:
    answers = {(await answer(prompt(2, "the card or the money"), seed=seed, temperature=0)).text for seed in range(8)}
    assert len(answers) == 1


async def test_a_seed_repeats_an_answer_and_another_may_not() -> None:
    question = prompt(2, "i want it, it is my card")
    drawn = [(await answer(question, seed=seed, temperature=2.0)) for seed in range(40)]
    again = [(await answer(question, seed=seed, temperature=2.0)) for seed in range(40)]
    assert drawn == again
    assert len(Counter(completion.text for completion in drawn)) > 1


async def test_one_seed_under_two_prompts_gives_unrelated_samples() -> None:
    question = prompt(2, "i want it, it is my card")
    reworded = [Message("system", "Please."), *question]
    pairs = [(await answer(question, seed=seed, temperature=2), await answer(reworded, seed=seed, temperature=2))
             for seed in range(40)]
    assert any(left.text != right.text for left, right in pairs)
    assert any(left.text == right.text for left, right in pairs)


async def test_no_temperature_means_1() -> None:
    question = prompt(2, "i want it, it is my card")
    plain = [(await answer(question, seed=seed)).text for seed in range(20)]
    assert plain == [(await answer(question, seed=seed, temperature=1.0)).text for seed in range(20)]


async def test_tokens_price_and_time_follow_the_text() -> None:
    short, long = await answer(prompt(1, "x")), await answer(prompt(5, "x"))
    sent = sum(len(message.content) for message in prompt(5, "x"))
    assert long.usage == Usage(-(-sent // 4), 2)
    assert 0 < short.latency_ms < long.latency_ms < 20
    assert (long.ttft_ms, long.finish_reason, long.model_returned) == (None, "stop", "demo/icl")
    streamed = await answer(prompt(5, "x"), stream=True)
    assert streamed.ttft_ms is not None
    assert 0 < streamed.ttft_ms < streamed.latency_ms == long.latency_ms


async def test_it_says_so_where_it_has_no_examples() -> None:
    assert (await answer([Message("user", "Tell me a story")])).text == NO_EXAMPLES


async def test_limits_of_the_answer() -> None:
    question = prompt(5, "where is my new card")
    cut = await answer(question, temperature=0, max_tokens=1)
    assert (cut.text, cut.finish_reason) == ("arri", "length")
    stopped = await answer(question, temperature=0, stop=["iv", "zz"])
    assert (stopped.text, stopped.finish_reason) == ("arr", "stop")


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"properties": {"why": {"type": "string"}, "label": {"enum": ["arrival", "stolen"]}}}, {"label": "arrival"}),
        ({"properties": {"n": {"type": "number"}, "label": {"type": "string"}}}, {"label": "arrival"}),
        ({"type": "string"}, "arrival"),
    ],
)
async def test_a_schema_shapes_the_answer(schema: dict[str, Any], expected: Any) -> None:
    result = await answer(prompt(5, "where is my new card"), temperature=0, schema=schema)
    assert json.loads(result.text) == expected


def test_a_text_is_most_like_itself() -> None:
    index = ExampleIndex([("where is my card", "a"), ("give me a refund", "b"), ("stolen purse", "c")])
    assert index.labels == ("a", "b", "c")
    scores = index.similarities("Give me a REFUND!")
    assert scores[1] == pytest.approx(1.0)
    assert scores.argmax() == 1
    assert index.similarities("ξξξ").tolist() == [0.0, 0.0, 0.0]


def test_sampling_follows_the_softmax_within_the_nucleus() -> None:
    scores, rng = np.array([0.50, 0.47, 0.20]), random.Random(3)
    drawn = Counter(sample(scores, 1.0, 1.0, rng) for _ in range(4000))
    assert drawn[0] / drawn[1] == pytest.approx(np.exp(0.03 / 0.03), rel=0.1)
    assert drawn[2] < 5
    assert {sample(scores, 1.0, 0.5, rng) for _ in range(200)} == {0}
    assert {sample(scores, 50.0, 1.0, rng) for _ in range(200)} == {0, 1, 2}

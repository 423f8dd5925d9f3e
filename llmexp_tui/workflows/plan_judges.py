"""What judges and embedding models would be asked in a check, and for how much: learnt by a rehearsal.

Each scorer scores a few rows with a stand-in for its judge, which notes what it is asked and answers by the form that
it is asked for. So the figures follow whatever a scorer does, and nothing is called.
"""

from __future__ import annotations

import json
from collections.abc import Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from llmexp_tui.domain.prompt import Message
from llmexp_tui.domain.score import Score
from llmexp_tui.domain.usage import Completion, Embeddings, likely_tokens
from llmexp_tui.engine.budget import ASSUMED_OUTPUT_TOKENS
from llmexp_tui.providers.prices import price_of
from llmexp_tui.scoring.base import Scorer
from llmexp_tui.scoring.outputs import ascore_safely, sample_of
from llmexp_tui.scoring.pairwise import against_baseline
from llmexp_tui.store import datasets
from llmexp_tui.workflows.prepare import Prepared
from llmexp_tui.workflows.session import Session

SAMPLE_ROWS = 20
STATEMENTS = 3
"""How many statements an answer is taken to hold, where a judge is asked to list them."""
SHORTEST_VERDICT = 20
"""Tokens of a verdict without its reasons."""


@dataclass(frozen=True, slots=True)
class JudgeEstimate:
    """What a scorer asks of one model over all arms, further judgements included, nothing cached.

    What several scorers ask alike is counted with the one that asks it of most answers. What is asked alike of two
    arms, which is asked once, is counted for both: which answers will be equal nobody knows.

    Tokens and USD as (low, high): from answers of a word and curt verdicts to the full allowance of both. USD None
    where the price is unknown.
    """

    metric: str
    model: str
    calls: int
    tokens: tuple[int, int]
    cost_usd: tuple[float, float] | None


def judge_estimates(session: Session, prepared: Prepared, *, aa: bool) -> tuple[JudgeEstimate, ...]:
    """One for each scorer and each model that it asks. `aa`: the baseline's A/A copy is judged as well."""
    asking = {name: _answers(prepared, scorer, aa) for name, scorer in prepared.scorers.items() if scorer.models}
    rows = _rows(session, prepared) if asking else ()
    found = []
    stand_ins = [(_StandIn(), allowed) for allowed in (1, None)]
    for name in sorted(asking, key=lambda name: -asking[name]) if rows else ():
        scorer = prepared.scorers[name]
        low, high = (_rehearsed(prepared, scorer, rows, stand_in, allowed) for stand_in, allowed in stand_ins)
        for model in high:
            found.append(_estimate(session, name, model, asking[name] / len(rows), low.get(model, []), high[model]))
    names = list(asking)
    return tuple(sorted(found, key=lambda one: names.index(one.metric)))


def _answers(prepared: Prepared, scorer: Scorer, aa: bool) -> int:
    """How many answers a scorer is asked about."""
    arms = len(prepared.candidates) + aa + (0 if scorer.needs_baseline else 1 + scorer.rejudge)
    return arms * prepared.dataset.rows * prepared.experiment.repeats


def _estimate(
    session: Session, metric: str, model: str, share: float, low: Sequence[float], high: Sequence[float]
) -> JudgeEstimate:
    """`low` and `high` are the prompt tokens of each noted call; `share` is what one noted call stands for."""
    settings = session.project.models[model]
    allowed = settings.params.get("max_tokens", ASSUMED_OUTPUT_TOKENS)
    said = [SHORTEST_VERDICT, int(allowed)]
    prompts = [sum(sizes) * share for sizes in (low, high)]
    calls = [len(sizes) * share for sizes in (low, high)]
    answers = [count * tokens for count, tokens in zip(calls, said, strict=True)]
    price = price_of(settings)
    costs = None if price is None else [
        (prompt * price.input_per_mtok + answer * price.output_per_mtok) / 1e6
        for prompt, answer in zip(prompts, answers, strict=True)
    ]
    tokens = tuple(int(prompt + answer) for prompt, answer in zip(prompts, answers, strict=True))
    cost = None if costs is None else (costs[0], costs[1])
    return JudgeEstimate(metric, model, round(calls[1]), (tokens[0], tokens[1]), cost)


def _rows(session: Session, prepared: Prepared) -> Sequence[Any]:
    refs = datasets.row_refs(session.store, prepared.dataset.hash)
    step = max(1, len(refs) // SAMPLE_ROWS)
    return list(datasets.rows_by_no(session.store, [ref.no for ref in refs[::step][:SAMPLE_ROWS]]).values())


def _rehearsed(
    prepared: Prepared, scorer: Scorer, rows: Iterable[Any], stand_in: _StandIn, tokens: int | None
) -> dict[str, list[float]]:
    """The prompt tokens of every new call, by the model's name, over answers of `tokens` (None: what is allowed)."""
    stand_in.asked = {}
    prompt, model = prepared.prompts[prepared.baseline], prepared.variants[prepared.baseline].model
    size = tokens or model.params.get("max_tokens", ASSUMED_OUTPUT_TOKENS)
    answer, other = "word" * int(size), "else" * int(size)
    for stand_in.row, row in enumerate(rows):
        messages = prompt.render(row.values).messages
        sample = sample_of(row, Completion(answer), messages, prepared.source.expected_column)
        for part in _asking(scorer):
            shown = against_baseline(sample, other) if part.needs_baseline else sample
            _through(ascore_safely(part, shown, stand_in, seed=0, repeat=0))
    return stand_in.asked


def _asking(scorer: Scorer) -> Iterator[Scorer]:
    """The scorer or its parts, those alone that ask models: own code is not run for an estimate."""
    for part in scorer.parts or (scorer,):
        if part.models:
            yield part


def _through(score: Coroutine[Any, Any, Score]) -> None:
    """Runs a coroutine that waits for nothing."""
    with suppress(StopIteration):
        score.send(None)


@dataclass(slots=True)
class _StandIn:
    """A JudgeCall that notes the prompt tokens of each call and answers by its form.

    A question that it heard about the same row is not noted again: the cache would answer it.
    """

    asked: dict[str, list[float]] = field(default_factory=dict)
    row: int = 0
    _heard: dict[tuple[Any, ...], int] = field(default_factory=dict)

    async def __call__(
        self, model_name: str, messages: tuple[Message, ...], *, output_schema: Mapping[str, Any] | None = None,
        seed: int | None = None, repeat: int = 0,
    ) -> Completion:
        question = (self.row, model_name, tuple(message.content for message in messages), seed, repeat)
        if question not in self._heard:
            self._heard[question] = len(self._heard)
            self.asked.setdefault(model_name, []).append(likely_tokens(message.content for message in messages))
        # Two questions with one answer would lead to the same questions further on, which they do not.
        said = _example(output_schema or {"type": "string"}, f"sentence {self._heard[question]} of a few words")
        return Completion(json.dumps(said), cost_usd=0.0)

    async def embed(self, model_name: str, texts: Sequence[str]) -> Embeddings:
        self.asked.setdefault(model_name, []).append(likely_tokens(texts))
        return Embeddings(tuple((1.0,) for _ in texts), cost_usd=0.0)


def _example(schema: Mapping[str, Any], text: str) -> Any:
    """A value of the form that a judge is asked for, with `text` where it may say what it likes."""
    if "enum" in schema:
        return schema["enum"][0]
    if schema["type"] == "object":
        return {key: _example(inner, text) for key, inner in schema["properties"].items()}
    if schema["type"] == "array":
        return [_example(schema["items"], text)] * STATEMENTS
    return text if schema["type"] == "string" else 0

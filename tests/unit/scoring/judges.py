"""A judge whose every answer the test writes, and a project's context that has one."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from llmexp_tui.domain.prompt import Message
from llmexp_tui.domain.score import Score
from llmexp_tui.domain.usage import Completion, Embeddings, Failure
from llmexp_tui.domain.variant import Model
from llmexp_tui.scoring.base import Sample, Scorer, ScorerContext

MODELS = {
    "jury": Model("jury", "openai/gpt-4o-2024-08-06", {"temperature": 0}),
    "loose": Model("loose", "openai/gpt-4o"),
}


def context(**files: str) -> ScorerContext:
    texts = {name.replace("__", "/") + ".md": text for name, text in files.items()}
    return ScorerContext(models=MODELS, read_text=texts.__getitem__)


@dataclass(slots=True)
class Asked:
    """One call as the scorer made it."""

    model: str
    messages: tuple[Message, ...]
    schema: Mapping[str, Any]
    seed: int | None
    repeat: int

    @property
    def system(self) -> str:
        return self.messages[0].content

    @property
    def data(self) -> str:
        return self.messages[1].content


Reply = Mapping[str, Any] | str | Failure | Completion


@dataclass(slots=True)
class ScriptedJudge:
    """Answers with `reply(asked)`: an object (sent as JSON), a text, a completion or a failure."""

    reply: Callable[[Asked], Reply]
    asked: list[Asked] = field(default_factory=list)
    embedding: Callable[[str, Sequence[str]], Embeddings | Failure] | None = None

    async def embed(self, model_name: str, texts: Sequence[str]) -> Embeddings | Failure:
        assert self.embedding is not None
        return self.embedding(model_name, texts)

    async def __call__(
        self, model_name: str, messages: tuple[Message, ...], *, output_schema: Mapping[str, Any] | None = None,
        seed: int | None = None, repeat: int = 0,
    ) -> Completion | Failure:
        one = Asked(model_name, messages, output_schema or {}, seed, repeat)
        self.asked.append(one)
        reply = self.reply(one)
        if isinstance(reply, Completion | Failure):
            return reply
        text = reply if isinstance(reply, str) else json.dumps(reply)
        return Completion(text, cost_usd=0.25, model_returned="gpt-4o-2024-08-06")


def always(*replies: Reply) -> ScriptedJudge:
    """The replies in their order, the last one for ever."""
    rest = list(replies)
    return ScriptedJudge(lambda asked: rest.pop(0) if len(rest) > 1 else rest[0])


async def hear(scorer: Scorer, sample: Sample, judge: ScriptedJudge, **turn: Any) -> Score:
    return await scorer.ascore(sample, judge, **turn)

"""The calls behind one score, a judge's and an embedding model's: fenced data, one repair, costs added up.

What cannot be read is an error and leaves the output unscored. It is never a zero: a judge's fault is not the
variant's.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from llmexp_tui.domain.hashing import text_hash
from llmexp_tui.domain.prompt import Message
from llmexp_tui.domain.score import Score
from llmexp_tui.domain.text import one_line
from llmexp_tui.domain.usage import Failure
from llmexp_tui.errors import UnknownNameError
from llmexp_tui.scoring.definition import AsyncMeasure, ScorerContext, Turn, as_text, references
from llmexp_tui.scoring.embedding import demo_embed
from llmexp_tui.scoring.fence import RULES, fenced
from llmexp_tui.scoring.reading import Unreadable, read_verdict
from llmexp_tui.scoring.sample import JudgeCall, Sample
from llmexp_tui.scoring.settings import Settings

_FORM = "Answer with one JSON object and nothing else. It has exactly this form:\n{schema}"
_REPAIR = "That answer cannot be read: {problem}. Give the same judgement again as one JSON object of the asked form."


class NoVerdict(Exception):
    """The judge could not be called or understood; the output stays unscored."""


@dataclass(slots=True)
class Hearing:
    """One output before one judge.

    `cost_usd` is the sum over its calls, None as soon as one is unknown; `returned` are the model ids that the
    provider said it used.
    """

    call: JudgeCall
    model: str
    turn: Turn
    cost_usd: float | None = 0.0
    returned: list[str] = field(default_factory=list)

    async def ask(
        self, instructions: str, parts: Sequence[tuple[str, str]], schema: Mapping[str, Any], *,
        nth: int = 0, of: int = 1, items: int | None = None,
    ) -> dict[str, Any]:
        """The judge's verdict on the parts. `nth` of `of` tells several askings of the same question apart.

        `items` is how many every list in it must have, which the form cannot say to every provider.
        Raises NoVerdict where the call fails or two answers cannot be read.
        """
        data, mark = fenced(parts)
        form = _FORM.format(schema=json.dumps(schema, ensure_ascii=False))
        system = f"{instructions}\n\n{RULES.format(mark=mark)}\n\n{form}"
        messages = (Message("system", system), Message("user", data))
        repeat = self.turn.repeat * of + nth
        text = await self._answer(messages, schema, repeat)
        try:
            return _read(text, schema, items)
        except Unreadable as error:
            repair = Message("user", _REPAIR.format(problem=error))
            again = (*messages, Message("assistant", text.strip() or "(no answer)"), repair)
        text = await self._answer(again, schema, repeat)
        try:
            return _read(text, schema, items)
        except Unreadable as error:
            raise NoVerdict(f"the judge's answer cannot be read: {one_line(str(error), 200)}") from None

    async def _answer(self, messages: tuple[Message, ...], schema: Mapping[str, Any], repeat: int) -> str:
        seed = None if self.turn.seed is None else self.turn.seed + repeat
        reply = await self.call(self.model, messages, output_schema=schema, seed=seed, repeat=repeat)
        if isinstance(reply, Failure):
            raise NoVerdict(f"the judge could not be called: {reply.kind}: {one_line(reply.message, 200)}")
        self._spend(reply.cost_usd)
        self._note(reply.model_returned)
        return reply.text

    async def embed(self, name: str, offline: bool, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """One vector a text, by the model `name` or offline. Raises NoVerdict where the call fails."""
        if offline:
            return [demo_embed(text) for text in texts]
        reply = await self.call.embed(name, texts)
        if isinstance(reply, Failure):
            raise NoVerdict(f"the embedding failed: {reply.kind}: {one_line(reply.message, 200)}")
        self._spend(reply.cost_usd)
        if name == self.model:  # else a judge's score would seem to come from two judges
            self._note(reply.model_returned)
        if len(reply.vectors) != len(texts):
            raise NoVerdict(f"{len(texts)} texts were embedded, {len(reply.vectors)} vectors came back")
        return reply.vectors

    def _spend(self, usd: float | None) -> None:
        self.cost_usd = None if self.cost_usd is None or usd is None else self.cost_usd + usd

    def _note(self, returned: str | None) -> None:
        if returned and returned not in self.returned:
            self.returned.append(returned)


def _read(text: str, schema: Mapping[str, Any], items: int | None) -> dict[str, Any]:
    verdict = read_verdict(text, schema)
    for key, value in verdict.items() if items is not None else ():
        if isinstance(value, list) and len(value) != items:
            raise Unreadable(f'"{key}" holds {len(value)} entries, not {items}')
    return verdict


Verdict = Callable[[Sample, Hearing], Awaitable[Score]]


def judged(model: str, verdict: Verdict) -> AsyncMeasure:
    """A measure that hears the judge; its costs and model ids go with the score, an error becomes no value."""

    async def measure(sample: Sample, call: JudgeCall, turn: Turn) -> Score:
        hearing = Hearing(call, model, turn)
        try:
            score = await verdict(sample, hearing)
        except NoVerdict as error:
            score = Score(None, error=str(error))
        return replace(score, cost_usd=hearing.cost_usd, model_returned=", ".join(hearing.returned) or None)

    return measure


def judge_model(settings: Settings, context: ScorerContext) -> str:
    """The name of the judge's model, which must be one of the project's. Raises ConfigError, UnknownNameError."""
    name = settings.required_text("model", 'set model = "…", one of the project\'s models')
    if name not in context.models:
        raise UnknownNameError("model", name, context.models, where=settings.where)
    return name


def judge_body(context: ScorerContext, model: str, wording: Sequence[str]) -> dict[str, Any]:
    """What of a judge is part of the fingerprint: its model with every parameter, and all words put to it."""
    words = "\x1f".join((*wording, RULES, _FORM, _REPAIR))
    return {"judge": context.models[model].identity(), "wording": text_hash(words)}


def question_of(sample: Sample, column: str | None) -> str:
    """What was asked: the row's column where one is named, else the last user message of the prompt."""
    if column is not None:
        return as_text(sample.row.get(column))
    return next((m.content for m in reversed(sample.messages) if m.role == "user"), "")


def reference_of(sample: Sample) -> str:
    """The expected answer as text. Raises NoVerdict where the row has none."""
    wanted = references(sample)
    if not wanted:
        raise NoVerdict("the row has no expected answer")
    return wanted[0] if len(wanted) == 1 else "\n".join(f"- {item}" for item in wanted)

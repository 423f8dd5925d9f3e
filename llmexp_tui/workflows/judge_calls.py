"""The calls behind one score: to a judge or an embedding model, with the cache, the budget and costs of their own.

A judge's calls never touch a run's totals or its latency: what they cost goes with the score, and counts against
the same cap. Nothing here knows what is asked.
"""

from __future__ import annotations

import asyncio
import base64
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any, cast

from llmexp_tui.domain.hashing import canonical_json
from llmexp_tui.domain.prompt import Message
from llmexp_tui.domain.usage import Completion, Embeddings, Failure, FailureKind, Request
from llmexp_tui.domain.variant import Model
from llmexp_tui.engine.breaker import Breaker
from llmexp_tui.engine.budget import Budget, Metered
from llmexp_tui.engine.lanes import Lanes
from llmexp_tui.engine.retry import RetryPolicy, call_with_retry
from llmexp_tui.engine.stop import StopFlag, StopMode
from llmexp_tui.errors import BudgetError, LlmexpError, ProviderStopError
from llmexp_tui.providers.base import Embedder, Provider, build_request
from llmexp_tui.providers.prices import price_of
from llmexp_tui.store import cache
from llmexp_tui.workflows.session import Session

_GO_ON = "finish the run with `llmexp-tui resume`; where it was complete before, say `llmexp-tui judge` again"
_RAISE = f"raise the cap and {_GO_ON}"
_MEND = f"mend the cause and {_GO_ON}"
"""Judging is a run's last step: stopped within it, the run is not complete, and `judge` asks about complete runs."""


@dataclass(slots=True)
class Bench:
    """What all judges' calls of an invocation share. `calls` were really made, `missing` were not, being offline.

    `saved` were answered from the cache; `saved_usd` is what they had cost, as far as that is known.
    """

    session: Session
    lanes: Lanes
    budget: Budget
    flag: StopFlag
    offline: bool = False
    calls: int = 0
    missing: int = 0
    saved: int = 0
    saved_usd: float = 0.0
    breakers: dict[str, Breaker] = field(default_factory=dict)
    asked: dict[bytes, asyncio.Event] = field(default_factory=dict)
    """What is being asked or embedded now: key of the question or text -> set once it was tried."""

    async def call(
        self, name: str, model: Model, provider: Provider | None, request: Request
    ) -> Completion | Failure:
        """One call with its retries, within the budget; NOT_CALLED where all is stopping.

        Raises LlmexpError where nothing more may be called.
        """
        lane = self.lanes.open(model)
        gated = _Gated(provider or lane.provider, self.flag)
        metered = Metered(gated, self.budget, f"judge {name}", price_of(model))
        try:
            result = (await call_with_retry(metered, request, lane.limiter, RetryPolicy())).result
        except BudgetError as error:
            raise BudgetError(f"{error.what}, while judging", mend=_RAISE) from None
        if result is NOT_CALLED:
            return result
        self.calls += 1
        breaker = self.breakers.setdefault(name, Breaker(name, model.model))
        problem = breaker.observe(result)
        if problem is not None:
            raise ProviderStopError(problem.what, where=f'judge "{name}"', mend=_MEND)
        return result


NOT_CALLED = Failure(FailureKind.INTERNAL, "it was not called", retryable=False)


@dataclass(frozen=True, slots=True)
class _Gated:
    """Lets no request start once a stop was asked for, wherever the call was waiting until then."""

    provider: Provider
    flag: StopFlag

    async def complete(self, request: Request) -> Completion | Failure:
        return NOT_CALLED if self.flag.requested else await self.provider.complete(request)

    async def aclose(self) -> None:
        """The lane is the invocation's."""


@dataclass(slots=True)
class ScoreCall:
    """The callable that one score's calls go through, a JudgeCall.

    `since`: answers from before that time (RFC 3339 UTC) do not count; what is asked alike in one judging, by several
    scorers or of several arms, is asked once even so. `stopped`: a call was not made, so the score is not to be kept.
    """

    bench: Bench
    rules: str
    since: str = ""
    stopped: bool = False

    async def __call__(
        self,
        model_name: str,
        messages: tuple[Message, ...],
        *,
        output_schema: Mapping[str, Any] | None = None,
        seed: int | None = None,
        repeat: int = 0,
    ) -> Completion | Failure:
        model = self.bench.session.project.models[model_name]
        key = _judge_key(model, messages, output_schema, seed, repeat)
        request = build_request(model, messages, seed=seed, output_schema=output_schema)
        try:
            return await self._judged(model_name, model, key, request)
        except LlmexpError as error:
            return self._stop(error)

    async def embed(self, model_name: str, texts: Sequence[str]) -> Embeddings | Failure:
        """One vector a text; what was embedded before, by the same model, is not sent again."""
        model = self.bench.session.project.models[model_name]
        try:
            return await self._embedded(model_name, model, texts)
        except LlmexpError as error:
            return self._stop(error)

    async def _judged(self, name: str, model: Model, key: bytes, request: Request) -> Completion | Failure:
        asked = self.bench.asked
        while not (known := self._cached([key])) and key in asked:  # both arms said the same: one verdict for both
            await asked[key].wait()
        if known:
            self.bench.saved += 1
            self.bench.saved_usd += known[key].cost_usd or 0.0
            return replace(known[key], cost_usd=0.0)
        if self._may_not_call():
            return NOT_CALLED
        asked[key] = tried = asyncio.Event()
        try:
            result = await self.bench.call(name, model, None, request)
            self.stopped = self.stopped or result is NOT_CALLED
            if isinstance(result, Completion):
                self._remember(key, result)
            return result
        finally:
            del asked[key]
            tried.set()

    async def _embedded(self, name: str, model: Model, texts: Sequence[str]) -> Embeddings | Failure:
        keys = {text: _text_key(model, text) for text in texts}
        asked, cost = self.bench.asked, cast(float | None, 0.0)
        known = self._cached(list(keys.values()))
        while missing := {text: key for text, key in keys.items() if key not in known}:
            new = {text: key for text, key in missing.items() if key not in asked}
            if new:
                result = await self._embed(name, model, new, known)
                if isinstance(result, Failure):
                    return result
                cost = None if cost is None or result.cost_usd is None else cost + result.cost_usd
            else:  # another answer waits for the same text; where that fails, it is asked for here after all
                await asked[next(iter(missing.values()))].wait()
            known = self._cached(list(keys.values())) | known
        entries = [known[keys[text]] for text in texts]
        return Embeddings(
            tuple(_unpacked(entry.text) for entry in entries), cost_usd=cost, model_returned=entries[0].model_returned
        )

    async def _embed(
        self, name: str, model: Model, new: Mapping[str, bytes], known: dict[bytes, Completion]
    ) -> Completion | Failure:
        """Has texts embedded and their vectors kept, each under its key: in the cache and in `known`.

        The cache alone would not do: after a clock that was set back it is not taken for new, and asked for again.
        """
        if self._may_not_call():
            return NOT_CALLED
        request = build_request(model, [Message("user", text) for text in new], seed=None)
        once = _EmbedOnce(self.bench.lanes, model, tuple(new))
        tried = asyncio.Event()
        self.bench.asked.update(dict.fromkeys(new.values(), tried))
        try:
            result = await self.bench.call(name, replace(model, lane="litellm"), once, request)
            self.stopped = self.stopped or result is NOT_CALLED
            if isinstance(result, Completion):
                for key, vector in zip(new.values(), once.vectors, strict=True):
                    known[key] = Completion(_packed(vector), model_returned=result.model_returned)
                    self._remember(key, known[key])
            return result
        finally:
            for key in new.values():
                del self.bench.asked[key]
            tried.set()

    def _cached(self, keys: Sequence[bytes]) -> dict[bytes, Completion]:
        hits = cache.lookup(self.bench.session.store, keys)
        since = "" if self.bench.offline else self.since
        return {key: hit.completion for key, hit in hits.items() if hit.created_at >= since}

    def _may_not_call(self) -> bool:
        self.stopped = self.stopped or self.bench.offline or self.bench.flag.requested
        self.bench.missing += self.bench.offline
        return self.stopped

    def _remember(self, key: bytes, answer: Completion) -> None:
        session = self.bench.session
        cache.remember(session.store, key, answer, rules=self.rules, at=session.at())

    def _stop(self, error: LlmexpError) -> Failure:
        """Raised on, it would count as this row's fault; it is the end of all judging."""
        self.stopped = True
        self.bench.flag.request(StopMode.DRAIN, error)
        return NOT_CALLED


@dataclass(slots=True)
class _EmbedOnce:
    """Embeds as the retrying caller wants to see it: an empty completion, the vectors kept beside it."""

    lanes: Lanes
    model: Model
    texts: tuple[str, ...]
    vectors: tuple[tuple[float, ...], ...] = ()

    async def complete(self, request: Request) -> Completion | Failure:
        embedder = cast(Embedder, self.lanes.open(replace(self.model, lane="litellm")).provider)
        found = await embedder.embed(request, self.texts)
        if isinstance(found, Failure):
            return found
        self.vectors = found.vectors
        return Completion("", usage=found.usage, latency_ms=found.latency_ms, model_returned=found.model_returned,
                          window=found.window)  # fmt: skip

    async def aclose(self) -> None:
        """The lane is the invocation's."""


def _judge_key(
    model: Model,
    messages: tuple[Message, ...],
    schema: Mapping[str, Any] | None,
    seed: int | None,
    repeat: int,
) -> bytes:
    """What identifies a judgement. The seed holds row, repeat and slot, so an A/A's judgements are its own."""
    return _key(
        {
            "judge": dict(model.identity()),
            "messages": [[m.role, m.content] for m in messages],
            "schema": schema,
            "seed": seed,
            "repeat": repeat,
        }
    )


def _text_key(model: Model, text: str) -> bytes:
    return _key({"embedding": dict(model.identity()), "text": text})


def _key(body: Mapping[str, Any]) -> bytes:
    return sha256(canonical_json(body).encode("utf-8", "surrogatepass")).digest()


def _packed(vector: Sequence[float]) -> str:
    """A vector as text, four bytes a number: as exact as providers send it, a fifth of its JSON."""
    return base64.b64encode(array("f", vector).tobytes()).decode("ascii")


def _unpacked(text: str) -> tuple[float, ...]:
    numbers = array("f")
    numbers.frombytes(base64.b64decode(text))
    return tuple(numbers)

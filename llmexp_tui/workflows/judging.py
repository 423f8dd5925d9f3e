"""Scores that need calls: asks judges about stored outputs, with a cache, a budget and costs of their own.

A judge's time is never part of a variant's latency: judging follows the calls. Rows are judged in one order over
all arms, so that a judge that drifts drifts for all alike.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from llmexp_tui.domain.hashing import canonical_json, derived_seed
from llmexp_tui.domain.prompt import Message
from llmexp_tui.domain.run import SLOT_AA, RunRecord
from llmexp_tui.domain.score import Score
from llmexp_tui.domain.text import one_line
from llmexp_tui.domain.usage import STOPS_ARM, Completion, Failure, FailureKind
from llmexp_tui.engine.budget import Budget
from llmexp_tui.engine.lanes import Lanes
from llmexp_tui.engine.plan import SEED_BITS
from llmexp_tui.engine.retry import RetryPolicy, call_with_retry
from llmexp_tui.engine.stop import StopFlag, StopMode
from llmexp_tui.errors import BudgetError, LlmexpError, ProviderStopError
from llmexp_tui.providers.base import build_request
from llmexp_tui.providers.prices import price_of
from llmexp_tui.scoring.base import Scorer
from llmexp_tui.scoring.outputs import ascore_safely, sample_of
from llmexp_tui.store import cache, datasets, scores
from llmexp_tui.store.scores import StoredAnswer
from llmexp_tui.workflows.prepare import Prepared
from llmexp_tui.workflows.session import Session

WIDTH = 16
CHUNK = 64


@dataclass(slots=True)
class Judging:
    """Asks the judges of one experiment. `calls` counts what was really asked, `offline` asks the cache alone."""

    session: Session
    prepared: Prepared
    lanes: Lanes
    budget: Budget
    flag: StopFlag
    offline: bool = False
    calls: int = 0

    async def run(self, records: Sequence[RunRecord]) -> LlmexpError | None:
        """Scores every output that a calling scorer has not seen; what stopped it, or None."""
        for scorer in self.prepared.scorers.values():
            if not scorer.calls:
                continue
            for name in scorer.models:
                model = self.session.project.models[name]
                self.budget.require_price(price_of(model), model.model)
            for record in records:
                await self._judge_run(record, scorer)
                if self.flag.error is not None:
                    return self.flag.error if isinstance(self.flag.error, LlmexpError) else None
        return None

    async def _judge_run(self, record: RunRecord, scorer: Scorer) -> None:
        for chunk in scores.outputs_for_scoring(self.session.store, record.id, scorer.fingerprint):
            for part in _parts(chunk):
                rows = datasets.rows_by_no(self.session.store, [answer.row_no for answer in part])
                found = await asyncio.gather(*(self._score(record, scorer, rows, answer) for answer in part))
                results = [(a.output_no, s) for a, s in zip(part, found, strict=True) if s is not None]
                scores.write_scores(self.session.store, scorer.fingerprint, results, at=self.session.at())
                if self.flag.requested:
                    return

    async def _score(
        self, record: RunRecord, scorer: Scorer, rows: Mapping[int, Any], answer: StoredAnswer
    ) -> Score | None:
        """The score, one with an error for what a judge got wrong, None where the run is stopping."""
        row = rows[answer.row_no]
        prompt = self.prepared.prompts.get(record.variant)
        messages = prompt.render(row.values).messages if prompt is not None else ()
        sample = sample_of(row, answer.completion, messages, self.prepared.source.expected_column)
        slot = record.slot if record.number == 1 else f"{record.slot}{record.number}"
        seed = derived_seed(record.seed, row.hash, answer.repeat, slot, "judge") & ((1 << SEED_BITS) - 1)
        call = _Call(self, record)
        score = await ascore_safely(scorer, sample, call, seed=seed, repeat=answer.repeat)
        return None if call.stopped else score


def _parts(chunk: Sequence[StoredAnswer]) -> Iterator[Sequence[StoredAnswer]]:
    for at in range(0, len(chunk), CHUNK):
        yield chunk[at : at + CHUNK]


@dataclass(slots=True)
class _Call:
    """The callable that one score's judge calls go through. `stopped`: a call was not made, nothing is to be kept."""

    judging: Judging
    record: RunRecord
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
        judging = self.judging
        model = judging.session.project.models[model_name]
        request = build_request(model, messages, seed=seed, output_schema=output_schema)
        key = _key(model.identity(), messages, output_schema, seed, repeat)
        if not (self.record.fresh or self.record.slot == SLOT_AA):
            hit = cache.lookup(judging.session.store, [key]).get(key)
            if hit is not None:
                return replace(hit.completion, cost_usd=0.0)
        if judging.offline or judging.flag.requested:
            self.stopped = not judging.offline
            return Failure(FailureKind.INTERNAL, "offline, and the judgement is not cached", retryable=False)
        price = price_of(model)
        reserved = judging.budget.estimate(request, price)
        if not judging.budget.reserve(reserved):
            self.stopped = True
            judging.flag.request(StopMode.DRAIN, BudgetError("stopped before passing the cost cap, while judging"))
            return Failure(FailureKind.INTERNAL, "over the cost cap", retryable=False)
        cost: float | None = None
        try:
            lane = judging.lanes.open(model)
            result = (await call_with_retry(lane.provider, request, lane.limiter, RetryPolicy())).result
            if isinstance(result, Completion):
                cost = result.cost_usd if price is None else price.cost(result.usage)
        finally:
            judging.budget.settle(reserved, cost)
        judging.calls += 1
        if isinstance(result, Failure):
            if result.kind in STOPS_ARM:
                self.stopped = True
                what = f'judge "{model_name}" refuses every call ({result.kind}): {one_line(result.message)}'
                error = ProviderStopError(what, mend="mend it, then `llmexp-tui resume`")
                judging.flag.request(StopMode.DRAIN, error)
            return result
        answer = replace(result, cost_usd=cost)
        cache.remember(judging.session.store, key, answer, rules=self.record.rules, at=judging.session.at())
        return answer


def _key(
    model: Mapping[str, Any],
    messages: tuple[Message, ...],
    schema: Mapping[str, Any] | None,
    seed: int | None,
    repeat: int,
) -> bytes:
    """What identifies a judgement. The seed holds row, repeat and slot, so an A/A's judgements are its own."""
    body = {
        "judge": dict(model),
        "messages": [[m.role, m.content] for m in messages],
        "schema": schema,
        "seed": seed,
        "repeat": repeat,
    }
    return sha256(canonical_json(body).encode("utf-8", "surrogatepass")).digest()

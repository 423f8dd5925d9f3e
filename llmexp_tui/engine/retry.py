"""Which failures are worth another attempt, how many, and after what wait.

One place owns retries: providers make one attempt a call, so attempts are requests. Nothing here waits while it
holds a place among the calls in flight.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from llmexp_tui.domain.usage import Completion, Failure, FailureKind, Request
from llmexp_tui.engine.limits import LONGEST_PAUSE_S, Limiter, expected_tokens
from llmexp_tui.providers.base import Provider

_ONCE_MORE = frozenset({FailureKind.MALFORMED, FailureKind.TRUNCATED})
"""Failures after which the call may have been billed: at most one more attempt."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Attempts and waits. A rate limit may last `max_wait_s` without an answer, other failures `max_attempts`.

    A provider that means a quota says so, or asks for a longer wait than a run should sleep; an hour of plain
    refusals is a storm of hundreds of them.
    """

    max_attempts: int = 3
    max_wait_s: float = 3600.0
    base_s: float = 0.5
    cap_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Attempted:
    """What came of a call, after how many requests, and how long it waited for its turns (ms)."""

    result: Completion | Failure
    attempts: int
    waited_ms: float


async def call_with_retry(
    provider: Provider,
    request: Request,
    limiter: Limiter,
    policy: RetryPolicy,
    *,
    rng: random.Random | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Attempted:
    """Calls until there is an answer or no attempt is worth its price. Raises what the provider raises."""
    rng = rng or random.Random()
    tokens = expected_tokens(request)
    failed: Counter[FailureKind] = Counter()
    waited_ms, pause_s, limited_since = 0.0, policy.base_s, None
    while True:
        permit = await limiter.acquire(tokens)
        waited_ms += permit.waited_ms
        result: Completion | Failure | None = None
        try:
            result = await provider.complete(request)
        finally:
            limiter.release(permit, result)
        attempts = failed.total() + 1
        if isinstance(result, Completion):
            return Attempted(result, attempts, waited_ms)
        failed[result.kind] += 1
        if result.kind is FailureKind.RATE_LIMIT and limited_since is None:
            limited_since = clock()
        spent_s = 0.0 if limited_since is None else clock() - max(limited_since, limiter.answered_at)
        final = _final(result, failed, policy, spent_s)
        if final is not None:
            return Attempted(final, attempts, waited_ms)
        if result.kind is not FailureKind.RATE_LIMIT:  # the limiter holds every call of the model back already
            pause_s = min(policy.cap_s, rng.uniform(policy.base_s, 3 * pause_s))
            wait_s = max(pause_s, result.retry_after_s or 0.0)
            await sleep(wait_s)
            waited_ms += wait_s * 1000.0


def _final(failure: Failure, failed: Counter[FailureKind], policy: RetryPolicy, spent_s: float) -> Failure | None:
    """The failure as it is to be stored, or None where another attempt is worth it."""
    asked_s = failure.retry_after_s or 0.0
    if asked_s > LONGEST_PAUSE_S:
        limited = failure.kind is FailureKind.RATE_LIMIT
        return _quota(failure, f"the provider asks to wait {asked_s:.0f} s") if limited else failure
    if not failure.retryable:
        return failure
    if failure.kind is FailureKind.RATE_LIMIT:
        refused = f"every call of {policy.max_wait_s / 60:.0f} min was refused; a lower rpm may help"
        return _quota(failure, refused) if spent_s + asked_s > policy.max_wait_s else None
    if failure.kind in _ONCE_MORE and failed[failure.kind] > 1:
        return failure
    tries = failed.total() - failed[FailureKind.RATE_LIMIT]
    return failure if tries >= policy.max_attempts else None


def _quota(failure: Failure, why: str) -> Failure:
    """A rate limit that lasts longer than a run should sleep is a quota: the run stops and can be resumed."""
    return replace(failure, kind=FailureKind.QUOTA, message=f"{failure.message} ({why})", retryable=False)

"""Which failures are tried again, how often and after what wait, under a held clock."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from itertools import pairwise

import pytest

from llmexp_tui.domain.prompt import Message
from llmexp_tui.domain.usage import Completion, Failure, FailureKind, Request
from llmexp_tui.domain.variant import Model
from llmexp_tui.engine.limits import Limiter
from llmexp_tui.engine.retry import Attempted, RetryPolicy, call_with_retry
from llmexp_tui.providers.base import build_request, provider_for
from llmexp_tui.providers.failures import RETRYABLE
from tests.fakes.held_time import HeldTime
from tests.fakes.model_server import ModelServer
from tests.fakes.replies import FAULTS

REQUEST = Request("openai/x", (Message("user", "hi"),))


class Replaying:
    """A provider that gives these results in turn, the last one for ever."""

    def __init__(self, results: Sequence[Completion | Failure]) -> None:
        self.results = list(results)
        self.calls = 0

    async def complete(self, request: Request) -> Completion | Failure:
        self.calls += 1
        return self.results.pop(0) if len(self.results) > 1 else self.results[0]

    async def aclose(self) -> None:
        pass


def failure(kind: FailureKind, retry_after_s: float | None = None) -> Failure:
    return Failure(kind, str(kind), kind in RETRYABLE, retry_after_s=retry_after_s)


async def attempted(time: HeldTime, *results: Completion | Failure, policy: RetryPolicy | None = None) -> Attempted:
    limiter = Limiter("m", 4, clock=time.clock, sleep=time.sleep, rng=random.Random(1))
    return await time.run(
        call_with_retry(Replaying(results), REQUEST, limiter, policy or RetryPolicy(), rng=random.Random(2),
                        clock=time.clock, sleep=time.sleep)
    )


@pytest.mark.parametrize(
    ("kind", "attempts"),
    [
        (FailureKind.PROVIDER_5XX, 3),
        (FailureKind.NETWORK, 3),
        (FailureKind.MALFORMED, 2),
        (FailureKind.TRUNCATED, 2),
        (FailureKind.TIMEOUT, 1),
        (FailureKind.AUTH, 1),
        (FailureKind.QUOTA, 1),
        (FailureKind.BAD_MODEL, 1),
        (FailureKind.BAD_REQUEST, 1),
        (FailureKind.CONTEXT_WINDOW, 1),
        (FailureKind.CONTENT_FILTER, 1),
        (FailureKind.TOO_LARGE, 1),
        (FailureKind.INTERNAL, 1),
    ],
)
async def test_how_often_each_failure_is_tried(kind: FailureKind, attempts: int) -> None:
    done = await attempted(HeldTime(), failure(kind))
    assert done.attempts == attempts
    assert done.result == failure(kind)


async def test_an_answer_after_failures_counts_its_attempts() -> None:
    time = HeldTime()
    done = await attempted(time, failure(FailureKind.NETWORK), failure(FailureKind.PROVIDER_5XX), Completion("x"))
    assert (done.result, done.attempts) == (Completion("x"), 3)
    assert done.waited_ms == pytest.approx((time.now - 1000.0) * 1000)
    assert done.waited_ms > 0


async def test_the_first_answer_waits_for_nothing() -> None:
    assert await attempted(HeldTime(), Completion("x")) == Attempted(Completion("x"), 1, 0.0)


async def test_rate_limits_are_waited_out_and_do_not_use_up_attempts() -> None:
    time = HeldTime()
    limits = [failure(FailureKind.RATE_LIMIT, 5.0)] * 6
    done = await attempted(time, *limits, failure(FailureKind.NETWORK), failure(FailureKind.NETWORK), Completion("x"))
    assert (done.result, done.attempts) == (Completion("x"), 9)
    assert time.now >= 1030.0


async def test_a_rate_limit_without_end_stops_the_run_and_costs_no_row() -> None:
    time = HeldTime()
    done = await attempted(time, failure(FailureKind.RATE_LIMIT, 30.0), policy=RetryPolicy(max_wait_s=120.0))
    assert isinstance(done.result, Failure)
    assert done.result.kind is FailureKind.QUOTA
    assert "every call of 2 min was refused" in done.result.message
    assert time.now - 1000.0 <= 120.0


async def test_a_rate_limit_is_without_end_only_where_no_other_call_is_answered() -> None:
    """One row is refused for 200 s while others are answered now and then: the provider is slow, not out of quota."""
    time = HeldTime()
    limiter = Limiter("m", 4, clock=time.clock, sleep=time.sleep, rng=random.Random(1))
    policy = RetryPolicy(max_wait_s=100.0)

    async def ask(*results: Completion | Failure) -> Attempted:
        return await call_with_retry(Replaying(results), REQUEST, limiter, policy, clock=time.clock, sleep=time.sleep)

    async def both() -> Attempted:
        refused = asyncio.create_task(ask(*[failure(FailureKind.RATE_LIMIT, 10.0)] * 20, Completion("late")))
        for _ in range(4):
            await time.sleep(50.0)
            await ask(Completion("x"))
        return await refused

    assert (await time.run(both())).result == Completion("late")
    assert time.now - 1000.0 > 200.0


async def test_a_storm_of_two_hundred_refusals_slows_down_and_finishes() -> None:
    """A provider that counts refusals and names no time: all rows are answered, none is taken for out of quota."""
    time, storm, rows = HeldTime(), 200, 300
    limiter = Limiter("m", 32, clock=time.clock, sleep=time.sleep, rng=random.Random(1))

    class Storm(Replaying):
        async def complete(self, request: Request) -> Completion | Failure:
            self.calls += 1
            refused = self.calls <= storm
            await time.sleep(0.2)
            return failure(FailureKind.RATE_LIMIT) if refused else Completion("x")

    provider = Storm([])

    async def row() -> Attempted:
        return await call_with_retry(
            provider, REQUEST, limiter, RetryPolicy(), rng=random.Random(2), clock=time.clock, sleep=time.sleep
        )

    async def all_of_them() -> list[Attempted]:
        return await asyncio.gather(*(row() for _ in range(rows)))

    done = await time.run(all_of_them())
    assert {one.result for one in done} == {Completion("x")}
    assert provider.calls == rows + storm
    assert 600.0 < time.now - 1000.0 < 1200.0, "longer than most would wait, and not so long as to be given up"


async def test_a_wait_that_no_run_should_sleep_through_is_a_quota() -> None:
    time = HeldTime()
    done = await attempted(time, failure(FailureKind.RATE_LIMIT, 3600.0))
    assert isinstance(done.result, Failure)
    assert (done.result.kind, done.result.retryable, done.attempts) == (FailureKind.QUOTA, False, 1)
    assert "3600 s" in done.result.message
    assert time.now == 1000.0


async def test_waits_grow_but_never_beyond_the_cap() -> None:
    time = HeldTime()
    policy = RetryPolicy(max_attempts=12, base_s=1.0, cap_s=8.0)
    starts: list[float] = []

    class Watched(Replaying):
        async def complete(self, request: Request) -> Completion | Failure:
            starts.append(time.now)
            return await super().complete(request)

    limiter = Limiter("m", 4, clock=time.clock, sleep=time.sleep)
    await time.run(call_with_retry(Watched([failure(FailureKind.NETWORK)]), REQUEST, limiter, policy,
                                   rng=random.Random(3), clock=time.clock, sleep=time.sleep))
    waits = [later - earlier for earlier, later in pairwise(starts)]
    assert len(waits) == 11
    assert all(1.0 <= wait <= 8.0 for wait in waits)
    assert max(waits) > 4.0
    assert len(set(waits)) > 5


async def test_a_cancelled_call_leaves_no_place_taken() -> None:
    limiter = Limiter("m", 1)

    class Hanging(Replaying):
        async def complete(self, request: Request) -> Completion | Failure:
            await asyncio.Event().wait()
            return await super().complete(request)

    task = asyncio.create_task(call_with_retry(Hanging([Completion("x")]), REQUEST, limiter, RetryPolicy()))
    while limiter.in_flight == 0:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert limiter.in_flight == 0


async def test_a_storm_of_429_over_http_loses_no_row(model_server: ModelServer) -> None:
    """Every third request is refused for 20 ms at first; all rows are answered, each once."""
    rows, concurrency = 60, 8
    refusing = set(range(0, 30, 3))
    fault = FAULTS["rate_limit"].with_headers(retry_after_ms="20")
    model_server.behave(lambda request: fault if request.index in refusing else None)
    model = Model("m", "openai/x", api_base=model_server.base_url, max_concurrency=concurrency)
    provider, limiter = provider_for(model, env={}), Limiter("m", concurrency)

    async def row(number: int) -> Attempted:
        request = build_request(model, [Message("user", f"row {number}")], seed=number)
        return await call_with_retry(provider, request, limiter, RetryPolicy())

    done = await asyncio.gather(*(row(number) for number in range(rows)))
    await provider.aclose()
    assert all(isinstance(one.result, Completion) for one in done)
    assert sum(one.attempts for one in done) == model_server.count == rows + len(refusing)
    assert model_server.peak <= concurrency
    assert max(one.result.latency_ms for one in done if isinstance(one.result, Completion)) < 5000

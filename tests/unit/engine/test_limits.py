"""Pacing under a held clock: what may be in flight, when the next call may start, how refusals slow it down."""

from __future__ import annotations

import asyncio
import random

import pytest

from llmexp_tui.domain.prompt import Message
from llmexp_tui.domain.usage import Completion, Failure, FailureKind, RateWindow, Request, Usage
from llmexp_tui.domain.variant import Model
from llmexp_tui.engine.limits import Limiter, Permit, expected_tokens, limiter_for
from tests.fakes.held_time import HeldTime

OK = Completion("x", usage=Usage(10, 5))


def refused(
    retry_after_s: float | None = None, kind: FailureKind = FailureKind.RATE_LIMIT, status: int = 429
) -> Failure:
    return Failure(kind, "slow down", True, retry_after_s=retry_after_s, status=status)


@pytest.fixture
def time() -> HeldTime:
    return HeldTime()


def limiter(time: HeldTime, concurrency: int = 8, **fields: int) -> Limiter:
    return Limiter("openai/gpt-x", concurrency, clock=time.clock, sleep=time.sleep, rng=random.Random(1), **fields)


async def test_no_more_than_max_concurrency_in_flight(time: HeldTime) -> None:
    paced, peak = limiter(time, 3), 0

    async def one() -> None:
        nonlocal peak
        permit = await paced.acquire()
        peak = max(peak, paced.in_flight)
        await time.sleep(1.0)
        paced.release(permit, OK)

    async def all_of_them() -> None:
        await asyncio.gather(*(one() for _ in range(12)))

    await time.run(all_of_them())
    assert peak == 3
    assert paced.in_flight == 0
    assert time.now == 1004.0


async def test_waiting_for_a_turn_is_told_apart_from_the_call(time: HeldTime) -> None:
    paced = limiter(time, 1)
    first = await paced.acquire()

    async def second() -> Permit:
        return await paced.acquire()

    async def both() -> Permit:
        waiter = asyncio.create_task(second())
        await time.sleep(2.0)
        paced.release(first, OK)
        return await waiter

    permit = await time.run(both())
    assert first.waited_ms == 0
    assert permit.waited_ms == pytest.approx(2000)


async def test_a_refusal_halves_and_successes_win_back_one_a_round(time: HeldTime) -> None:
    paced = limiter(time, 16)
    permits = [await paced.acquire() for _ in range(16)]
    time.now += 1
    for permit in permits:  # one wave of refusals counts once
        paced.release(permit, refused(retry_after_s=1.0))
    assert paced.current == 8
    time.now += 10
    for _ in range(40):
        paced.release(await paced.acquire(), OK)
    assert paced.current == 8  # carefully at first
    time.now += 60
    for _ in range(9):
        paced.release(await paced.acquire(), OK)
    assert paced.current == 9
    for _ in range(500):
        paced.release(await paced.acquire(), OK)
    assert paced.current == 16


@pytest.mark.parametrize(
    ("failure", "current"),
    [
        (refused(kind=FailureKind.PROVIDER_5XX, status=529), 4),
        (refused(kind=FailureKind.PROVIDER_5XX, status=503), 4),
        (refused(kind=FailureKind.PROVIDER_5XX, status=500), 8),
        (refused(kind=FailureKind.BAD_REQUEST, status=400), 8),
        (refused(kind=FailureKind.NETWORK), 8),
    ],
)
async def test_only_overload_slows_down(time: HeldTime, failure: Failure, current: int) -> None:
    paced = limiter(time, 8)
    permit = await paced.acquire()
    time.now += 1
    paced.release(permit, failure)
    assert paced.current == current


async def test_nothing_starts_before_the_time_that_was_asked_for(time: HeldTime) -> None:
    paced = limiter(time, 4)
    permits = [await paced.acquire() for _ in range(4)]
    time.now += 1
    asked_at = time.now
    for permit in permits:
        paced.release(permit, refused(retry_after_s=20.0))
    starts: list[float] = []

    async def one() -> None:
        permit = await paced.acquire()
        starts.append(time.now)
        paced.release(permit, OK)

    async def rest() -> None:
        await asyncio.gather(*(one() for _ in range(6)))

    delay, why = paced.waiting
    assert 20.0 <= delay <= 22.0
    assert why.endswith(": 429, asked to wait")
    await time.run(rest())
    assert min(starts) >= asked_at + 20.0
    assert max(starts) <= asked_at + 22.0
    assert paced.waiting == (0.0, "")


async def test_requests_a_minute_hold_in_every_minute(time: HeldTime) -> None:
    paced, starts = limiter(time, 100, rpm=30), []

    async def one() -> None:
        permit = await paced.acquire()
        starts.append(time.now)
        paced.release(permit, OK)

    async def hundred() -> None:
        await asyncio.gather(*(one() for _ in range(100)))

    await time.run(hundred())
    assert max(sum(at <= other < at + 60.0 for other in starts) for at in starts) == 30
    assert starts[-1] - starts[0] == pytest.approx(180.0, abs=4)


async def test_tokens_a_minute_are_corrected_by_what_was_used(time: HeldTime) -> None:
    paced = limiter(time, 100, tpm=1000)
    for _ in range(2):
        permit = await paced.acquire(500)
        paced.release(permit, Completion("x", usage=Usage(50, 50)))
    started = time.now
    permit = await paced.acquire(500)  # 200 of 1000 used, not 1000
    assert time.now == started
    paced.release(permit, Completion("x", usage=Usage(500, 300)))

    async def one_more() -> None:
        await paced.acquire(100)

    await time.run(one_more())
    assert time.now - started == pytest.approx(60.0, abs=2)


async def test_calls_count_for_the_tokens_that_answers_use(time: HeldTime) -> None:
    paced = limiter(time, 8, tpm=1000)
    paced.release(await paced.acquire(10), Completion("x", usage=Usage(100, 300)))
    await paced.acquire(10)
    started = time.now

    async def one_more() -> None:
        await paced.acquire(10)

    await time.run(one_more())
    assert time.now - started == pytest.approx(60.0, abs=2), "a third one of 400 tokens does not fit"


async def test_a_call_beyond_the_tokens_a_minute_still_starts(time: HeldTime) -> None:
    paced = limiter(time, 4, tpm=100)
    permit = await paced.acquire(5000)
    assert permit.waited_ms == 0


async def test_what_the_provider_says_is_left_is_heeded(time: HeldTime) -> None:
    paced = limiter(time, 8)
    permit = await paced.acquire()
    window = RateWindow(remaining_requests=2, reset_requests_s=30.0)
    paced.release(permit, Completion("x", window=window))
    starts: list[float] = []

    async def one() -> None:
        await paced.acquire()
        starts.append(time.now - 1000.0)

    async def four() -> None:
        await asyncio.gather(*(one() for _ in range(4)))

    await time.run(four())
    assert starts[:2] == [0.0, 0.0]
    assert starts[2] == pytest.approx(30.0, abs=1)


async def test_news_of_a_larger_window_ends_the_wait(time: HeldTime) -> None:
    paced = limiter(time, 8)
    first, second = await paced.acquire(), await paced.acquire()
    paced.release(first, Completion("x", window=RateWindow(remaining_requests=0, reset_requests_s=60.0)))

    async def story() -> float:
        waiter = asyncio.create_task(paced.acquire())
        await time.sleep(5.0)
        paced.release(second, Completion("x", window=RateWindow(remaining_requests=50, reset_requests_s=1.0)))
        await waiter
        return time.now

    assert await time.run(story()) <= 1007.0


async def test_a_cancelled_call_gives_its_place_back(time: HeldTime) -> None:
    paced = limiter(time, 1)
    permit = await paced.acquire()
    waiter = asyncio.create_task(paced.acquire())
    await time.settle()
    waiter.cancel()
    paced.release(permit, None)
    await time.settle()
    assert (await paced.acquire()).waited_ms == 0


@pytest.mark.parametrize("a_second", [2, 20])
async def test_a_steady_limit_is_found_and_kept(time: HeldTime, a_second: int) -> None:
    """A provider that takes so many a second and says no more than 429: all rows get done, few are refused."""
    rows, concurrency = 300, 32
    paced, refusals, served = limiter(time, concurrency), 0, [0.0] * a_second

    async def one() -> None:
        nonlocal refusals
        while True:
            permit = await paced.acquire()
            accepted = time.now - served[-a_second] >= 1.0
            if accepted:
                served.append(time.now)
            await time.sleep(0.3)
            paced.release(permit, OK if accepted else refused())
            if accepted:
                return
            refusals += 1

    async def storm() -> None:
        await asyncio.gather(*(one() for _ in range(rows)))

    await time.run(storm())
    assert len(served) == rows + a_second
    assert refusals <= 0.2 * rows + concurrency
    assert time.now - 1000.0 <= 2.5 * rows / a_second + 30.0


@pytest.mark.parametrize("call_s", [0.3, 8.0])
async def test_a_storm_that_passes_is_ridden_out(time: HeldTime, call_s: float) -> None:
    """Nothing is accepted for 90 s, then everything: the run is soon as fast as before, also with slow calls."""
    rows, concurrency = 300, 32
    paced, refusals, ends_at = limiter(time, concurrency), 0, time.now + 90.0

    async def one() -> None:
        nonlocal refusals
        while True:
            permit = await paced.acquire()
            accepted = time.now >= ends_at
            await time.sleep(call_s if accepted else 0.1)
            paced.release(permit, OK if accepted else refused())
            if accepted:
                return
            refusals += 1

    async def storm() -> None:
        await asyncio.gather(*(one() for _ in range(rows)))

    await time.run(storm())
    assert refusals <= 3 * concurrency
    assert time.now - 1000.0 <= 90.0 + 60.0 + 3 * call_s * rows / concurrency


async def test_a_long_silence_is_told(time: HeldTime) -> None:
    paced = limiter(time)
    for _ in range(2):
        permit = await paced.acquire()
        paced.release(permit, refused(60.0))
        assert paced.waiting[1] == "openai/gpt-x: 429, asked to wait"
        time.now += 130.0
        paced.release(await paced.acquire(), refused(60.0))
        assert paced.waiting[1] == "openai/gpt-x: 429, asked to wait, no answer for 2 min"
        time.now += 70.0
        paced.release(await paced.acquire(), OK)


async def test_refusals_now_and_then_do_not_bring_a_run_to_a_crawl(time: HeldTime) -> None:
    """One call in twenty is refused whatever the pace, each answer takes 2 s: not much slower than five at a time."""
    rows, concurrency, chance = 400, 32, random.Random(5)
    paced = limiter(time, concurrency)

    async def one() -> None:
        accepted = False
        while not accepted:
            permit = await paced.acquire()
            accepted = chance.random() > 0.05
            await time.sleep(2.0 if accepted else 0.1)
            paced.release(permit, OK if accepted else refused())

    async def all_of_them() -> None:
        await asyncio.gather(*(one() for _ in range(rows)))

    await time.run(all_of_them())
    assert time.now - 1000.0 <= 2.0 * rows / 4


def test_the_limiter_of_a_model_follows_its_table() -> None:
    assert limiter_for(Model("m", "openai/x", max_concurrency=5)).current == 5
    request = Request("openai/x", (Message("user", "a" * 400),), params={"max_tokens": 40})
    assert expected_tokens(request) == 140

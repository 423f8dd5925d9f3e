"""How many calls of one model may be in flight, and when the next may start.

Concurrency halves when the provider is overloaded and grows back by additions: one a round, for a while after a
refusal at most one a second. Where one call at a time is still too much, calls keep a gap that doubles and shrinks in
the same way. Both are bounded in seconds, so that a run is soon as fast as before once a storm has passed.
Waiting that the provider asks for is shared: while it lasts, no call of the model starts.
Time spent here is never part of a call's latency. Nothing here sends requests or decides about retries.
"""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from llmexp_tui.domain.usage import Completion, Failure, FailureKind, RateWindow, Request
from llmexp_tui.domain.variant import Model

WINDOW_S = 60.0
BACKOFF_START_S = 0.5
BACKOFF_CAP_S = 5.0
"""How long to wait at most before one call asks again, where the provider names no time. Longer waits would cost more
time than they spare requests; shorter ones can keep a limit of 20 requests a minute used up by refusals alone."""

OVERLOAD_STATUSES = frozenset({503, 529})
LONGEST_PAUSE_S = 120.0
"""A provider that asks for more is treated as out of quota; the shared pause never grows beyond it."""

CAUTIOUS_S = 60.0
"""How long after a refusal concurrency grows slowly: a probe that is refused costs a request."""

GAP_START_S, GAP_CAP_S = 0.05, 4.0
FASTER_PER_CALL = 0.2
"""How much the rate (calls a second) of calls that keep a gap grows with each answer."""

_SLICE_S = 1.0
"""Waits are slept in slices, so that news (a call that came back, a larger window) is heard in time."""

_ASSUMED_OUTPUT_TOKENS = 256


@dataclass(slots=True)
class _Window:
    """At most `limit` units in any 60 s. Exact, unlike a bucket that may give out twice its size at the start."""

    limit: int
    used: float = 0.0
    entries: deque[list[float]] = field(default_factory=deque)

    def wait_s(self, now: float, amount: float) -> float:
        """Seconds until `amount` fits; an amount beyond the limit fits an empty window."""
        while self.entries and self.entries[0][0] <= now - WINDOW_S:
            self.used -= self.entries.popleft()[1]
        excess = self.used + amount - self.limit
        if excess <= 0 or not self.entries:
            return 0.0
        for at, units in self.entries:
            excess -= units
            if excess <= 0:
                return at + WINDOW_S - now
        return self.entries[-1][0] + WINDOW_S - now

    def take(self, now: float, amount: float) -> list[float]:
        """Takes the amount; the entry returned may be corrected by `correct`."""
        entry = [now, amount]
        self.entries.append(entry)
        self.used += amount
        return entry

    def correct(self, entry: list[float], amount: float) -> None:
        """The amount turned out to be another; an entry that has left the window stays gone."""
        if self.entries and entry[0] >= self.entries[0][0]:
            self.used += amount - entry[1]
            entry[1] = amount


@dataclass(slots=True, eq=False)
class Permit:
    """The right to make one call. `started` is the limiter's clock; `waited_ms` what it took to get it."""

    started: float
    waited_ms: float
    tokens: list[float] | None = None


class Limiter:
    """Paces the calls of one model with one key. Clock (monotonic seconds), sleep and randomness are passed in."""

    def __init__(
        self,
        name: str,
        max_concurrency: int,
        *,
        rpm: int | None = None,
        tpm: int | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        rng: random.Random | None = None,
    ) -> None:
        self.name = name
        self._cap = float(max(1, max_concurrency))
        self._limit = self._cap
        self._in_flight = 0
        self._clock = clock
        self._sleep = sleep
        self._rng = rng or random.Random()
        self._requests = _Window(rpm) if rpm else None
        self._tokens = _Window(tpm) if tpm else None
        self._paused_until = -math.inf
        self._paused_why = ""
        self._backoff = BACKOFF_START_S
        self._decreased_at = -math.inf
        self._gap_s = 0.0
        self._call_s = 0.0
        self._call_tokens = 0.0
        self.answered_at = -math.inf
        self._refused_since = math.inf
        self._ended_at = -math.inf
        self._allowance: int | None = None
        self._allowance_until = -math.inf
        self._tokens_out_until = -math.inf
        self._turn = asyncio.Lock()
        self._freed = asyncio.Event()

    @property
    def current(self) -> int:
        """Calls that may be in flight now."""
        return max(1, int(self._limit))

    @property
    def in_flight(self) -> int:
        """Calls that are in flight."""
        return self._in_flight

    @property
    def most(self) -> int:
        """Calls that may be in flight when nothing slows them down."""
        return int(self._cap)

    @property
    def waiting(self) -> tuple[float, str]:
        """Seconds until a call may start as far as time decides, and why it may not now; (0, "") where it may."""
        now = self._clock()
        delay, why = self._delay(now, 0.0)
        if delay <= 0:
            return 0.0, ""
        silent_min = max(0.0, now - max(self._refused_since, self.answered_at)) // 60.0
        return delay, f"{self.name}: {why}" + (f", no answer for {silent_min:.0f} min" if silent_min else "")

    async def acquire(self, tokens: int = 0) -> Permit:
        """Waits for the right to make a call of about that many tokens. First come, first served."""
        asked = self._clock()
        if self._turn.locked() or not self._open(asked, tokens):
            async with self._turn:
                await self._wait(tokens)
        now = self._clock()
        self._in_flight += 1
        if self._requests is not None:
            self._requests.take(now, 1)
        if self._allowance is not None:
            self._allowance -= 1
        entry = self._tokens.take(now, self._likely(tokens)) if self._tokens is not None else None
        return Permit(now, (now - asked) * 1000.0, entry)

    def release(self, permit: Permit, result: Completion | Failure | None = None) -> None:
        """Gives the right back with what came of it (None: the call was cancelled), and adapts."""
        self._in_flight -= 1
        self._ended_at = self._clock()
        if isinstance(result, Completion):
            self._succeeded(permit, result)
        elif result is not None:
            self._failed(permit, result)
        if result is not None and result.window is not None:
            self._heed(result.window)
        self._freed.set()

    def _open(self, now: float, tokens: float) -> bool:
        return self._in_flight < self.current and self._delay(now, tokens)[0] <= 0

    async def _wait(self, tokens: int) -> None:
        while True:
            delay, _ = self._delay(self._clock(), tokens)
            if delay > 0:
                await self._sleep(min(delay, _SLICE_S))
            elif self._in_flight >= self.current:
                self._freed.clear()
                await self._freed.wait()
            else:
                return

    def _delay(self, now: float, tokens: float) -> tuple[float, str]:
        """Seconds until a call may start as far as time decides, and why."""
        waits = [(self._paused_until - now, self._paused_why), (self._tokens_out_until - now, "out of tokens")]
        if self._gap_s:
            waits.append((self._ended_at + self._gap_s - now, "slowed down by refusals"))
        if self._allowance is not None and self._allowance <= 0:
            waits.append((self._allowance_until - now, "out of requests"))
        if self._requests is not None:
            waits.append((self._requests.wait_s(now, 1), "at its requests a minute"))
        if self._tokens is not None:
            waits.append((self._tokens.wait_s(now, self._likely(tokens)), "at its tokens a minute"))
        return max(waits)

    def _likely(self, tokens: float) -> float:
        """What a call will use that is expected to use so many tokens: not less than answers have used of late."""
        return max(tokens, self._call_tokens)

    def _succeeded(self, permit: Permit, completion: Completion) -> None:
        took = self._ended_at - permit.started
        self._call_s += 0.2 * (took - self._call_s) if self._call_s else took
        self.answered_at = self._ended_at
        self._refused_since = math.inf
        if self._gap_s:
            shorter = self._gap_s / (1.0 + max(0.05, FASTER_PER_CALL * self._gap_s))
            self._gap_s = shorter if shorter > max(GAP_START_S, 0.25 * self._call_s) else 0.0
        else:
            cautious = self._ended_at - self._decreased_at < CAUTIOUS_S
            step = min(1.0, self._call_s) if cautious else 1.0
            self._limit = min(self._cap, self._limit + step / self._limit)
        if permit.started > self._decreased_at:
            self._backoff = BACKOFF_START_S
        total = completion.usage.total
        if self._tokens is not None and permit.tokens is not None and total is not None:
            self._tokens.correct(permit.tokens, total)
            self._call_tokens += 0.2 * (total - self._call_tokens) if self._call_tokens else total

    def _failed(self, permit: Permit, failure: Failure) -> None:
        limited = failure.kind is FailureKind.RATE_LIMIT
        overloaded = failure.kind is FailureKind.PROVIDER_5XX and failure.status in OVERLOAD_STATUSES
        if not limited and not overloaded:
            return
        now = self._clock()
        self._refused_since = min(self._refused_since, now)
        asked_s = failure.retry_after_s
        if asked_s is not None and asked_s <= LONGEST_PAUSE_S:
            # The jitter keeps other programs on the same key from all coming back in the same instant.
            until = now + asked_s + self._rng.uniform(0.0, min(1.0, 0.1 * asked_s))
            self._pause(until, f"{failure.status or 429}, asked to wait")
        if permit.started <= self._decreased_at:
            return  # it left before the last decrease: one wave of refusals counts once
        if self.current == 1:  # the next call starts after twice the time
            self._gap_s = min(GAP_CAP_S, max(GAP_START_S, self._call_s + 2 * self._gap_s))
        self._limit = max(1.0, self._limit / 2)
        self._decreased_at = now
        if limited and asked_s is None:
            self._backoff = min(BACKOFF_CAP_S, self._rng.uniform(BACKOFF_START_S, 3 * self._backoff))
            self._pause(now + self._backoff, f"{failure.status or 429}, waiting")

    def _pause(self, until: float, why: str) -> None:
        if until > self._paused_until:
            self._paused_until, self._paused_why = until, why

    def _heed(self, window: RateWindow) -> None:
        """Takes in what the provider says is left; calls in flight may not be counted in it yet."""
        now = self._clock()
        if window.remaining_requests is not None and window.reset_requests_s is not None:
            self._allowance = max(0, window.remaining_requests - self._in_flight)
            self._allowance_until = now + min(window.reset_requests_s, LONGEST_PAUSE_S)
        if window.remaining_tokens == 0 and window.reset_tokens_s is not None:
            self._tokens_out_until = now + min(window.reset_tokens_s, LONGEST_PAUSE_S)
        elif window.remaining_tokens:
            self._tokens_out_until = -math.inf


def limiter_for(model: Model) -> Limiter:
    """The limiter of a model, as its table in the project file says."""
    return Limiter(model.model, model.max_concurrency, rpm=model.rpm, tpm=model.tpm)


def expected_tokens(request: Request) -> int:
    """Tokens that a call is expected to use, for the tokens-a-minute limit until its usage is known."""
    sent = int(request.likely_tokens)
    allowed = request.params.get("max_tokens")
    return sent + (min(allowed, 4 * _ASSUMED_OUTPUT_TOKENS) if isinstance(allowed, int) else _ASSUMED_OUTPUT_TOKENS)

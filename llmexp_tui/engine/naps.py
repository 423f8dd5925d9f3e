"""Time in which the whole process stood still (ctrl-z, a paused container) while calls were in flight.

It is nobody's latency, and a time limit that ran out meanwhile says nothing of the provider.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar, cast

from llmexp_tui.domain.usage import Completion, Embeddings, Failure, FailureKind, Request
from llmexp_tui.providers.base import Embedder, Provider

TICK_S = 0.25
LATE_S = 2.0
"""A loop that is busy is late too, but not by that much."""

Result = TypeVar("Result", Completion | Failure, Embeddings | Failure)


@dataclass(slots=True)
class Naps:
    """Adds up how long the event loop stood still. It ticks only while somebody watches."""

    total_s: float = 0.0
    _watching: int = 0
    _due: float = 0.0
    _timer: asyncio.TimerHandle | None = field(default=None, repr=False)

    def begin(self) -> float:
        """Starts to watch; the total so far."""
        self._watching += 1
        if self._timer is None:
            self._wait()
        return self.total_s

    def end(self) -> float:
        """Ends what `begin` began; the total so far."""
        self._watching -= 1
        if not self._watching and self._timer is not None:
            self._timer.cancel()
            self._timer = None
        return self.total_s

    def _wait(self) -> None:
        loop = asyncio.get_running_loop()
        self._due = loop.time() + TICK_S
        self._timer = loop.call_at(self._due, self._tick)

    def _tick(self) -> None:
        late = asyncio.get_running_loop().time() - self._due
        self.total_s += late if late > LATE_S else 0.0
        self._wait()


@dataclass(frozen=True, slots=True)
class Awake:
    """A provider whose results are those of a process that never stood still."""

    provider: Provider
    naps: Naps

    async def complete(self, request: Request) -> Completion | Failure:
        before = self.naps.begin()
        try:
            result = await self.provider.complete(request)
        finally:
            slept_s = self.naps.end() - before
        return _without(result, slept_s) if slept_s else result

    async def embed(self, request: Request, texts: Sequence[str]) -> Embeddings | Failure:
        """As `Embedder.embed`."""
        before = self.naps.begin()
        try:
            result = await cast(Embedder, self.provider).embed(request, texts)
        finally:
            slept_s = self.naps.end() - before
        return _without(result, slept_s) if slept_s else result

    async def aclose(self) -> None:
        await self.provider.aclose()


def _without(result: Result, slept_s: float) -> Result:
    """The result without the time of the nap, as far as that lies within it; a time-out is worth another attempt."""
    slept_ms = slept_s * 1000.0
    if result.latency_ms >= slept_ms:
        result = replace(result, latency_ms=result.latency_ms - slept_ms)
    if isinstance(result, Completion) and result.ttft_ms is not None and result.ttft_ms >= slept_ms:
        return replace(result, ttft_ms=result.ttft_ms - slept_ms)
    if isinstance(result, Failure) and result.kind is FailureKind.TIMEOUT:
        said = f"{result.message} (this process stood still for {slept_s:.0f} s meanwhile)"
        return replace(result, kind=FailureKind.NETWORK, retryable=True, message=said)
    return result

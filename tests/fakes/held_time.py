"""Time that stands still until every task waits, then jumps to the next moment at which one is to wake."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
_TURNS = 300
"""Turns of the event loop after which all that can run has run; a queue of waiters takes a few turns each."""


class HeldTime:
    """A clock in seconds and a sleep that follow each other; nothing really waits."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def clock(self) -> float:
        """Seconds."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Returns when the clock has reached now + seconds."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.now + seconds, next(self._order), future))
        await future

    async def settle(self) -> None:
        """Lets everything run that does not wait for time."""
        for _ in range(_TURNS):
            await asyncio.sleep(0)

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs to the end, moving the clock whenever everything waits for it."""
        task = asyncio.ensure_future(work)
        while not task.done():
            await self.settle()
            if task.done():
                break
            if not self._sleepers:
                task.cancel()
                raise AssertionError("everything waits, and nothing for time")
            at, _, future = heapq.heappop(self._sleepers)
            self.now = max(self.now, at)
            if not future.done():
                future.set_result(None)
        return task.result()

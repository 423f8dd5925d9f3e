"""Runs the cells of a group: calls what the cache does not have, scores, and hands each cell to the writer.

It knows nothing of experiments, gates or screens. Memory is bounded by a chunk of rows and the calls in flight.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from llmexp_tui.domain.score import Score
from llmexp_tui.domain.usage import STOPS_ARM, Completion, Failure, Request
from llmexp_tui.engine.breaker import Breaker
from llmexp_tui.engine.budget import Budget, Metered
from llmexp_tui.engine.feed import Feed, Work
from llmexp_tui.engine.lanes import Lane, Lanes
from llmexp_tui.engine.plan import Arm
from llmexp_tui.engine.progress import Progress
from llmexp_tui.engine.retry import RetryPolicy, call_with_retry
from llmexp_tui.engine.stop import DRAIN_S, StopFlag, StopMode
from llmexp_tui.engine.writer import CellWriter
from llmexp_tui.errors import BudgetError, OfflineError
from llmexp_tui.providers.base import Provider
from llmexp_tui.scoring.outputs import sample_of, score_output
from llmexp_tui.store import runs
from llmexp_tui.store.cells import CellWrite
from llmexp_tui.store.datasets import RowRefs
from llmexp_tui.store.engine import Store
from llmexp_tui.store.spool import Spool

TELL_S = 1.0


@dataclass(frozen=True, slots=True)
class Conditions:
    """How cells are run. `offline`: only stored and cached answers."""

    offline: bool = False
    policy: RetryPolicy = field(default_factory=RetryPolicy)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    rng: random.Random = field(default_factory=random.Random)


class _StoppedError(Exception):
    """A call that was not started because the run is stopping."""


@dataclass(frozen=True, slots=True)
class _GatedProvider:
    """Lets no request start once a stop was asked for, wherever the call was waiting until then."""

    provider: Provider
    flag: StopFlag

    async def complete(self, request: Request) -> Completion | Failure:
        if self.flag.requested:
            raise _StoppedError
        return await self.provider.complete(request)

    async def aclose(self) -> None:
        await self.provider.aclose()


class Executor:
    """One group of arms. `run` may be called for one range of rows after the other."""

    def __init__(
        self,
        store: Store,
        arms: Sequence[Arm],
        refs: RowRefs,
        *,
        lanes: Lanes,
        budget: Budget,
        progress: Progress,
        flag: StopFlag,
        conditions: Conditions,
    ) -> None:
        self._store = store
        self._arms = tuple(arms)
        self._refs = refs
        self._lanes = lanes
        self._budget = budget
        self._progress = progress
        self._flag = flag
        self._conditions = conditions
        self._breakers = [Breaker(a.variant.name, a.variant.model.model) for a in self._arms]
        self._missing = 0
        self.calls = 0

    async def run(self, start: int = 0, stop: int | None = None) -> None:
        """Runs every open cell of rows `[start, stop)` of the seeded order.

        Raises what stopped it, a LlmexpError, after what finished is committed.
        """
        writer = CellWriter(self._store, Spool(self._store, self._arms[0].run.experiment), self._committed)
        width = self._width()
        queue: asyncio.Queue[Work | None] = asyncio.Queue(maxsize=2 * width)
        workers = [asyncio.create_task(self._work(queue, writer)) for _ in range(width)]
        producer = asyncio.create_task(self._produce(queue, writer, width, start, stop))
        watcher = asyncio.create_task(self._watch(producer, workers, queue))
        teller = asyncio.create_task(self._tell())
        failed: BaseException | None = None
        try:
            failed = await _first_error([producer, *workers])
        finally:
            await _cancel([watcher, teller, producer, *workers])
            with contextlib.suppress(BaseException):  # the writer's own error is raised below, in its turn
                await writer.close()
            self._progress.tell(force=True)
        for error in (writer.error, failed, self._flag.error):
            if error is not None:
                raise error
        self._require_nothing_missing()

    def _width(self) -> int:
        models = [arm.variant.model for arm in self._arms]
        return sum({(m.model, m.api_base, m.api_key_env): m.max_concurrency for m in models}.values())

    def _require_nothing_missing(self) -> None:
        if self._missing:
            raise OfflineError(
                f"offline, and {self._missing} answers are neither stored nor cached",
                mend="run once without --offline",
            )

    async def _tell(self) -> None:
        """What is waited for is news as well, and nothing is committed meanwhile."""
        while True:
            await asyncio.sleep(TELL_S)
            self._progress.tell()

    async def _watch(
        self, producer: asyncio.Task[None], workers: Sequence[asyncio.Task[None]], queue: asyncio.Queue[Work | None]
    ) -> None:
        """Turns the stop flag into an end: no new calls, then at most DRAIN_S for those in flight."""
        await self._flag.event.wait()
        await _cancel([producer])
        while not queue.empty():
            queue.get_nowait()
        for _ in workers:
            queue.put_nowait(None)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._flag.cancelled.wait(), DRAIN_S)
        for worker in workers:
            worker.cancel()

    async def _produce(
        self, queue: asyncio.Queue[Work | None], writer: CellWriter, width: int, start: int, stop: int | None
    ) -> None:
        done = []
        for arm in self._arms:
            done.append(set(runs.done_cells(self._store, arm.run.id)))
            self._progress.start_from(arm.run.id, len(done[-1]))
        feed = Feed(self._store, self._arms, self._refs, done, offline=self._conditions.offline)
        async for chunk in feed.chunks(start, stop):
            for item in chunk:  # before the first call: what failed alone is no bad start where the rest was answered
                self._breakers[item.cell.arm].answered += item.hit is not None
            for item in chunk:
                if item.hit is not None:
                    cell = self._record(item, item.hit.completion, 1)
                    await writer.put(replace(cell, scores=self._scores(item, item.hit.completion)))
                elif self._conditions.offline:
                    self._missing += 1
                else:
                    await queue.put(item)
        for _ in range(width):
            await queue.put(None)

    async def _work(self, queue: asyncio.Queue[Work | None], writer: CellWriter) -> None:
        while (item := await queue.get()) is not None:
            with contextlib.suppress(_StoppedError):
                await self._call(item, writer)

    async def _call(self, item: Work, writer: CellWriter) -> None:
        arm = self._arms[item.cell.arm]
        lane: Lane = self._lanes.open(arm.variant.model)
        gated = _GatedProvider(lane.provider, self._flag)
        metered = Metered(gated, self._budget, arm.variant.model.model, arm.price)
        try:
            attempted = await call_with_retry(
                metered, item.request, lane.limiter, self._conditions.policy, rng=self._conditions.rng
            )
        except BudgetError as error:
            self._flag.request(StopMode.DRAIN, error)
            return
        result = attempted.result
        self.calls += 1
        problem = self._breakers[item.cell.arm].observe(result)
        if problem is not None:
            self._flag.request(StopMode.DRAIN, problem)
        if isinstance(result, Failure) and result.kind in STOPS_ARM:
            return  # nothing was learnt about this row: it stays open for `resume`
        cell = self._record(item, result, attempted.attempts)
        writer.keep(cell)
        if isinstance(result, Completion):
            cell = replace(cell, scores=self._scores(item, result))
        await writer.put(cell)

    def _record(self, item: Work, result: Completion | Failure, attempts: int) -> CellWrite:
        """The cell as it is written, but for its scores: an answer or a failure, a cached answer by its number."""
        arm = self._arms[item.cell.arm]
        answer = result if isinstance(result, Completion) else None
        cached = item.hit is not None
        return CellWrite(
            run_id=arm.run.id,
            row_no=item.cell.row_no,
            repeat=item.cell.repeat,
            cache_key=item.key if answer is not None and not cached else None,
            completion=None if cached else answer,
            failure=result if isinstance(result, Failure) else None,
            attempts=attempts,
            cached_completion_no=None if item.hit is None else item.hit.no,
            rules=arm.run.rules,
            at=self._conditions.now().isoformat(),
        )

    def _scores(self, item: Work, answer: Completion) -> tuple[tuple[str, Score], ...]:
        arm = self._arms[item.cell.arm]
        sample = sample_of(item.row, answer, item.request.messages, arm.expected_column)
        return score_output(arm.scorers, sample)

    def _committed(self, batch: Sequence[CellWrite]) -> None:
        for cell in batch:
            self._progress.count(
                cell.run_id,
                error=cell.failure is not None,
                cached=cell.cached_completion_no is not None,
                cost_usd=None if cell.completion is None else cell.completion.cost_usd,
            )
        self._progress.tell()


async def _first_error(tasks: Sequence[asyncio.Task[None]]) -> BaseException | None:
    """Waits until all tasks end or one fails; returns the failure."""
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    return next((t.exception() for t in done if not t.cancelled() and t.exception() is not None), None)


async def _cancel(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

"""Counts what is committed and says how fast it goes. For eyes only: totals are always read from the store."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from llmexp_tui.domain.run import RunRecord
from llmexp_tui.engine.events import ArmProgress, Listener, RunProgressed
from llmexp_tui.store.pacing import Pacing

INTERVAL_S = 0.1
WINDOW_S = 5.0


@dataclass(slots=True)
class _Count:
    done: int = 0
    errors: int = 0
    cached: int = 0
    cost_usd: float = 0.0


class Progress:
    """Turns commits into at most ten events a second. `clock` is monotonic seconds."""

    def __init__(
        self, experiment: str, runs: Sequence[RunRecord], listener: Listener, clock: Callable[[], float]
    ) -> None:
        self._experiment = experiment
        self._runs = tuple(runs)
        self._counts = {run.id: _Count() for run in runs}
        self._listener = listener
        self._clock = clock
        self._calls: deque[tuple[float, int]] = deque()
        self._last = float("-inf")
        self.pacing: Callable[[datetime], Pacing | None] = lambda now: None

    def start_from(self, run: str, done: int) -> None:
        """Cells that were done before this start."""
        self._counts[run].done = done

    def count(self, run: str, *, error: bool, cached: bool, cost_usd: float | None) -> None:
        """One committed cell."""
        entry = self._counts[run]
        entry.done += 1
        entry.errors += error
        entry.cached += cached
        if not cached:
            entry.cost_usd += cost_usd or 0.0
            self._calls.append((self._clock(), 1))

    def tell(self, *, force: bool = False) -> None:
        """Sends a snapshot when the last is old enough."""
        now = self._clock()
        if not force and now - self._last < INTERVAL_S:
            return
        self._last = now
        while self._calls and self._calls[0][0] < now - WINDOW_S:
            self._calls.popleft()
        self._listener(self._snapshot(now))

    def _snapshot(self, now: float) -> RunProgressed:
        arms = tuple(
            ArmProgress(run.id, run.variant, run.slot, c.done, run.rows * run.repeats, c.errors, c.cached, c.cost_usd)
            for run in self._runs
            for c in (self._counts[run.id],)
        )
        span = max(now - self._calls[0][0], 1e-3) if self._calls else 0.0
        rate = len(self._calls) / span if span else 0.0
        left = sum(arm.total - arm.done for arm in arms)
        wall = datetime.now(UTC)
        pacing = self.pacing(wall)
        return RunProgressed(
            experiment=self._experiment,
            arms=arms,
            rate=rate,
            cost_usd=sum(arm.cost_usd for arm in arms),
            eta_s=left / rate if rate > 0 else None,
            concurrency=pacing.concurrency if pacing else 0,
            waiting=pacing.words(wall) if pacing else "",
        )

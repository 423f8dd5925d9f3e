"""How fast a run goes, from counts seen over time: calls a second over the last seconds, and the time left."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import replace

from llmexp_tui.tui.state.runs import GroupLine

_WINDOW_S = 8.0


class Pace:
    """Remembers counts of active groups. Time comes from outside (monotonic seconds)."""

    def __init__(self) -> None:
        self._seen: dict[str, deque[tuple[float, int]]] = {}

    def with_rates(self, groups: Iterable[GroupLine], now: float) -> tuple[GroupLine, ...]:
        """The groups with their rate and time left; groups that are gone are forgotten."""
        timed = tuple(self._timed(group, now) for group in groups)
        alive = {group.group for group in timed}
        for gone in [name for name in self._seen if name not in alive]:
            del self._seen[gone]
        return timed

    def _timed(self, group: GroupLine, now: float) -> GroupLine:
        seen = self._seen.setdefault(group.group, deque())
        seen.append((now, group.done))
        while now - seen[0][0] > _WINDOW_S:
            seen.popleft()
        start, before = seen[0]
        if now - start < 0.5 or group.done <= before:
            return group
        rate = (group.done - before) / (now - start)
        return replace(group, rate=rate, eta_s=(group.total - group.done) / rate)

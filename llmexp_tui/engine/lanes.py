"""One way to each model: its provider and its limiter, shared by every arm that calls it.

Keys are read from the environment here, when a lane is opened, and never leave the provider.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from llmexp_tui.domain.variant import Model
from llmexp_tui.engine.limits import Limiter
from llmexp_tui.engine.naps import Awake, Naps
from llmexp_tui.errors import ProviderStopError
from llmexp_tui.providers.base import Provider, preflight, provider_for
from llmexp_tui.store.pacing import Pacing

LaneKey = tuple[str, str | None, str | None, str]


@dataclass(frozen=True, slots=True)
class Lane:
    """A provider with the limiter that paces it."""

    provider: Provider
    limiter: Limiter


class Lanes:
    """Opens a lane at its first use; `aclose` closes every provider."""

    def __init__(self, env: Mapping[str, str], limiter: Callable[[Model], Limiter]) -> None:
        self._env = env
        self._limiter = limiter
        self._lanes: dict[LaneKey, Lane] = {}
        self._naps = Naps()

    def open(self, model: Model) -> Lane:
        """The lane of a model. Raises ProviderStopError where its key is missing."""
        key = (model.model, model.api_base, model.api_key_env, model.lane)
        lane = self._lanes.get(key)
        if lane is None:
            problem = preflight(model, self._env)
            if problem is not None:
                raise ProviderStopError(problem.message, where=f'model "{model.name}"')
            lane = Lane(Awake(provider_for(model, env=self._env), self._naps), self._limiter(model))
            self._lanes[key] = lane
        return lane

    def pacing(self, now: datetime) -> Pacing | None:
        """How fast calls may go, over all lanes, and what the lane waits for that waits longest; None before any."""
        limiters = [lane.limiter for lane in self._lanes.values()]
        if not limiters:
            return None
        delay, why = max(limiter.waiting for limiter in limiters)
        until = (now + timedelta(seconds=delay)).isoformat(timespec="seconds") if why else None
        return Pacing(sum(one.current for one in limiters), sum(one.most for one in limiters), why, until)

    async def aclose(self) -> None:
        """Closes every provider."""
        for lane in self._lanes.values():
            await lane.provider.aclose()
        self._lanes.clear()

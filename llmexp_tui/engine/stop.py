"""Why and how a run stops before its end. One flag that signals, the app, the budget and the providers all set."""

from __future__ import annotations

import asyncio
from enum import StrEnum

DRAIN_S = 10.0
"""How long calls in flight may still finish after a stop was asked for."""


class StopMode(StrEnum):
    """DRAIN: no new calls, those in flight may finish. CANCEL: calls in flight are dropped."""

    DRAIN = "drain"
    CANCEL = "cancel"


class StopFlag:
    """Set once or twice: a second, harder request turns a drain into a cancel. The first reason stays."""

    def __init__(self) -> None:
        self.event = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.error: Exception | None = None

    def request(self, mode: StopMode, error: Exception) -> None:
        """Asks for a stop; `error` is what the run will end with."""
        if self.error is None:
            self.error = error
        self.event.set()
        if mode is StopMode.CANCEL:
            self.cancelled.set()

    @property
    def requested(self) -> bool:
        """True once a stop was asked for."""
        return self.event.is_set()

"""What the engine says while it runs. Events are for eyes: the store alone is the record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ArmProgress:
    """How far one run is. `done` counts answered and failed cells, including those from cache or an earlier start."""

    run: str
    variant: str
    slot: str
    done: int
    total: int
    errors: int
    cached: int
    cost_usd: float


@dataclass(frozen=True, slots=True)
class RunProgressed:
    """A snapshot, at most ten a second. `rate` is calls a second over the last seconds, `eta_s` None while unknown.

    `waiting` says what the engine waits for (a rate limit) or is empty.
    """

    experiment: str
    arms: tuple[ArmProgress, ...]
    rate: float
    cost_usd: float
    eta_s: float | None
    concurrency: int
    waiting: str = ""


@dataclass(frozen=True, slots=True)
class StepStarted:
    """A sentence for the log: what is being done now (reading the dataset, running, comparing)."""

    experiment: str
    text: str


Event = RunProgressed | StepStarted
Listener = Callable[[Event], None]


def ignore(event: Event) -> None:
    """A listener that does not listen."""

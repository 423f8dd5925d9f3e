"""Runs: one variant over one dataset version. Runs that were started together and interleaved share a group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

SLOT_MAIN = "main"
SLOT_AA = "aa"


class RunStatus(StrEnum):
    """Where a run stands. Only COMPLETE and STOPPED_EARLY runs are judged."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETE = "complete"
    STOPPED_EARLY = "stopped_early"
    INTERRUPTED = "interrupted"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class RunRecord:
    """Everything needed to read and repeat a run. Times RFC 3339 UTC; `environment` holds versions, host, commit.

    `rows` is how many rows of the dataset version the run covers (all unless limited), `number` tells the
    runs of a close-to-the-floor plan apart (1, 2, 3). `key_name` and `key_fingerprint` say which key was used.
    """

    id: str
    group: str
    experiment: str
    variant: str
    variant_hash: str
    slot: str
    dataset: str
    dataset_hash: str
    registration: str
    rules: str
    repeats: int
    rows: int
    seed: int
    status: RunStatus
    created_at: str
    started_at: str | None = None
    ended_at: str | None = None
    who: str = ""
    host: str = ""
    commit: str | None = None
    dirty: bool | None = None
    number: int = 1
    fresh: bool = False
    key_name: str | None = None
    key_fingerprint: str | None = None
    environment: Mapping[str, Any] = field(default_factory=dict)
    stop_reason: str | None = None


@dataclass(frozen=True, slots=True)
class RunTotals:
    """Counted from a run's outputs, never from saved counters. `cost_usd` None where no call's cost is known.

    `saved_usd` is what the answers that came from the cache had cost when they were called, `planned` how many cells
    were to be answered, never less than were attempted: the rest were stopped before.
    """

    attempted: int
    completed: int
    errored: int
    cached: int
    cost_usd: float | None
    unpriced: int = 0
    tokens: int | None = None
    saved_usd: float | None = None
    planned: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "planned", max(self.planned, self.attempted))

    @classmethod
    def added(cls, totals: Sequence[RunTotals]) -> RunTotals:
        """What several runs add up to."""
        priced = sum(t.completed - t.cached - t.unpriced for t in totals)
        unpriced = sum(t.unpriced for t in totals)
        tokens = [t.tokens for t in totals if t.tokens is not None]
        saved = [t.saved_usd for t in totals if t.saved_usd is not None]
        return cls(
            attempted=sum(t.attempted for t in totals),
            completed=sum(t.completed for t in totals),
            errored=sum(t.errored for t in totals),
            cached=sum(t.cached for t in totals),
            cost_usd=sum(t.cost_usd or 0.0 for t in totals) if priced or not unpriced else None,
            unpriced=unpriced,
            tokens=sum(tokens) if tokens else None,
            saved_usd=sum(saved) if saved else None,
            planned=sum(t.planned for t in totals),
        )


@dataclass(frozen=True, slots=True)
class Output:
    """One cell's answer or failure as stored. `cached` means taken from another run's call.

    `origin_rules` is the rules hash under which the call was first made.
    """

    run: str
    row_hash: str
    repeat: int
    text: str | None
    error_kind: str | None
    error: str | None
    cached: bool
    finish_reason: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None
    latency_ms: float | None = None
    ttft_ms: float | None = None
    model_returned: str | None = None
    attempts: int = 1
    tool_calls: tuple[Mapping[str, Any], ...] = ()
    created_at: str = ""
    origin_rules: str | None = None

"""Scores and what a scorer says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

PEOPLE = ":people"
"""Stands for all people together, where scores are read by who gave them; their mean counts."""


def against(run_id: str) -> str:
    """Who gave a preference, as it is stored: the scorer, with that run's answer beside the one that is scored."""
    return f":against {run_id}"


def again(nth: int) -> str:
    """Who gave a further judgement of an output that is scored already: the scorer, for the nth time more."""
    return f":again {nth}"


@dataclass(frozen=True, slots=True)
class ScorerSpec:
    """A scorer as the project file names it: its type, its own settings and the name its metric goes by."""

    type: str
    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MetricMeta:
    """What statistics and views need to know of a metric. `type` is one of stats.MetricSpec's types.

    `range` is (lo, hi) of a bounded metric in its own unit, None where it has no bounds.
    `direction` is higher, lower or none (none: shown, never better or worse).
    """

    name: str
    type: str
    direction: str
    range: tuple[float, float] | None
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Score:
    """One score of one output. `value` None with `error` set means the scorer failed (the pair is dropped).

    `cost_usd` and `model_returned` (the id that the provider said it used) are a judge's, never the variant's.
    """

    value: float | None
    label: str | None = None
    reason: str | None = None
    error: str | None = None
    raw: float | None = None
    cost_usd: float | None = None
    model_returned: str | None = None

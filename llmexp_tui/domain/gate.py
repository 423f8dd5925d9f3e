"""Gates and plans: what is promised before the first call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

BUILT_IN_METRICS = ("latency", "ttft", "cost", "tokens", "errors")
TIME_METRICS = ("latency", "ttft")
RATIO_METRICS = (*TIME_METRICS, "cost", "tokens")
SHARE = "share"
"""The statistic that counts calls above a limit."""


@dataclass(frozen=True, slots=True)
class Gate:
    """One registered gate. `margin` is absolute in the metric's unit, or a ratio minus one where `is_ratio`.

    `limit` belongs to statistic "share": the part of calls that take longer, in milliseconds.
    `min_effect`, `max_change` and `strict` as in `stats.spec.MetricSpec`. `interval_scale` False: the scores are
    grades that may be ordered but not averaged.
    """

    metric: str
    margin: float
    statistic: str = "mean"
    role: str = "gate"
    on_inconclusive: str = "fail"
    slice: str | None = None
    min_effect: float = 0.0
    max_change: float | None = None
    strict: bool = False
    interval_scale: bool = True
    limit: float | None = None

    @property
    def is_ratio(self) -> bool:
        """True where sizes are a ratio minus one, and may be written as a percentage."""
        return self.metric in RATIO_METRICS and self.statistic != SHARE

    @property
    def slice_parts(self) -> tuple[str, str] | None:
        """(column, value) of `slice = "column=value"`."""
        if self.slice is None:
            return None
        column, _, value = self.slice.partition("=")
        return column.strip(), value.strip()

    def record(self) -> dict[str, Any]:
        """What of the gate is registered: everything. What few gates set is left out where it is not set."""
        rare = {"min_effect": self.min_effect, "max_change": self.max_change, "strict": self.strict,
                "ordered_only": not self.interval_scale, "limit": self.limit}  # fmt: skip
        return {"metric": self.metric, "margin": self.margin, "statistic": self.statistic,
                "role": self.role, "on_inconclusive": self.on_inconclusive, "slice": self.slice,
                **{name: value for name, value in rare.items() if value}}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Plan:
    """How the experiment is run and judged; all of it is registered."""

    alpha: float = 0.05
    aa: str = "required"
    runs: int = 1
    worst_run: str = "guard"
    early_stop: bool = False
    anytime: bool = False
    max_error_rate: float = 0.1
    seed: int = 1
    fresh_rows: int = 100

    def record(self) -> dict[str, Any]:
        """What of the plan is registered: everything."""
        return {"alpha": self.alpha, "aa": self.aa, "runs": self.runs, "early_stop": self.early_stop,
                "anytime": self.anytime, "max_error_rate": self.max_error_rate, "seed": self.seed,
                "fresh_rows": self.fresh_rows,
                **({} if self.worst_run == "guard" else {"worst_run": self.worst_run})}  # fmt: skip

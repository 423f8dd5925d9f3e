"""Gates and plans: what is promised before the first call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

BUILT_IN_METRICS = ("latency", "ttft", "cost", "tokens", "errors")
RATIO_METRICS = ("latency", "ttft", "cost", "tokens")


@dataclass(frozen=True, slots=True)
class Gate:
    """One registered gate. `margin` is absolute in the metric's unit, or a ratio minus one for ratio metrics."""

    metric: str
    margin: float
    statistic: str = "mean"
    role: str = "gate"
    on_inconclusive: str = "fail"
    slice: str | None = None

    @property
    def slice_parts(self) -> tuple[str, str] | None:
        """(column, value) of `slice = "column=value"`."""
        if self.slice is None:
            return None
        column, _, value = self.slice.partition("=")
        return column.strip(), value.strip()

    def record(self) -> dict[str, Any]:
        """What of the gate is registered."""
        return {"metric": self.metric, "margin": self.margin, "statistic": self.statistic,
                "role": self.role, "on_inconclusive": self.on_inconclusive, "slice": self.slice}


@dataclass(frozen=True, slots=True)
class Plan:
    """How the experiment is run and judged; all of it is registered."""

    alpha: float = 0.05
    aa: str = "required"
    runs: int = 1
    early_stop: bool = False
    anytime: bool = False
    max_error_rate: float = 0.1
    seed: int = 1
    fresh_rows: int = 100

    def record(self) -> dict[str, Any]:
        """What of the plan is registered: everything."""
        return {"alpha": self.alpha, "aa": self.aa, "runs": self.runs, "early_stop": self.early_stop,
                "anytime": self.anytime, "max_error_rate": self.max_error_rate, "seed": self.seed,
                "fresh_rows": self.fresh_rows}

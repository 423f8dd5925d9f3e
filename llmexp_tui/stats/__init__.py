"""Is the change real? Columns of numbers in, intervals, verdicts and a gate out.

NumPy and SciPy only; no store, no engine, no screen. Names are resolved at their first use (PEP 562): a screen that
shows a stored result needs `stats.result` and not NumPy. scipy.special is imported on first use, scipy.stats never.

Start at `compare_scores` (a table of scores) or `compare_arms` (columns as arrays); both answer with a `Comparison`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llmexp_tui.stats.compare import compare_arms, compare_scores
    from llmexp_tui.stats.floor import FloorKey, FloorRecord, measure_floor
    from llmexp_tui.stats.judgement import MetricData
    from llmexp_tui.stats.pairs import Samples
    from llmexp_tui.stats.result import Comparison, InfluentialRow, MetricResult, to_json
    from llmexp_tui.stats.slices import compare_slices
    from llmexp_tui.stats.spec import ComparisonPlan, Levels, MetricSpec

__all__ = [
    "Comparison",
    "ComparisonPlan",
    "FloorKey",
    "FloorRecord",
    "InfluentialRow",
    "Levels",
    "MetricData",
    "MetricResult",
    "MetricSpec",
    "Samples",
    "compare_arms",
    "compare_scores",
    "compare_slices",
    "measure_floor",
    "to_json",
]

_HOME = {
    "Comparison": "result",
    "ComparisonPlan": "spec",
    "FloorKey": "floor",
    "FloorRecord": "floor",
    "InfluentialRow": "result",
    "Levels": "spec",
    "MetricData": "judgement",
    "MetricResult": "result",
    "MetricSpec": "spec",
    "Samples": "pairs",
    "compare_arms": "compare",
    "compare_scores": "compare",
    "compare_slices": "slices",
    "measure_floor": "floor",
    "to_json": "result",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)

"""Is the change real? Columns of numbers in, intervals, verdicts and a gate out.

NumPy and SciPy only; no store, no engine, no screen. Importing it costs NumPy alone: scipy.special is imported
on first use, scipy.stats never.

Start at `compare_scores` (a table of scores) or `compare_arms` (columns as arrays); both answer with a `Comparison`.
"""

from llmexp_tui.stats.compare import compare_arms, compare_scores
from llmexp_tui.stats.floor import FloorKey, FloorRecord, measure_floor
from llmexp_tui.stats.judgement import MetricData
from llmexp_tui.stats.pairs import Samples
from llmexp_tui.stats.result import Comparison, InfluentialRow, MetricResult, to_json
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
    "measure_floor",
    "to_json",
]

"""The report for machines: the JSON that scripts hold on to.

Every promised key is always there; a number that is not known is null, never 0 and never NaN. Foreign text stays
exact: JSON in ASCII cannot act on anything.
"""

from __future__ import annotations

import json
import math
from typing import Any

from llmexp_tui.domain.hashing import shown_hash
from llmexp_tui.reports.record import ArmReport, CheckReport, ExperimentReport, RowDifference
from llmexp_tui.stats.result import Comparison, MetricResult, to_json

SCHEMA = "llmexp.check/1"


def check_json(report: CheckReport) -> dict[str, Any]:
    """A whole check as plain JSON values."""
    return {
        "schema": SCHEMA,
        "status": report.status,
        "exit_code": report.exit_code,
        "experiments": [experiment_json(experiment) for experiment in report.experiments],
    }


def comparison_json(comparison: Comparison) -> dict[str, Any]:
    """A comparison of a table of scores as plain JSON values."""
    return {
        "status": comparison.status,
        "metrics": [metric_json(metric) for metric in comparison.metrics],
        "reasons": list(comparison.reasons),
    }


def render(value: dict[str, Any]) -> str:
    """The document as ASCII text with a line end. Raises ValueError for a number that is not finite."""
    return json.dumps(value, indent=2, ensure_ascii=True, allow_nan=False) + "\n"


def metric_json(metric: MetricResult) -> dict[str, Any]:
    """One metric of one candidate: the promised names first, then what else is known."""
    entry: dict[str, Any] = to_json(metric)
    # One repeat is 1, not 1.0: readers in typed languages take a whole number as one.
    if math.isfinite(metric.repeats) and metric.repeats == int(metric.repeats):
        entry["repeats"] = int(metric.repeats)
    return entry


def experiment_json(experiment: ExperimentReport) -> dict[str, Any]:
    """One experiment as plain JSON values; also what the store keeps of a comparison."""
    dataset = experiment.dataset
    return {
        "name": experiment.name,
        "status": experiment.status,
        "question": experiment.question,
        "axis": experiment.axis,
        "registration": shown_hash(experiment.registration) if experiment.registration else None,
        "dataset": None
        if dataset is None
        else {
            "name": dataset.name,
            "version": dataset.version,
            "hash": shown_hash(dataset.hash),
            "rows": dataset.rows,
        },
        "runs": {
            "baseline": None if experiment.baseline is None else _arm(experiment.baseline),
            "candidates": [_arm(arm) for arm in experiment.candidates],
        },
        "metrics": [metric_json(metric) for metric in experiment.metrics],
        "confounded": experiment.confounded,
        "reasons": list(experiment.reasons),
        "warnings": list(experiment.warnings),
        "notes": list(experiment.notes),
        "calls": experiment.calls,
        "calls_saved": experiment.calls_saved,
        "cost_usd": to_json(experiment.cost_usd),
        "judge_noise": [to_json(noise) for noise in experiment.judge_noise],
        "slices": [metric_json(metric) for metric in experiment.slices],
        "worst_rows": [_row(row) for row in experiment.worst_rows],
    }


def _arm(arm: ArmReport) -> dict[str, Any]:
    totals = arm.totals
    return {
        "id": arm.id,
        "variant": arm.variant,
        "planned": totals.planned,
        "attempted": totals.attempted,
        "completed": totals.completed,
        "errored": totals.errored,
        "cached": totals.cached,
        "cost_usd": to_json(totals.cost_usd),
        "unpriced": totals.unpriced,
        "tokens": totals.tokens,
        "runs": list(arm.runs),
        "unscored": dict(arm.unscored),
        "judges": list(arm.judges),
        "judge_cost_usd": to_json(arm.judge_cost_usd),
    }


def _row(row: RowDifference) -> dict[str, Any]:
    """A worst row without its texts: they are in the store, and a report for machines stays small."""
    return {
        "candidate": row.candidate,
        "metric": row.metric,
        "row": row.row,
        "baseline_score": to_json(row.baseline_score),
        "candidate_score": to_json(row.candidate_score),
    }

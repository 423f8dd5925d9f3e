"""Results to write reports of: one that passes, with everything in it, and hostile texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from llmexp_tui.domain.run import RunTotals
from llmexp_tui.reports.record import (
    ArmReport,
    CheckReport,
    DatasetReport,
    ExperimentReport,
    RowDifference,
    RowScores,
)
from llmexp_tui.stats.result import MetricResult

HOSTILE = (
    "\x1b]52;c;AAAA\x07 \x9b31m \u202egpj.exe \ud800 @octocat fixes #1 ![x](http://evil.example/a.png) "
    "<script>alert(1)</script> | a | b |\n```\n</details>\n::error file=a::b\n##[command]rm\n/close\n[/bold]"
)
"""What a model may answer: escape codes, bidi, markup of every kind, log commands."""


def metric(**changes: Any) -> MetricResult:
    """A registered accuracy that improved, with changes."""
    values: dict[str, Any] = {
        "candidate": "short", "metric": "exact_match", "statistic": "mean", "type": "binary", "registered": True,
        "n_pairs": 200, "n_dropped": 0, "clusters": 200, "repeats": 1.0, "baseline": 0.78, "candidate_value": 0.85,
        "delta": 0.07, "ci_low": 0.017, "ci_high": 0.127, "ci90_low": 0.026, "ci90_high": 0.118, "p_value": 0.016,
        "p_adjusted": 0.016, "p_noninferiority": 0.00003, "margin": 0.05, "noise_floor": 0.031,
        "noise_floor_state": "measured", "mde": 0.077, "rows_needed": 200, "wins": 22, "losses": 8, "ties": 170,
        "method": "tango+mcnemar", "seed": 1234, "verdict": "improved", "equivalent": False,
        "reason": "beyond the floor", "gate": "pass", "floor_ratio": 2.26,
    }  # fmt: skip
    return MetricResult(**{**values, **changes})


def latency(**changes: Any) -> MetricResult:
    """A registered latency that did not change."""
    values: dict[str, Any] = {
        "metric": "latency", "type": "latency", "is_ratio": True, "direction": "lower", "baseline": 412.3,
        "candidate_value": 398.1, "delta": -0.03, "ci_low": -0.08, "ci_high": 0.02, "ci90_low": -0.07,
        "ci90_high": 0.01, "margin": 0.1, "verdict": "no_regression", "floor_ratio": 0.4,
    }  # fmt: skip
    return metric(**{**values, **changes})


def row(**changes: Any) -> RowDifference:
    """A row on which the candidate is worse."""
    values: dict[str, Any] = {
        "candidate": "short", "metric": "exact_match", "row": "r0147", "baseline_score": 1.0, "candidate_score": 0.0,
        "baseline_text": "card_swallowed", "candidate_text": "lost_or_stolen_card", "input": "My card is gone",
        "expected": "card_swallowed",
    }  # fmt: skip
    return RowDifference(**{**values, **changes})


def row_scores(pairs: Sequence[tuple[float, float]], labels: Sequence[str] = (), **changes: Any) -> RowScores:
    """Rows of `exact_match` with these scores (baseline, candidate); a candidate's NaN is a call that failed."""
    columns = np.array(pairs, dtype=float).reshape(-1, 2)
    values: dict[str, Any] = {
        "candidate": "short", "metric": "exact_match", "slice": None,
        "labels": labels or [f"r{n:04d}" for n in range(len(columns))], "baseline": columns[:, 0],
        "candidate_scores": columns[:, 1], "worse": columns[:, 1] < columns[:, 0], "failed": np.isnan(columns[:, 1]),
    }  # fmt: skip
    return RowScores(**{**values, **changes})


def experiment(**changes: Any) -> ExperimentReport:
    """An experiment that passes, with an exploratory metric and a worst row."""
    values: dict[str, Any] = {
        "name": "tone", "status": "pass", "question": "Does the shorter prompt keep accuracy?", "axis": "prompt",
        "registration": "a" * 64, "dataset": DatasetReport("tickets", "1.2.0", "b" * 64, 200),
        "baseline": ArmReport("run-1", "long", RunTotals(200, 199, 1, 0, 0.41)),
        "candidates": (ArmReport("run-2", "short", RunTotals(200, 200, 0, 20, None)),),
        "metrics": (
            metric(), latency(),
            metric(metric="length", type="unbounded", registered=False, gate=None, baseline=61.0,
                   candidate_value=48.0, delta=-13.2, ci_low=-14.3, ci_high=-12.1, margin=None),
        ),
        "slices": (
            metric(registered=False, gate=None, slice="channel=email", n_pairs=120, q_value=0.04),
            metric(registered=False, gate=None, slice="channel=", n_pairs=12, q_value=0.04),
            latency(registered=False, gate=None, slice="channel=email", n_pairs=120, q_value=0.9),
        ),
        "warnings": ("cost is not gated",), "notes": ("20 answers came from the cache",),
        "worst_rows": (row(),), "calls": 600, "calls_saved": 20, "cost_usd": 0.82,
    }  # fmt: skip
    return ExperimentReport(**{**values, **changes})


def check(*experiments: ExperimentReport) -> CheckReport:
    """A check of the given experiments, or of the one that passes."""
    return CheckReport(experiments or (experiment(),))


def hostile_check() -> CheckReport:
    """A check in which every foreign text is hostile."""
    arm = ArmReport("run-1", HOSTILE, RunTotals(10, 10, 0, 0, None))
    return check(
        experiment(
            name=HOSTILE, question=HOSTILE, status="fail", baseline=arm, candidates=(arm,), reasons=(HOSTILE,),
            warnings=(HOSTILE,), notes=(HOSTILE,), dataset=DatasetReport(HOSTILE, HOSTILE, "c" * 64, 10),
            metrics=(metric(candidate=HOSTILE, metric=HOSTILE, gate="fail", verdict="regressed", reason=HOSTILE,
                            slice=HOSTILE, note=HOSTILE),),
            slices=(metric(candidate=HOSTILE, metric=HOSTILE, slice=f"{HOSTILE}={HOSTILE}", q_value=0.01),),
            worst_rows=(row(candidate=HOSTILE, metric=HOSTILE, row=HOSTILE, baseline_text=HOSTILE,
                            candidate_text=HOSTILE, input=HOSTILE, expected=HOSTILE),),
        )
    )  # fmt: skip

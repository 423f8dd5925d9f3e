"""From a stored comparison's JSON back to the record that every face shows. Unknown keys are left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from llmexp_tui.domain.run import RunTotals
from llmexp_tui.reports.record import ArmReport, DatasetReport, ExperimentReport, JudgeNoise, RowDifference
from llmexp_tui.stats.result import InfluentialRow, MetricResult

_METRIC_FIELDS = frozenset(field.name for field in fields(MetricResult))


def report_of(body: Mapping[str, Any]) -> ExperimentReport:
    """The report of a stored comparison."""
    runs, dataset = body["runs"], body.get("dataset")
    metrics = tuple(metric_of(item) for item in body["metrics"])
    return ExperimentReport(
        name=body["name"],
        status=body["status"],
        question=body.get("question") or "",
        axis=body.get("axis") or "",
        registration=_bare(body.get("registration")),
        dataset=dataset
        and DatasetReport(dataset["name"], dataset["version"], _bare(dataset["hash"]), dataset["rows"]),
        baseline=runs["baseline"] and _arm(runs["baseline"]),
        candidates=tuple(_arm(item) for item in runs["candidates"]),
        metrics=metrics,
        reasons=tuple(body.get("reasons", ())),
        warnings=tuple(body.get("warnings", ())),
        notes=tuple(body.get("notes", ())),
        worst_rows=tuple(_row(item) for item in body.get("worst_rows", ())),
        confounded=bool(body.get("confounded")),
        has_gates=bool(body.get("has_gates", any(metric.registered for metric in metrics))),
        calls=body.get("calls", 0),
        calls_saved=body.get("calls_saved", 0),
        cost_usd=body.get("cost_usd"),
        slices=tuple(metric_of(item) for item in body.get("slices", ())),
        judge_noise=tuple(JudgeNoise(**item) for item in body.get("judge_noise", ())),
    )


def metric_of(item: Mapping[str, Any]) -> MetricResult:
    """One metric."""
    known = {name: value for name, value in item.items() if name in _METRIC_FIELDS}
    known["influential"] = tuple(InfluentialRow(row["row"], row["change"]) for row in item.get("influential") or ())
    known["run_deltas"] = tuple(item.get("run_deltas") or ())
    return MetricResult(**known)


def _arm(item: Mapping[str, Any]) -> ArmReport:
    totals = RunTotals(
        attempted=item["attempted"],
        completed=item["completed"],
        errored=item["errored"],
        cached=item["cached"],
        cost_usd=item["cost_usd"],
        unpriced=item.get("unpriced", 0),
        tokens=item.get("tokens"),
        planned=item.get("planned", 0),
    )
    unscored = tuple((name, number) for name, number in (item.get("unscored") or {}).items())
    judges = tuple(item.get("judges") or ())
    cost = item.get("judge_cost_usd")
    return ArmReport(item["id"], item["variant"], totals, tuple(item.get("runs") or ()), unscored, judges, cost)


def _row(item: Mapping[str, Any]) -> RowDifference:
    return RowDifference(
        item["candidate"],
        item["metric"],
        item["row"],
        item["baseline_score"],
        item["candidate_score"],
        "",
        "",
        "",
        None,
    )


def _bare(digest: str | None) -> str:
    return (digest or "").removeprefix("sha256:")

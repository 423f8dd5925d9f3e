"""Both arms' values of a metric, for histograms, and its slices. Statistics come from `stats` alone."""

from __future__ import annotations

from llmexp_tui.domain.run import RunRecord
from llmexp_tui.reports.record import ExperimentReport
from llmexp_tui.stats.result import MetricResult
from llmexp_tui.store import runs
from llmexp_tui.tui.reads.columns import column_of
from llmexp_tui.tui.reads.results import refresh_report
from llmexp_tui.tui.state.histogram import Histogram, make_histogram
from llmexp_tui.workflows.session import Session


def pair_of(report: ExperimentReport, candidate: str, session: Session) -> tuple[RunRecord, RunRecord]:
    """The two runs of a report."""
    arm = next(arm for arm in report.candidates if arm.variant == candidate)
    baseline = report.baseline.id if report.baseline else ""
    return runs.get_run(session.store, baseline), runs.get_run(session.store, arm.id)


def read_histogram(report: ExperimentReport, candidate: str, metric: str, session: Session) -> Histogram | None:
    """Every value of both arms, each repeat on its own, a cost for a thousand; None where none is stored."""
    pair = pair_of(report, candidate, session)
    unit = 1000.0 if metric == "cost" else 1.0
    left, right = (unit * column_of(session, record, metric, pair).value for record in pair)
    return make_histogram(left, right)


def read_slices(
    report: ExperimentReport, candidate: str, metric: MetricResult, session: Session
) -> tuple[MetricResult, ...]:
    """The metric's slices in the report; of a report that was stored without any, judged anew."""
    source = session.project.datasets.get(report.dataset.name) if report.dataset else None
    if not report.slices and source is not None and source.slices:
        report = refresh_report(report.name, session)
    wanted = (candidate, metric.metric, metric.statistic)
    return tuple(m for m in report.slices if (m.candidate, m.metric, m.statistic) == wanted)

"""All variants in one table: under each metric a line a variant with its level, its change and its verdict.

However many variants there are, the table grows downwards. Figures and words are the reports' own.
"""

from __future__ import annotations

from llmexp_tui.reports import figures
from llmexp_tui.reports.record import ExperimentReport
from llmexp_tui.stats.result import MetricResult
from llmexp_tui.tui.state import interval
from llmexp_tui.tui.state.cells import Line, line
from llmexp_tui.tui.state.paging import Column, TableRow
from llmexp_tui.tui.state.results import GROUP_KEY, MetricKey, candidates, change_in, metrics_of, shown_verdict

_LEVEL, _CHANGE, _VERDICT, _NAME = 25, 17, 15, 14
_LEAST_PLOT, _MOST_PLOT = 13, 48
_APART = "\x1e"


def row_key(metric: MetricResult) -> str:
    """What a candidate's line is known by."""
    return f"{MetricKey.of(metric).text}{_APART}{metric.candidate}"


def metric_at(report: ExperimentReport, key: str | None, candidate: str) -> MetricResult | None:
    """The metric of a line; of the baseline's line what it is the baseline of for `candidate`."""
    text, _, name = (key or "").partition(_APART)
    return next((m for m in metrics_of(report, name or candidate) if MetricKey.of(m).text == text), None)


def plot_cells(cells: int) -> int:
    """How wide the intervals are drawn in a table of so many cells; 0 where there is no room."""
    room = cells - 8 - _LEVEL - _CHANGE - _VERDICT - _NAME
    return min(_MOST_PLOT, room) if room >= _LEAST_PLOT else 0


def scale_of(report: ExperimentReport) -> interval.Scale:
    """The one scale of all variants."""
    found = (interval.interval_of(metric) for metric in report.metrics)
    return interval.common_scale(item for item in found if item is not None)


def table(report: ExperimentReport, cells: int) -> tuple[tuple[Column, ...], list[TableRow]]:
    """Columns and rows in so many cells."""
    found = {MetricKey.of(metric): metric.registered for metric in report.metrics}
    ordered = sorted(found, key=lambda key: not found[key])
    scale = scale_of(report)
    plot = plot_cells(cells)
    drawn = (Column("plot", interval.axis(scale, plot), plot),) if plot else ()
    baseline = report.baseline.variant if report.baseline else "baseline"
    columns = (
        Column("variant", "Variant"),
        Column("level", "Level (95 %)", _LEVEL, drop_below=70),
        Column("change", f"Change to {baseline}", _CHANGE, "right", drop_below=46),
        *drawn,
        Column("verdict", "Verdict", _VERDICT),
    )
    rows = [row for key in ordered for row in _metric_rows(report, key, baseline, scale, plot)]
    return columns, rows


def _metric_rows(
    report: ExperimentReport, key: MetricKey, baseline: str, scale: interval.Scale, plot: int
) -> list[TableRow]:
    own = [m for name in candidates(report) for m in metrics_of(report, name) if MetricKey.of(m) == key]
    first = own[0]
    said = f"  registered, margin {figures.margin_text(first)}" if first.registered else "  exploratory"
    title = line((figures.metric_title(first), "strong"), (said, "muted"))
    widest = max(own, key=lambda metric: metric.n_pairs)
    level = line((figures.arm_level(widest, baseline=True), "muted"))
    empty: tuple[Line, ...] = ((),) if plot else ()
    return [
        TableRow(GROUP_KEY + key.text, (title,), heading=True),
        TableRow(key.text, (line((f" {baseline}", "muted")), level, line(("baseline", "muted")), *empty, ())),
        *(TableRow(row_key(metric), _cells(metric, scale, plot)) for metric in own),
    ]


def _cells(metric: MetricResult, scale: interval.Scale, plot: int) -> tuple[Line, ...]:
    tone, verdict = shown_verdict(metric)
    drawn = (interval.draw(interval.interval_of(metric, tone), scale, plot),) if plot else ()
    return (
        line(f" {metric.candidate}"),
        line(figures.arm_level(metric, baseline=False)),
        line(change_in(metric, _CHANGE)),
        *drawn,
        verdict,
    )

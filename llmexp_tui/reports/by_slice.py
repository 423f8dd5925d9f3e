"""The table of slices, chosen and worded one way for every face: what is worth a line, and what chance makes of it.

Slices are exploratory: nothing here says passed or failed. Statistics come from `stats.slices` alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from llmexp_tui.domain.text import one_line
from llmexp_tui.reports import figures
from llmexp_tui.reports.record import ExperimentReport
from llmexp_tui.stats.result import SLICE_ROWS, MetricResult, is_small, stands_out

MOST_LINES = 60


def shown_slices(report: ExperimentReport) -> tuple[MetricResult, ...]:
    """Every slice of the scores that the experiment is about, metric by metric: the registered ones, else all.

    What calls cost and take is in the JSON and the app: it moves in every slice alike, and would fill the page.
    """
    scores = [m for m in report.metrics if m.metric not in figures.CALL_METRICS]
    registered = {(m.candidate, m.metric) for m in scores if m.registered}
    about = registered or {(m.candidate, m.metric) for m in scores}
    order = list(dict.fromkeys((m.candidate, m.metric) for m in report.slices))
    chosen = [m for m in report.slices if (m.candidate, m.metric) in about]
    return tuple(sorted(chosen, key=lambda m: order.index((m.candidate, m.metric)))[:MOST_LINES])


def slices_note(shown: Sequence[MetricResult]) -> str:
    """One sentence on what looking at so many slices means."""
    found = sum(stands_out(metric) for metric in shown)
    looks = f"{len(shown):,} slice{'s' if len(shown) != 1 else ''}"
    if not found:
        return f"None of {looks} stands out: with so many, some look good or bad by chance alone."
    verb = "stands" if found == 1 else "stand"
    return f"{found:,} of {looks} {verb} out, marked *; of what is so marked, about 1 in 10 is chance all the same."


def slice_metric(metric: MetricResult) -> str:
    """The metric's title without its slice."""
    return one_line(figures.metric_title(replace(metric, slice=None)), 40)


def slice_name(metric: MetricResult) -> str:
    """`channel = email` without foreign control."""
    column, _, value = (metric.slice or "").partition("=")
    return f"{one_line(column, 24)} = {one_line(value, 40) or '(empty)'}"


def slice_mark(metric: MetricResult) -> str:
    """What the table says of a slice: `*` where it stands out, why not where it cannot."""
    if stands_out(metric):
        return f"* q {figures.p_text(metric.q_value)}"
    if is_small(metric):
        return f"under {SLICE_ROWS} rows"
    return f"q {figures.p_text(metric.q_value)}"

"""The drawing of an estimate with its interval, on one scale for all metrics of a panel.

The scale is in percent: points of a bounded score's range, percent of a ratio, percent of the baseline for what has
no bounds. The floor is a band around zero, the margin one mark on the side that is worse. Text only, no colours.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from llmexp_tui.stats.result import MetricResult
from llmexp_tui.tui.state.cells import Line, Span

_LIMITS = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0)
_HEADROOM = 1.08

ZERO, FLOOR, MARGIN, ESTIMATE, DASH, LEFT, RIGHT, OVER_LEFT, OVER_RIGHT = "│░┆●─├┤◂▸"


@dataclass(frozen=True, slots=True)
class Interval:
    """One interval in percent. `floor` is half the band's width, `margin` the signed place of the mark."""

    estimate: float
    low: float
    high: float
    floor: float | None = None
    margin: float | None = None
    tone: str = ""


def interval_of(metric: MetricResult, tone: str = "") -> Interval | None:
    """A metric's interval in percent; None where there is nothing to draw."""
    if metric.delta is None or metric.ci_low is None or metric.ci_high is None:
        return None
    unit = percent_unit(metric)
    if unit is None:
        return None
    worse = -1.0 if metric.direction == "higher" else 1.0
    return Interval(
        estimate=metric.delta * unit,
        low=metric.ci_low * unit,
        high=metric.ci_high * unit,
        floor=None if metric.noise_floor is None else abs(metric.noise_floor) * unit,
        margin=None if metric.margin is None or not metric.registered else worse * abs(metric.margin) * unit,
        tone=tone,
    )


def percent_unit(metric: MetricResult) -> float | None:
    """What a delta is multiplied by to be percent; None where no scale fits (no bounds and a baseline of zero)."""
    if metric.is_ratio or metric.type in ("binary", "bounded", "share", "errors", "pairwise"):
        return 100.0
    return 100.0 / abs(metric.baseline) if metric.baseline else None


def common_limit(intervals: Iterable[Interval]) -> float:
    """The end of a symmetric scale that holds estimates, floors, margins, and intervals unless they are wild."""
    reach = 0.0
    for item in intervals:
        must = max(abs(item.estimate), item.floor or 0.0, abs(item.margin or 0.0))
        wide = max(abs(item.low), abs(item.high))
        reach = max(reach, must, min(wide, 4 * must) if must else wide)
    reach *= _HEADROOM
    return next((limit for limit in _LIMITS if limit >= reach), _LIMITS[-1])


def draw(interval: Interval | None, limit: float, cells: int) -> Line:
    """The interval in exactly `cells` cells on the scale -limit … +limit."""
    if interval is None or cells < 5:
        return (Span(" " * max(cells, 0)),)
    marks: list[Span] = [Span(" ")] * cells
    if interval.floor:
        for x in range(_cell(-interval.floor, limit, cells), _cell(interval.floor, limit, cells) + 1):
            marks[x] = Span(FLOOR, "band")
    if interval.margin is not None and abs(interval.margin) <= limit:
        marks[_cell(interval.margin, limit, cells)] = Span(MARGIN, "accent")
    marks[_cell(0.0, limit, cells)] = Span(ZERO, "rule")
    _bar(marks, interval, limit)
    return _joined(marks)


def _bar(marks: list[Span], interval: Interval, limit: float) -> None:
    cells = len(marks)
    first, last = _cell(interval.low, limit, cells), _cell(interval.high, limit, cells)
    for x in range(first, last + 1):
        if marks[x].text not in (MARGIN, ZERO):
            marks[x] = Span(DASH, interval.tone)
    marks[first] = Span(OVER_LEFT if interval.low < -limit else LEFT, interval.tone)
    marks[last] = Span(OVER_RIGHT if interval.high > limit else RIGHT, interval.tone)
    marks[_cell(interval.estimate, limit, cells)] = Span(ESTIMATE, interval.tone)


def axis(limit: float, cells: int) -> str:
    """The scale's labels in exactly `cells` cells: both ends, zero, and the halves where there is room."""
    if cells < 9:
        return " " * max(cells, 0)
    line = [" "] * cells
    places = [-limit, 0.0, limit] if cells < 24 else [-limit, -limit / 2, 0.0, limit / 2, limit]
    for value in places:
        label = f"{value:+.3g}".replace("-", "−") if value else "0"
        start = min(max(0, _cell(value, limit, cells) - len(label) // 2), cells - len(label))
        if all(char == " " for char in line[max(0, start - 1) : start + len(label) + 1]):
            line[start : start + len(label)] = label
    return "".join(line)


def legend() -> Line:
    """What the marks mean."""
    return (
        Span(ESTIMATE),
        Span(" estimate  ", "muted"),
        Span(LEFT + RIGHT),
        Span(" 95 %  ", "muted"),
        Span(FLOOR, "band"),
        Span(" noise floor  ", "muted"),
        Span(MARGIN, "accent"),
        Span(" margin", "muted"),
    )


def _cell(value: float, limit: float, cells: int) -> int:
    if not math.isfinite(value):
        return 0 if value < 0 else cells - 1
    place = (value + limit) / (2 * limit) * (cells - 1)
    return min(cells - 1, max(0, round(place)))


def _joined(marks: list[Span]) -> Line:
    joined: list[Span] = []
    for mark in marks:
        if joined and joined[-1].tone == mark.tone:
            joined[-1] = Span(joined[-1].text + mark.text, mark.tone)
        else:
            joined.append(mark)
    return tuple(joined)

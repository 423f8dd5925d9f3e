"""The drawing of an estimate with its interval, on one scale for all metrics of a panel.

The scale is in percent: points of a bounded score's range, percent of a ratio, percent of the baseline for what has
no bounds. Where some changes are many times larger than others the scale is logarithmic on both sides of zero, so
that a cost that tripled does not squeeze a score's five points into one cell. Text only, no colours.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from llmexp_tui.reports.figures import minus
from llmexp_tui.stats.result import MetricResult
from llmexp_tui.tui.state.cells import Line, Span

_LIMITS = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0)
_HEADROOM = 1.08
_WILD = 12.0
"""From here on, largest to smallest, a linear scale would show the smallest as nothing."""
_LINEAR_PART = 1.0
"""Up to so many percent a logarithmic scale is nearly linear."""

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

    @property
    def reach(self) -> float:
        """How far from zero the scale must go for this one; a wild interval's end may stay outside."""
        must = max(abs(self.estimate), self.floor or 0.0, abs(self.margin or 0.0))
        wide = max(abs(self.low), abs(self.high))
        return min(wide, max(4 * must, 1.0)) if wide > must else must


@dataclass(frozen=True, slots=True)
class Scale:
    """From -limit to +limit percent."""

    limit: float = 10.0
    logarithmic: bool = False

    def share(self, value: float) -> float:
        """Where a value is, -1 … 1."""
        if self.logarithmic:
            return math.asinh(value / _LINEAR_PART) / math.asinh(self.limit / _LINEAR_PART)
        return value / self.limit

    def cell(self, value: float, cells: int) -> int:
        """The cell of a value in a drawing of so many."""
        if not math.isfinite(value):
            return 0 if value < 0 else cells - 1
        return min(cells - 1, max(0, round((self.share(value) + 1) / 2 * (cells - 1))))

    def ticks(self) -> list[float]:
        """How far from zero labels go on both sides, the most important first."""
        if not self.logarithmic:
            return [self.limit, self.limit / 2]
        return [self.limit, *(tick for tick in (10.0, 100.0, 1.0) if tick < self.limit / 2)]


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
    if metric.is_ratio or metric.net or metric.type in ("binary", "bounded", "share", "errors", "pairwise"):
        return 100.0
    return 100.0 / abs(metric.baseline) if metric.baseline else None


def common_scale(intervals: Iterable[Interval]) -> Scale:
    """The one scale on which all of these can be read."""
    reaches = [item.reach for item in intervals if item.reach > 0]
    if not reaches:
        return Scale()
    longest = max(reaches) * _HEADROOM
    limit = next((limit for limit in _LIMITS if limit >= longest), _LIMITS[-1])
    return Scale(limit, logarithmic=max(reaches) > _WILD * min(reaches) and limit > 20.0)


def draw(interval: Interval | None, scale: Scale, cells: int) -> Line:
    """The interval in exactly `cells` cells."""
    if interval is None or cells < 5:
        return (Span(" " * max(cells, 0)),)
    marks: list[Span] = [Span(" ")] * cells
    if interval.floor:
        for x in range(scale.cell(-interval.floor, cells), scale.cell(interval.floor, cells) + 1):
            marks[x] = Span(FLOOR, "band")
    if interval.margin is not None and abs(interval.margin) <= scale.limit:
        marks[scale.cell(interval.margin, cells)] = Span(MARGIN, "accent")
    marks[scale.cell(0.0, cells)] = Span(ZERO, "rule")
    _bar(marks, interval, scale)
    return _joined(marks)


def _bar(marks: list[Span], interval: Interval, scale: Scale) -> None:
    cells = len(marks)
    first, last = scale.cell(interval.low, cells), scale.cell(interval.high, cells)
    for x in range(first, last + 1):
        if marks[x].text not in (MARGIN, ZERO):
            marks[x] = Span(DASH, interval.tone)
    marks[first] = Span(OVER_LEFT if interval.low < -scale.limit else LEFT, interval.tone)
    marks[last] = Span(OVER_RIGHT if interval.high > scale.limit else RIGHT, interval.tone)
    inside = abs(interval.estimate) <= scale.limit
    beyond = OVER_RIGHT if interval.estimate > 0 else OVER_LEFT
    marks[scale.cell(interval.estimate, cells)] = Span(ESTIMATE if inside else beyond, interval.tone)


def axis(scale: Scale, cells: int) -> str:
    """The scale's labels in exactly `cells` cells: zero, both ends, and what else has room on both sides."""
    if cells < 9:
        return " " * max(cells, 0)
    row = [" "] * cells
    row[scale.cell(0.0, cells)] = "0"
    for tick in scale.ticks():
        placed = [_placed(sign * tick, scale, cells) for sign in (-1, 1)]
        if all(set(row[max(0, start - 1) : start + len(label) + 1]) == {" "} for start, label in placed):
            for start, label in placed:
                row[start : start + len(label)] = label
    return "".join(row)


def _placed(value: float, scale: Scale, cells: int) -> tuple[int, str]:
    """Where a label starts, and the label."""
    label = minus(f"{value / 1000:+.3g}k" if abs(value) >= 1000 else f"{value:+.3g}")
    return min(max(0, scale.cell(value, cells) - len(label) // 2), cells - len(label)), label


def legend(scale: Scale) -> Line:
    """What the marks mean, and of a scale that is not linear that it is not."""
    return (
        Span(ESTIMATE),
        Span(" change  ", "muted"),
        Span(LEFT + RIGHT),
        Span(" 95 %  ", "muted"),
        Span(FLOOR, "band"),
        Span(" noise floor  ", "muted"),
        Span(MARGIN, "accent"),
        Span(" margin", "muted"),
        *([Span("  log", "accent"), Span(" scale", "muted")] if scale.logarithmic else []),
    )


def _joined(marks: Sequence[Span]) -> Line:
    joined: list[Span] = []
    for mark in marks:
        if joined and joined[-1].tone == mark.tone:
            joined[-1] = Span(joined[-1].text + mark.text, mark.tone)
        else:
            joined.append(mark)
    return tuple(joined)

"""Slices as a table: each with its change, its interval on one scale, and what looking at many makes of it."""

from __future__ import annotations

from collections.abc import Sequence

from llmexp_tui.reports import figures
from llmexp_tui.reports.by_slice import slice_mark
from llmexp_tui.stats.result import MetricResult, is_small, stands_out
from llmexp_tui.tui.state import interval
from llmexp_tui.tui.state.cells import Line, line
from llmexp_tui.tui.state.format import count
from llmexp_tui.tui.state.paging import Column, TableRow
from llmexp_tui.tui.state.results import change_in

_LEAST_PLOT, _CHANGE = 11, 16


def parts_of(item: MetricResult) -> tuple[str, str]:
    """(column, value) of a slice."""
    column, _, value = (item.slice or "").partition("=")
    return column, value


def table(slices: Sequence[MetricResult], arms: str, cells: int) -> tuple[tuple[Column, ...], list[TableRow]]:
    """Columns and rows in so many cells; `arms` names both sides."""
    plot = min(40, cells - 85)
    scale = interval.common_scale(found for item in slices if (found := interval.interval_of(item)) is not None)
    columns = [
        Column("slice", "Slice"),
        Column("rows", "Rows", 6, "right"),
        Column("values", arms, 18, "right", drop_below=70),
        Column("change", "Change", _CHANGE, "right"),
        Column("chance", "Chance", 13, drop_below=46),
    ]
    rows = [(item, _cells(item)) for item in slices]
    if plot >= _LEAST_PLOT:  # a narrow window keeps the slices' names
        columns.append(Column("plot", interval.axis(scale, plot), plot))
        rows = [(item, (*row, _drawn(item, scale, plot))) for item, row in rows]
    return tuple(columns), [TableRow(item.slice or "", row) for item, row in rows]


def _drawn(item: MetricResult, scale: interval.Scale, plot: int) -> Line:
    return interval.draw(interval.interval_of(item, "muted" if is_small(item) else "info"), scale, plot)


def _cells(item: MetricResult) -> tuple[Line, ...]:
    column, value = parts_of(item)
    tone = "muted" if is_small(item) else ""
    return (
        line((f"{column} ", "muted"), (value or "(empty)", tone)),
        line((count(item.n_pairs), tone)),
        line((figures.arm_values(item), tone)),
        line((change_in(item, _CHANGE), tone)),
        line((slice_mark(item), "strong" if stands_out(item) else "muted")),
    )

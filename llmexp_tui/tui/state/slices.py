"""Slices as a table: each with its change and interval on one scale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from llmexp_tui.reports import figures
from llmexp_tui.stats.result import MetricResult
from llmexp_tui.tui.state import interval
from llmexp_tui.tui.state.cells import Line, line
from llmexp_tui.tui.state.format import count
from llmexp_tui.tui.state.paging import Column, TableRow


class Slice(Protocol):
    """What is shown of a slice."""

    @property
    def column(self) -> str: ...
    @property
    def value(self) -> str: ...
    @property
    def rows(self) -> int: ...
    @property
    def result(self) -> MetricResult | None: ...


def key_of(item: Slice) -> str:
    """The table key of a slice."""
    return f"{item.column}\x1f{item.value}"


def table(slices: Sequence[Slice], cells: int) -> tuple[tuple[Column, ...], list[TableRow]]:
    """Columns and rows in so many cells."""
    plot = max(11, min(40, cells - 66))
    drawn = [interval.interval_of(item.result) for item in slices if item.result is not None]
    scale = interval.common_scale(found for found in drawn if found is not None)
    columns = (
        Column("slice", "Slice"),
        Column("rows", "Rows", 6, "right"),
        Column("values", "Baseline → candidate", 18, "right", drop_below=70),
        Column("change", "Change", 16, "right"),
        Column("plot", interval.axis(scale, plot), plot),
    )
    return columns, [TableRow(key_of(item), _cells(item, scale, plot)) for item in slices]


def _cells(item: Slice, scale: interval.Scale, plot: int) -> tuple[Line, ...]:
    name = line((f"{item.column} ", "muted"), item.value or "(empty)")
    if item.result is None:
        return (name, line(count(item.rows)), (), line(("too few rows", "muted")), ())
    found = interval.interval_of(item.result, "info")
    return (
        name,
        line(count(item.rows)),
        line(figures.arm_values(item.result)),
        line(figures.change(item.result)),
        interval.draw(found, scale, plot),
    )

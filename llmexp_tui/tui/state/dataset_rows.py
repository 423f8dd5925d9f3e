"""Rows of a dataset as a table and as text."""

from __future__ import annotations

import json
from collections.abc import Sequence

from llmexp_tui.domain.dataset import Row
from llmexp_tui.domain.hashing import canonical_json
from llmexp_tui.tui.state.cells import Line, line
from llmexp_tui.tui.state.paging import Column, TableRow

_LEAST_CELLS = 14
_KEY = 16


def columns(names: Sequence[str], cells: int) -> tuple[Column, ...]:
    """The key, then as many of the dataset's columns as have room."""
    room = max(1, (max(cells, 60) - _KEY - 4) // (_LEAST_CELLS + 2))
    return (Column("\x1fkey", "Row", _KEY), *(Column(name, name) for name in names[:room]))


def table_row(row: Row, names: Sequence[str]) -> TableRow:
    """A row's cells for the given columns."""
    return TableRow(row.key, (line(row.key), *(_cell(row, name) for name in names)))


def _cell(row: Row, name: str) -> Line:
    if name not in row.values:
        return line(("absent", "muted"))
    value = row.values[name]
    if value is None:
        return line(("null", "muted"))
    if value == "":
        return line(("empty", "muted"))
    return line(value if isinstance(value, str) else canonical_json(value))


def row_text(row: Row) -> str:
    """Every column with its value, one under the other."""
    return "\n".join(
        f"{name}: {value if isinstance(value, str) else canonical_json(value)}" for name, value in row.values.items()
    )


def row_json(row: Row) -> str:
    """The row as JSON."""
    return json.dumps(dict(row.values), ensure_ascii=False, indent=2)

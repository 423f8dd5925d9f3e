"""Rows of a dataset as a table and as text."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from rich.cells import cell_len

from llmexp_tui.domain.dataset import Row
from llmexp_tui.domain.hashing import canonical_json
from llmexp_tui.tui.state.cells import Line, line, width
from llmexp_tui.tui.state.paging import Column, TableRow

_LEAST_CELLS = 14
_KEY = 16


def columns(names: Sequence[str], cells: int, widest: Mapping[str, int] | None = None) -> tuple[Column, ...]:
    """The key, then as many of the dataset's columns as have room.

    A column of narrow values takes what the `widest` of them needs; long texts share the rest.
    """
    room = max(1, (max(cells, 60) - _KEY - 4) // (_LEAST_CELLS + 2))
    shown = names[:room]
    share = (max(cells, 60) - _KEY - 4) // max(1, len(shown)) - 2
    narrow = {name: size + 1 for name, size in (widest or {}).items() if name in shown and size <= share}
    if len(narrow) == len(shown):
        narrow = {}
    return (Column("\x1fkey", "Row", _KEY), *(Column(name, name, narrow.get(name, 0)) for name in shown))


def widest_values(rows: Iterable[Row], names: Sequence[str]) -> dict[str, int]:
    """By column: the cells that its title and its values in these rows take at most."""
    found = {name: cell_len(name) for name in names}
    for row in rows:
        for name in names:
            found[name] = max(found[name], width(_cell(row, name)))
    return found


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

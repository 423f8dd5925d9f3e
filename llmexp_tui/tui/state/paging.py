"""A window on a long list that is never read whole: pages in an LRU, fetched by whoever owns the threads."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from llmexp_tui.tui.state.cells import Align, Line

PAGE_ROWS = 128
_KEPT_PAGES = 48


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `width` 0 takes the room that is left; `drop_below` hides it in narrower tables."""

    key: str
    title: str
    width: int = 0
    align: Align = "left"
    drop_below: int = 0


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row of a table: its key (stable over refreshes) and a line for each column.

    A heading is its first line over the whole width; the cursor passes over it.
    """

    key: str
    cells: tuple[Line, ...]
    heading: bool = False


class PageSource(Protocol):
    """Where rows come from. Both calls may block; they are made in a thread where `immediate` is False."""

    @property
    def immediate(self) -> bool:
        """True where both calls cost nothing (the rows are in memory)."""

    def count(self) -> int:
        """How many rows there are."""

    def page(self, start: int, size: int) -> Sequence[TableRow]:
        """Rows start … start + size - 1, fewer at the end."""

    def locate(self, key: str) -> int | None:
        """The index of a key, None where it is not there or not cheap to know."""


class ListSource:
    """Rows already in memory: short lists."""

    immediate = True

    def __init__(self, rows: Iterable[TableRow] = ()) -> None:
        self.rows = tuple(rows)

    def count(self) -> int:
        """How many rows there are."""
        return len(self.rows)

    def page(self, start: int, size: int) -> Sequence[TableRow]:
        """A slice."""
        return self.rows[start : start + size]

    def locate(self, key: str) -> int | None:
        """The index of a key."""
        return next((index for index, row in enumerate(self.rows) if row.key == key), None)


class PageCache:
    """The pages at hand. `generation` changes with the source, so that late pages of an old one are dropped."""

    def __init__(self) -> None:
        self.total = 0
        self.generation = 0
        self._pages: OrderedDict[int, Sequence[TableRow]] = OrderedDict()

    def reset(self, total: int) -> None:
        """Forget everything: the source changed and has `total` rows."""
        self.total = total
        self.generation += 1
        self._pages.clear()

    def put(self, number: int, rows: Sequence[TableRow]) -> None:
        """Keep a page; the one least used goes when there are too many."""
        self._pages[number] = rows
        self._pages.move_to_end(number)
        while len(self._pages) > _KEPT_PAGES:
            self._pages.popitem(last=False)

    def row(self, index: int) -> TableRow | None:
        """A row if its page is here."""
        number, place = divmod(index, PAGE_ROWS)
        page = self._pages.get(number)
        if page is None:
            return None
        self._pages.move_to_end(number)
        return page[place] if place < len(page) else None

    def missing(self, first: int, last: int) -> list[int]:
        """The page numbers between two row indices (inclusive) that are not here."""
        if self.total == 0:
            return []
        low, high = max(0, first) // PAGE_ROWS, min(self.total - 1, last) // PAGE_ROWS
        return [number for number in range(low, high + 1) if number not in self._pages]


def column_widths(columns: Sequence[Column], cells: int, gap: int = 1) -> list[tuple[Column, int]]:
    """The columns that are shown in `cells` cells and how wide each is; flexible ones share what is left."""
    shown = [column for column in columns if cells >= column.drop_below]
    fixed = sum(column.width for column in shown) + gap * max(0, len(shown) - 1)
    flexible = sum(column.width == 0 for column in shown)
    share, rest = divmod(max(0, cells - fixed), flexible) if flexible else (0, 0)
    widths: list[tuple[Column, int]] = []
    for column in shown:
        extra = 0
        if column.width == 0:
            extra, rest = share + (1 if rest > 0 else 0), rest - 1
        widths.append((column, column.width or extra))
    return widths

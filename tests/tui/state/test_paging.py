"""Pages and columns: what a long table keeps and where its columns stand."""

from __future__ import annotations

import pytest

from llmexp_tui.tui.state.paging import PAGE_ROWS, Column, PageCache, TableRow, column_widths

COLUMNS = (Column("a", "A", 10), Column("b", "B"), Column("c", "C", 6, "right", drop_below=60), Column("d", "D"))


def page(number: int) -> list[TableRow]:
    return [TableRow(str(number * PAGE_ROWS + place), ()) for place in range(PAGE_ROWS)]


def test_a_row_is_known_once_its_page_is() -> None:
    cache = PageCache()
    cache.reset(1_000_000)
    assert cache.missing(999_990, 1_000_005) == [999_999 // PAGE_ROWS]
    cache.put(7_000, page(7_000))
    row = cache.row(7_000 * PAGE_ROWS + 3)
    assert row is not None and row.key == str(7_000 * PAGE_ROWS + 3)


def test_memory_does_not_grow_with_what_was_seen() -> None:
    cache = PageCache()
    cache.reset(10_000_000)
    for number in range(1_000):
        cache.put(number, page(number))
    assert sum(cache.row(number * PAGE_ROWS) is not None for number in range(1_000)) <= 64


def test_another_source_makes_late_pages_strangers() -> None:
    cache = PageCache()
    cache.reset(500)
    before = cache.generation
    cache.put(0, page(0))
    cache.reset(500)
    assert cache.generation != before and cache.row(0) is None


@pytest.mark.parametrize("cells", range(40, 140))
def test_columns_fill_the_width_exactly(cells: int) -> None:
    placed = column_widths(COLUMNS, cells)
    assert sum(size for _, size in placed) + len(placed) - 1 == cells
    assert ("c" in {column.key for column, _ in placed}) == (cells >= 60)


def test_a_table_too_narrow_for_its_fixed_columns_does_not_fail() -> None:
    assert [size for _, size in column_widths(COLUMNS, 5)] == [10, 0, 0]

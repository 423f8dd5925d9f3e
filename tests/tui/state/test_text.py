"""Cells, times and histograms as text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from llmexp_tui.tui.state.cells import Span, cut, fit, line, plain, width
from llmexp_tui.tui.state.format import age, bar, duration, milliseconds, plural, score, short_hash
from llmexp_tui.tui.state.histogram import bar_text, draw_histogram, make_histogram
from llmexp_tui.tui.state.home import spark

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


def test_foreign_text_is_visible_and_on_one_line() -> None:
    assert plain(line("a\x1b[2J\nb\u202ec")) == "a␛[2J⏎b‹U+202E›c"


def test_markup_is_only_text() -> None:
    assert plain(line("[/x][@click=app.quit]")) == "[/x][@click=app.quit]"


@pytest.mark.parametrize("cells", range(14))
def test_fitting_gives_exactly_so_many_cells(cells: int) -> None:
    assert width(fit(line(("漢字かな", "good"), "tail"), cells)) == cells


def test_what_is_cut_says_so_and_keeps_its_tone() -> None:
    assert cut(line(("abcdef", "bad"), "gh"), 4) == (Span("abc…", "bad"),)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (5, "now"), (120, "2 min"), (4 * 3600, "4 h"), (3 * 86_400, "3 d"), (100 * 86_400, "3 mo"),
        (900 * 86_400, "2 y"),
    ],
)  # fmt: skip
def test_ages(seconds: int, shown: str) -> None:
    assert len(shown) <= 6, "as much as the column has"
    assert age((NOW - timedelta(seconds=seconds)).isoformat(), NOW) == shown


def test_unknown_is_a_dash_never_zero() -> None:
    assert age(None, NOW) == duration(None) == milliseconds(None) == score(None) == short_hash(None) == "–"


def test_durations_and_counts() -> None:
    assert [duration(value) for value in (4, 200, 3600, 7500)] == ["4 s", "3 min 20 s", "1 h", "2 h 5 min"]
    assert plural(1, "row") == "1 row" and plural(12_000, "row") == "12,000 rows"
    assert score(1.0) == "1" and score(0.25) == "0.250"


def test_a_bar_is_full_only_when_all_is_done() -> None:
    assert bar(199, 200, 10) == "█████████░" and bar(200, 200, 10) == "█" * 10 and bar(0, 0, 3) == "░░░"


def test_a_count_above_zero_is_never_an_empty_bar() -> None:
    assert bar_text(1, 1_000_000, 10) != "" and bar_text(0, 10, 10) == "" and bar_text(10, 10, 10) == "█" * 10


def test_histograms_count_every_finite_value() -> None:
    values = [float(value) for value in range(1000)]
    found = make_histogram(values, [*values, float("nan")], bins=12)
    assert found is not None and sum(found.left) == sum(found.right) == 1000
    assert len(draw_histogram(found, 80)) == 12


def test_few_distinct_values_get_a_bin_each() -> None:
    found = make_histogram([0.0, 1.0, 1.0], [1.0])
    assert found is not None and found.left == (1, 2) and found.right == (0, 1)
    assert make_histogram([], [float("nan")]) is None


def test_a_long_tail_gets_bins_that_grow() -> None:
    values = [1.5**n for n in range(30)]
    found = make_histogram(values, values[::-1], bins=10)
    assert found is not None and set(found.left) == {3} and found.left == found.right
    assert (found.edges[0], found.edges[-1]) == (values[0], values[-1])
    even = make_histogram([0.0, *values], values, bins=10)
    assert even is not None and even.left[0] > 20, "there is no factor from zero"


def test_a_trend_needs_two_points() -> None:
    assert spark([1.0]) == "" and spark([1.0, 2.0]) == "▁█" and spark([2.0, 2.0]) == "▄▄"

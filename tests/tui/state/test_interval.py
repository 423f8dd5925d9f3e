"""Intervals as text: where the marks stand."""

from __future__ import annotations

import pytest

from llmexp_tui.tui.state.cells import plain, width
from llmexp_tui.tui.state.interval import Interval, Scale, axis, common_scale, draw, legend, percent_unit
from tests.unit.reports.build import metric


def drawn(interval: Interval, scale: Scale, cells: int = 21) -> str:
    return plain(draw(interval, scale, cells))


@pytest.mark.parametrize("cells", range(5, 61))
@pytest.mark.parametrize("logarithmic", [False, True])
def test_a_drawing_and_its_axis_are_exactly_as_wide_as_asked(cells: int, logarithmic: bool) -> None:
    scale = Scale(50.0, logarithmic)
    for item in (Interval(0, 0, 0), Interval(7, -90, 400, 3, -5), Interval(-60, -70, -55, 100, 12)):
        assert width(draw(item, scale, cells)) == cells
    assert len(axis(scale, cells)) == cells


def test_the_axis_is_labelled_alike_on_both_sides() -> None:
    for cells in range(9, 40):
        labels = axis(Scale(10), cells).split()
        assert [label[1:] for label in labels if label[0] == "−"][::-1] == [x[1:] for x in labels if x[0] == "+"]


def test_marks_stand_where_their_values_are() -> None:
    text = drawn(Interval(5, 2, 8, floor=1, margin=-5), Scale(10))
    assert text.index("●") == 15
    assert text.index("├") == 12 and text.index("┤") == 18
    assert text.index("│") == 10
    assert text.index("┆") == 5
    assert text[9] == "░" and text[11] == "░"


def test_ends_outside_the_scale_are_arrows() -> None:
    text = drawn(Interval(4, -60, 90), Scale(10))
    assert text[0] == "◂" and text[-1] == "▸"


def test_an_interval_that_spans_zero_keeps_the_zero_mark() -> None:
    assert drawn(Interval(3, -4, 8), Scale(10))[10] == "│"


def test_the_scale_holds_every_estimate_margin_and_floor() -> None:
    scale = common_scale([Interval(7, 2, 12, 3, -5), Interval(-16, -18, -14, 1, 20)])
    assert scale.limit >= 20 and not scale.logarithmic


def test_a_tripled_cost_does_not_squeeze_five_points_away() -> None:
    small, large = Interval(5, 2, 8, 1, -5), Interval(268, 267, 269, 2, 300)
    scale = common_scale([small, large])
    assert scale.logarithmic
    assert drawn(small, scale, 25).index("●") > 13, "still visibly right of zero"
    assert drawn(large, scale, 25).index("●") <= 24


def test_one_wild_interval_does_not_set_the_scale_for_all() -> None:
    scale = common_scale([Interval(7, 2, 12), Interval(3, -900, 900)])
    assert scale.limit <= 20


def test_nothing_to_draw_is_blank() -> None:
    assert plain(draw(None, Scale(), 9)) == " " * 9


def test_the_legend_says_where_the_scale_is_not_linear() -> None:
    assert plain(legend(Scale(500.0, True))).endswith("margin  log scale")
    assert plain(legend(Scale(50.0))).endswith("margin")


def test_an_estimate_outside_the_scale_points_there() -> None:
    assert drawn(Interval(50.0, 5.0, 50.0), Scale(10.0), 11).strip() == "│  ├─▸"
    assert drawn(Interval(-50.0, -50.0, -5.0), Scale(10.0), 11).strip() == "◂─┤  │"
    assert drawn(Interval(9.0, 5.0, 50.0), Scale(10.0), 21).strip() == "│    ├───●▸"


def test_large_labels_are_short_enough_for_a_narrow_plot() -> None:
    assert axis(Scale(1000.0, True), 11) == "−1k  0  +1k" and "e+" not in axis(Scale(1000.0, True), 48)


def test_rows_won_less_rows_lost_are_percent_whatever_the_grades() -> None:
    graded = metric(type="ordinal", baseline=3.0, candidate_value=3.1)
    assert percent_unit(graded) == pytest.approx(100 / 3)
    assert percent_unit(metric(type="ordinal", net=True, baseline=3.0, candidate_value=3.1)) == 100.0

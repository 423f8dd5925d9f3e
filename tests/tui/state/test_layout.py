"""Texts broken into screen lines beside each other."""

from __future__ import annotations

from rich.cells import cell_len

from llmexp_tui.reports.words import diff_texts
from llmexp_tui.tui.state.cells import plain, width
from llmexp_tui.tui.state.layout import beside, lay_out


def sides(left: str, right: str, cells: int = 20, fold: bool = False) -> list[tuple[str, str, str, str]]:
    rows = lay_out(diff_texts(left, right), cells, fold)
    return [(row.left_mark, plain(row.left), row.right_mark, plain(row.right)) for row in rows]


def test_only_changed_lines_have_marks() -> None:
    assert sides("same\nold", "same\nnew") == [(" ", "same", " ", "same"), ("−", "old", "+", "new")]


def test_a_long_line_breaks_at_blanks_and_loses_nothing_else() -> None:
    text = "the quick brown fox jumps over the lazy dog"
    lines = [left for _, left, _, _ in sides(text, text, 12)]
    assert all(len(line) <= 12 for line in lines)
    assert " ".join(lines) == text


def test_a_word_is_not_torn_at_the_edge_of_a_marked_piece() -> None:
    rows = sides("You sort tickets. Think about what the customer wants", "You sort the ticket", 37)
    assert not any(left.endswith(" th") or left == "th" for _, left, _, _ in rows)


def test_a_full_stop_stays_with_a_word_that_is_marked_without_it() -> None:
    rows = sides("Think about what the customer wants.", "Sort the ticket. Answer with one word.", 37)
    assert [right for _, _, _, right in rows] == ["Sort the ticket. Answer with one", "word."]


def test_a_word_longer_than_the_line_is_cut_into_it() -> None:
    word = "x" * 95
    assert "".join(left for _, left, _, _ in sides(word, word, 10)) == word


def test_wide_characters_never_overflow() -> None:
    for row in lay_out(diff_texts("漢字" * 40, "漢" * 70), 11):
        assert cell_len(plain(row.left)) <= 11 and cell_len(plain(row.right)) <= 11


def test_long_equal_stretches_fold_and_short_ones_do_not() -> None:
    left = "\n".join(["a"] * 30 + ["old"] + ["b"] * 3)
    right = "\n".join(["a"] * 30 + ["new"] + ["b"] * 3)
    rows = lay_out(diff_texts(left, right), 20, fold=True)
    assert rows[0].folded == 27
    assert sum(row.folded > 0 for row in rows) == 1


def test_blind_texts_are_never_marked() -> None:
    rows = lay_out(beside("one\ntwo", "uno"), 20)
    assert all(row.left_mark == row.right_mark == " " for row in rows)
    assert all(span.tone == "" for row in rows for span in (*row.left, *row.right))


def test_a_megabyte_line_is_cut_and_says_so() -> None:
    diff = diff_texts("x" * 1_000_000, "y")
    assert diff.cut_left > 900_000
    assert len(lay_out(diff, 40)) < 2_000


def test_every_row_is_at_most_as_wide_as_its_column() -> None:
    for row in lay_out(diff_texts("a b\tc " * 50, "a\x1b[2J c " * 50), 17):
        assert width(row.left) <= 17 and width(row.right) <= 17

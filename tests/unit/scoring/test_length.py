from __future__ import annotations

from tests.unit.scoring.build import scored, scorer, value


def test_words_and_characters() -> None:
    assert value("length", " one  two\nthree ") == 3.0
    assert value("length", "naïve 🙂", unit="characters") == 7.0
    assert value("word_count", "a b") == 2.0
    assert value("char_count", "a b") == 3.0
    assert value("length", "") == 0.0


def test_a_bare_length_has_no_good_side() -> None:
    meta = scorer("length", unit="characters").meta
    assert (meta.type, meta.direction, meta.range, meta.unit) == ("unbounded", "none", None, "characters")


def test_bounds_make_it_pass_or_fail() -> None:
    assert scorer("length", max=3).meta.type == "binary"
    assert value("length", "a b c", min=1, max=3) == 1.0
    score = scored("length", "a b c d", max=3)
    assert (score.value, score.reason) == (0.0, "4 words")
    assert value("length", "", min=1) == 0.0

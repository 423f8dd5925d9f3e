"""A sitting of blind scoring."""

from __future__ import annotations

from llmexp_tui.tui.state.scoring import Item, Judgement, Scoring, machine_grade, machine_view


def sitting(kind: str = "ab", count: int = 30, **given: Judgement) -> Scoring:
    return Scoring(range(count), kind, seed=5)  # type: ignore[arg-type]


def test_sides_are_mixed_and_stay_the_same_for_the_same_seed() -> None:
    one, other = sitting(), sitting()
    swapped = [one.swapped(row) for row in range(30)]
    assert swapped == [other.swapped(row) for row in range(30)]
    assert 5 < sum(swapped) < 25
    assert one.order == other.order != list(range(30))


def test_a_preference_is_for_the_variant_not_for_the_side() -> None:
    scoring = sitting()
    item = scoring.item
    assert item is not None
    said = scoring.prefer("left")
    assert said == (item, Judgement(1.0, "candidate") if scoring.swapped(item.row) else Judgement(0.0, "baseline"))


def test_a_tie_is_half() -> None:
    said = sitting().prefer("tie", "both fine")
    assert said is not None and said[1] == Judgement(0.5, "tie", "both fine")


def test_undo_returns_to_the_row_and_forgets() -> None:
    scoring = sitting()
    first = scoring.item
    scoring.prefer("left")
    scoring.prefer("right")
    scoring.undo()
    assert scoring.undo() == first == scoring.item
    assert not scoring.given and scoring.undo() is None


def test_skipped_rows_come_again_at_the_end() -> None:
    scoring = sitting(count=3)
    skipped = scoring.item
    scoring.skip()
    scoring.prefer("left")
    scoring.prefer("left")
    assert scoring.item == skipped
    scoring.prefer("tie")
    assert scoring.item is None and scoring.prefer("left") is None


def test_grades_are_one_to_five() -> None:
    scoring = sitting("rubric")
    assert scoring.grade(6) is None
    said = scoring.grade(4)
    assert said is not None and said[1].value == 4.0


def test_going_on_starts_at_the_first_open_row() -> None:
    done = Scoring(range(5), "ab", seed=5)
    first = done.item
    assert first is not None
    resumed = Scoring(range(5), "ab", seed=5, given={first: Judgement(1.0, "candidate")})
    assert resumed.item == done.order[1]


def test_what_a_scorer_prefers_follows_its_direction() -> None:
    assert machine_view(0.0, 1.0, "higher") == "candidate"
    assert machine_view(0.0, 1.0, "lower") == "baseline"
    assert machine_view(1.0, 1.0, "higher") == "tie"
    assert machine_view(None, 1.0, "higher") is None
    assert machine_view(0.0, 1.0, "none") is None


def test_grades_take_both_answers_of_a_row_and_an_equal_one_once() -> None:
    scoring = Scoring(range(40), "rubric", seed=5, same=frozenset({3}))
    sides = {row: [item.side for item in scoring.order if item.row == row] for row in range(40)}
    assert sides.pop(3) == ["same"]
    assert all(sorted(both) == ["baseline", "candidate"] for both in sides.values())
    assert 5 < sum(both[0] == "candidate" for both in sides.values()) < 34


def test_where_both_said_the_same_nothing_can_be_preferred() -> None:
    scoring = Scoring(range(4), "ab", seed=5, same=frozenset({0, 2}))
    assert {item.row for item in scoring.order} == {1, 3}
    assert Scoring(range(2), "ab", seed=5, same=frozenset({0, 1})).item is None


def test_what_was_said_of_what_is_not_asked_does_not_count() -> None:
    stored = {Item(1, "pair"): Judgement(1.0, "candidate"), Item(1, "same"): Judgement(5.0, "5")}
    assert set(Scoring(range(4), "ab", seed=5, given=stored).given) == {Item(1, "pair")}


def test_good_and_bad_follow_a_scorers_direction_and_range() -> None:
    assert (machine_grade(1.0, "higher"), machine_grade(0.0, "higher")) == ("good", "bad")
    assert (machine_grade(1.0, "lower"), machine_grade(0.0, "lower")) == ("bad", "good")
    assert (machine_grade(3.0, "higher", (0.0, 10.0)), machine_grade(3.0, "lower", (0.0, 10.0))) == ("bad", "good")
    assert machine_grade(0.5, "none") is machine_grade(40.0, "lower") is None

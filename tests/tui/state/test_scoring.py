"""A sitting of blind scoring."""

from __future__ import annotations

from llmexp_tui.tui.state.scoring import Judgement, Scoring, machine_view


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
    row = scoring.row
    assert row is not None
    said = scoring.prefer("left")
    assert said == (row, Judgement(1.0, "candidate") if scoring.swapped(row) else Judgement(0.0, "baseline"))


def test_a_tie_is_half() -> None:
    said = sitting().prefer("tie", "both fine")
    assert said is not None and said[1] == Judgement(0.5, "tie", "both fine")


def test_undo_returns_to_the_row_and_forgets() -> None:
    scoring = sitting()
    first = scoring.row
    scoring.prefer("left")
    scoring.prefer("right")
    scoring.undo()
    assert scoring.undo() == first == scoring.row
    assert not scoring.given and scoring.undo() is None


def test_skipped_rows_come_again_at_the_end() -> None:
    scoring = sitting(count=3)
    skipped = scoring.row
    scoring.skip()
    scoring.prefer("left")
    scoring.prefer("left")
    assert scoring.row == skipped
    scoring.prefer("tie")
    assert scoring.row is None and scoring.prefer("left") is None


def test_grades_are_one_to_five() -> None:
    scoring = sitting("rubric")
    assert scoring.grade(6) is None
    said = scoring.grade(4)
    assert said is not None and said[1].value == 4.0


def test_going_on_starts_at_the_first_open_row() -> None:
    done = Scoring(range(5), "ab", seed=5)
    first = done.row
    assert first is not None
    resumed = Scoring(range(5), "ab", seed=5, given={first: Judgement(1.0, "candidate")})
    assert resumed.row == done.order[1]


def test_what_a_scorer_prefers_follows_its_direction() -> None:
    assert machine_view(0.0, 1.0, "higher") == "candidate"
    assert machine_view(0.0, 1.0, "lower") == "baseline"
    assert machine_view(1.0, 1.0, "higher") == "tie"
    assert machine_view(None, 1.0, "higher") is None
    assert machine_view(0.0, 1.0, "none") is None

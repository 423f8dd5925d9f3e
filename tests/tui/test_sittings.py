"""A sitting of scoring by hand as the store gives it: which rows, held against what, and what was said last."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest

from llmexp_tui.project.config import load_project
from llmexp_tui.store import comparisons
from llmexp_tui.tui.reads import scoring as reads
from llmexp_tui.tui.reads.results import read_report
from llmexp_tui.tui.reads.scoring import Keeper, Sitting, read_agreement, read_people, read_sitting
from llmexp_tui.workflows.session import Session
from tests.tui.build import NOW


def sitting(session: Session, kind: str) -> Sitting:
    report = read_report("tone", session)
    return read_sitting(report, "short", [("exact_match", "higher")], kind, session)


@pytest.mark.parametrize("kind", ["ab", "rubric"])
def test_undo_takes_back_what_was_said_last_even_before_a_break(session: Session, kind: str) -> None:
    seconds = count()
    session.now = lambda: NOW + timedelta(seconds=next(seconds))
    first = sitting(session, kind)
    keeper = Keeper(first)
    for _ in range(6):
        said = first.scoring.prefer("left") if kind == "ab" else first.scoring.grade(4)
        assert said is not None
        keeper.add(*said)
        keeper.keep(session)
    again = sitting(session, kind)
    assert again.scoring.given == first.scoring.given
    assert [again.scoring.undo() for _ in range(6)] == [first.scoring.undo() for _ in range(6)]


def test_of_a_long_run_rows_are_drawn_by_chance_and_stay_the_same(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = sitting(session, "ab")
    assert every.answered == len(every.scoring.rows) == 59, "the row whose call failed is left out"
    monkeypatch.setattr(reads, "_MOST_ROWS", 10)
    some = sitting(session, "ab")
    assert some.answered == 59 and len(some.scoring.rows) == 10
    assert list(some.scoring.rows) != list(every.scoring.rows)[:10]
    assert some.scoring.rows == sitting(session, "rubric").scoring.rows


def test_a_person_is_held_against_the_scores_of_the_answers_shown(session: Session) -> None:
    found = sitting(session, "ab")
    values = found.rivals[0].values
    assert found.rivals[0].metric == "exact_match" and set(values) == set(found.scoring.rows)
    assert {pair for row, pair in values.items() if row in found.scoring.same} <= {(0.0, 0.0), (1.0, 1.0)}
    assert (0.0, 1.0) in values.values()


def test_a_grade_is_held_against_a_scorer_the_way_that_it_points(session: Session) -> None:
    report = read_report("tone", session)
    for direction, expected in (("higher", "κ 1.00"), ("lower", "κ −")):
        found = read_sitting(report, "short", [("exact_match", direction)], "rubric", session)
        for item in found.scoring.order[:12]:
            right = found.rivals[0].values[item.row][item.side == "candidate"]
            assert found.scoring.item == item
            found.scoring.grade(5 if right else 1)
        assert read_agreement(found, found.rivals[0], session).startswith(expected)


def test_people_who_scored_the_same_answers_are_told_how_far_they_agree(session: Session) -> None:
    minutes = count()
    session.now = lambda: NOW + timedelta(minutes=next(minutes))

    def says(who: str, kind: str, *values: int) -> str:
        session.who = who
        found = sitting(session, kind)
        keeper = Keeper(found)
        for value in values:
            said = found.scoring.prefer("left" if value else "right") if kind == "ab" else found.scoring.grade(value)
            assert said is not None
            keeper.add(*said)
        keeper.keep(session)
        return read_people(found, session)

    before = read_report("tone", session)
    assert says("Ada <ada@a.example>", "rubric", *[1, 5, 2, 4] * 10) == ""
    assert read_report("tone", session) == before, "one person agrees with nobody"
    told = says("bob", "rubric", *[1, 5, 2, 4] * 10)
    notes = read_report("tone", session).notes
    figures, _, number = told.removeprefix("κ ").partition(" of Ada and bob on ")
    (note,) = [note for note in notes if note.startswith("grades by people, short: Ada and bob on")]
    assert f" on {number} answers: Cohen's kappa {figures}" in note, "though no scorer asks for grades"
    assert not any(note.startswith("preferences") for note in notes)
    says("Ada <ada@a.example>", "ab", *[1, 0] * 5)
    assert " of Ada and bob on " in says("bob", "ab", *[1, 0] * 5)
    told = says("eve", "ab", *[1, 1, 0] * 3)
    figures, _, number = told.removeprefix("α ").partition(" of Ada, bob and eve on ")
    (note,) = [note for note in read_report("tone", session).notes if note.startswith("preferences of people, short")]
    assert f"Ada, bob and eve on {number} answers: Krippendorff's alpha {figures}" in note


def test_results_are_compared_again_once_somebody_scored_by_hand(session: Session, project: Path) -> None:
    file = project / "llmexp.toml"
    file.write_text(file.read_text().replace('"exact_match", "length"]', '"exact_match", "human"]', 1))
    session.project = load_project(session.files, session.root)
    session.now = lambda: NOW + timedelta(minutes=1)
    before = read_report("tone", session)
    assert "human" not in {metric.metric for metric in before.metrics}
    stored = len(comparisons.history(session.store, "tone"))
    assert read_report("tone", session) == before and len(comparisons.history(session.store, "tone")) == stored
    session.now = lambda: NOW + timedelta(minutes=2)
    sitting_now = read_sitting(before, "short", [("exact_match", "higher")], "rubric", session)
    keeper = Keeper(sitting_now)
    for _ in range(8):
        said = sitting_now.scoring.grade(4)
        assert said is not None
        keeper.add(*said)
    keeper.keep(session)
    session.now = lambda: NOW + timedelta(minutes=3)
    assert "human" in {metric.metric for metric in read_report("tone", session).metrics}
    stored = len(comparisons.history(session.store, "tone"))
    read_report("tone", session)
    assert len(comparisons.history(session.store, "tone")) == stored

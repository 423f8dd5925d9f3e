"""Scoring by hand, blind: two answers on random sides, or one answer and a grade; stored at once."""

from __future__ import annotations

from functools import partial
from typing import ClassVar, Literal

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Input

from llmexp_tui.reports.figures import CALL_METRICS
from llmexp_tui.reports.record import ExperimentReport
from llmexp_tui.tui.messages import StoreChanged
from llmexp_tui.tui.reads.scoring import (
    Keeper,
    Sides,
    Sitting,
    read_agreement,
    read_people,
    read_sides,
    read_sitting,
)
from llmexp_tui.tui.screens.base import ProjectScreen
from llmexp_tui.tui.state.cells import Line, line
from llmexp_tui.tui.state.format import count
from llmexp_tui.tui.state.results import metrics_of
from llmexp_tui.tui.state.scoring import Item, Judgement
from llmexp_tui.tui.widgets.diff_view import DiffView
from llmexp_tui.tui.widgets.empty_state import EmptyState
from llmexp_tui.tui.widgets.title_line import TitleLine


class ScoringScreen(ProjectScreen):
    """A row at a time. Nothing on the screen says which answer is whose."""

    HELP = (
        "A/B: 1 the left answer is better, 2 the right one, 3 neither. Grades: 1 bad to 5 good; 4 and 5 count as "
        "right. Sides and order are by chance and stay so; which is whose is said nowhere. "
        "Agreement is Cohen's kappa, of more than two people Krippendorff's alpha."
    )
    CSS_PATH = "scoring.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("1", "say(1)", "Left, or grade 1", show=False, id="score.one"),
        Binding("2", "say(2)", "Right, or grade 2", show=False, id="score.two"),
        Binding("3", "say(3)", "Neither, or grade 3", show=False, id="score.three"),
        Binding("4", "say(4)", "Grade 4", show=False, id="score.four"),
        Binding("5", "say(5)", "Grade 5", show=False, id="score.five"),
        Binding("s", "skip", "Skip", tooltip="Leave this one for later", id="score.skip"),
        Binding("u", "undo", "Undo", tooltip="Take the last judgement back", id="score.undo"),
        Binding("t", "note", "Note", tooltip="A note that is kept with the next judgement", id="score.note"),
        Binding("m", "kind", "Kind", tooltip="A/B or grades", id="score.kind"),
        Binding("c", "rival", "Against", tooltip="Hold it against the next scorer", show=False, id="score.rival"),
    ]

    def __init__(self, report: ExperimentReport, candidate: str, kind: Literal["ab", "rubric"] = "ab") -> None:
        super().__init__()
        self.report = report
        self.candidate = candidate
        self.kind: Literal["ab", "rubric"] = kind
        self.sitting: Sitting | None = None
        self.keeper: Keeper | None = None
        self.shown: Item | None = None
        self.agreement = ""
        self._rival = 0
        own = [m for m in metrics_of(report, candidate) if m.metric not in CALL_METRICS]
        self._metrics = tuple(dict.fromkeys((m.metric, m.direction) for m in own))

    def body(self) -> ComposeResult:
        """Title, the row, the answers, a line for a note."""
        yield TitleLine(id="title")
        yield TitleLine(id="agreement")
        yield TitleLine(id="people")
        yield DiffView(id="row")
        yield DiffView(id="answers")
        yield Input(placeholder="note, kept with the judgement you give next", id="note", compact=True)
        yield EmptyState(
            "All rows are judged", "What you said is stored under your name.", "esc", "goes back", id="done"
        )

    def on_mount(self) -> None:
        """The keys work at once."""
        for name in ("#note", "#people", "#done"):
            self.query_one(name).display = False
        self.query_one("#title", TitleLine).show(line(("Blind scoring", "strong")))
        self.query_one("#answers").focus()

    def on_store_changed(self, message: StoreChanged) -> None:
        """The sitting is this screen's own."""
        message.stop()

    def load(self) -> None:
        """Begin, or go on where one stopped."""
        if self.sitting is None:
            read = partial(read_sitting, self.report, self.candidate, self._metrics, self.kind)
            self.fetch("sitting", read, self._begin)

    def _begin(self, sitting: Sitting) -> None:
        self.sitting = sitting
        self.keeper = Keeper(sitting)
        self._next()
        self._ask_people()

    def _next(self) -> None:
        sitting = self.sitting
        if sitting is None:
            return
        item = sitting.scoring.item
        done = self.query_one("#done", EmptyState)
        done.display = item is None
        if not sitting.scoring.order:
            done.say("Nothing to prefer", "Both variants said the very same on every row.", "m", "grades the answers")
        for name in ("#row", "#answers"):
            self.query_one(name).display = item is not None
        self._title()
        self._compare()
        self.refresh_bindings()
        if item is not None:
            self.fetch("sides", partial(read_sides, sitting, item), self._show)

    def _compare(self) -> None:
        sitting = self.sitting
        if sitting is not None and sitting.rivals:
            rival = sitting.rivals[self._rival % len(sitting.rivals)]
            self.fetch("agreement", partial(read_agreement, sitting, rival), self._agreed)

    def _agreed(self, words: str) -> None:
        self.agreement = words
        self._title()

    def _ask_people(self) -> None:
        if self.sitting is not None:
            self.fetch("people", partial(read_people, self.sitting), self._people_agreed)

    def _people_agreed(self, words: str) -> None:
        people = self.query_one("#people", TitleLine)
        people.display = bool(words)
        people.show(line((words, "info")))

    def action_rival(self) -> None:
        """The next scorer to be held against."""
        self._rival += 1
        self._compare()

    def _title(self) -> None:
        if self.sitting is None:
            return
        scoring = self.sitting.scoring
        what = "blind A/B" if self.kind == "ab" else "blind grades"
        left: Line = line((self.report.name, "strong"), f"  {what}  ", *_keys(self.kind))
        done = f"{count(len(scoring.given))} of {count(len(scoring.order))}"
        self.query_one("#title", TitleLine).show(left, line(done))
        aside = []
        if self.sitting.answered > len(scoring.rows):
            aside.append(f"drawn from {count(self.sitting.answered)}")
        if self.kind == "ab" and scoring.same:
            aside.append(f"{count(len(scoring.same))} equal left out")
        right = line((" · ".join(aside), "muted"))
        self.query_one("#agreement", TitleLine).show(line((self.agreement, "info")), right)

    def _show(self, sides: Sides) -> None:
        if self.sitting is None:
            return
        self.shown = sides.item
        self.query_one("#row", DiffView).show(sides.text, None, (line(("the row", "strong")), ()))
        swapped = self.sitting.scoring.swapped(sides.item.row)
        answers = self.query_one("#answers", DiffView)
        if self.kind == "rubric":
            text = sides.candidate if sides.item.side == "candidate" else sides.baseline
            first = (sides.item.side == "candidate") == swapped
            which = "the only answer" if sides.item.side == "same" else f"the {'first' if first else 'second'} answer"
            answers.show(text, None, (line((which, "strong")), ()))
            return
        left, right = (sides.candidate, sides.baseline) if swapped else (sides.baseline, sides.candidate)
        titles = line(("1 ", "key"), ("left", "strong")), line(("2 ", "key"), ("right", "strong"))
        answers.show(left, right, titles, marked=False)

    # ---- judging

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Where nothing is left to judge, nothing can be put off; before anything is said, nothing taken back."""
        scoring = self.sitting.scoring if self.sitting else None
        if action in ("skip", "note"):
            return scoring is None or scoring.item is not None
        return action != "undo" or scoring is None or bool(scoring.given)

    def action_say(self, number: int) -> None:
        """A preference, or a grade. A key pressed before the row is on the screen says nothing."""
        sitting = self.sitting
        if sitting is None or sitting.scoring.item is None or self.shown != sitting.scoring.item:
            return
        note = self.query_one("#note", Input)
        if self.kind == "rubric":
            said = sitting.scoring.grade(number, note.value)
        elif number <= 3:
            side: Literal["left", "right", "tie"] = "left" if number == 1 else "right" if number == 2 else "tie"
            said = sitting.scoring.prefer(side, note.value)
        else:
            return
        note.value, note.display = "", False
        if said is not None:
            self._keep(*said)

    def action_undo(self) -> None:
        """Take the last one back."""
        item = self.sitting.scoring.undo() if self.sitting else None
        if item is None:
            self.home_app.say("Nothing to take back")
        else:
            self._keep(item, None)

    def _keep(self, item: Item, judgement: Judgement | None) -> None:
        if self.keeper is not None:
            self.keeper.add(item, judgement)
            # A group for each: no judgement waits for, or is cancelled by, the next one.
            self.fetch(f"keep {self.keeper.number}", self.keeper.keep, lambda _: self._ask_people())
            self._next()

    def action_skip(self) -> None:
        """Later."""
        if self.sitting is not None:
            self.sitting.scoring.skip()
            self._next()

    def action_kind(self) -> None:
        """The other way of judging; what was said before stays stored."""
        self.kind = "rubric" if self.kind == "ab" else "ab"
        self.sitting = None
        self.load()

    def action_note(self) -> None:
        """Write a note."""
        note = self.query_one("#note", Input)
        note.display = True
        note.focus()

    @on(Input.Submitted)
    def _noted(self) -> None:
        self.query_one("#answers").focus()

    def action_back(self) -> None:
        """Out of the note first."""
        if isinstance(self.focused, Input):
            self.query_one("#answers").focus()
        else:
            super().action_back()


def _keys(kind: str) -> Line:
    if kind == "ab":
        return line(("1", "key"), " left  ", ("2", "key"), " right  ", ("3", "key"), " tie")
    return line(("1", "key"), " bad … ", ("5", "key"), " good")

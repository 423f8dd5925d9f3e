"""Scoring by hand, blind: two answers on random sides, or one answer and a grade; stored at once."""

from __future__ import annotations

from functools import partial
from typing import ClassVar, Literal

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Input

from llmexp_tui.reports.record import ExperimentReport
from llmexp_tui.tui.messages import StoreChanged
from llmexp_tui.tui.reads.scoring import Keeper, Sides, Sitting, read_agreement, read_sides, read_sitting
from llmexp_tui.tui.screens.base import ProjectScreen
from llmexp_tui.tui.state.cells import Line, line
from llmexp_tui.tui.state.format import count
from llmexp_tui.tui.state.results import metrics_of
from llmexp_tui.tui.state.scoring import Judgement
from llmexp_tui.tui.widgets.diff_view import DiffView
from llmexp_tui.tui.widgets.empty_state import EmptyState
from llmexp_tui.tui.widgets.title_line import TitleLine


class ScoringScreen(ProjectScreen):
    """A row at a time. Nothing on the screen says which answer is whose."""

    HELP = "The sides are random and stay so; which is which is said nowhere. Agreement is Cohen's kappa."
    CSS_PATH = "scoring.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("1", "say(1)", "Left", tooltip="The left answer is better, or grade 1", id="score.one"),
        Binding("2", "say(2)", "Right", tooltip="The right answer is better, or grade 2", id="score.two"),
        Binding("3", "say(3)", "Tie", tooltip="Neither is better, or grade 3", id="score.three"),
        Binding("4", "say(4)", "Grade 4", show=False, id="score.four"),
        Binding("5", "say(5)", "Grade 5", show=False, id="score.five"),
        Binding("s", "skip", "Skip", tooltip="Leave this row for later", id="score.skip"),
        Binding("u", "undo", "Undo", tooltip="Take the last judgement back", id="score.undo"),
        Binding(
            "t", "note", "Note", tooltip="A note that is kept with the next judgement", show=False, id="score.note"
        ),
        Binding("m", "kind", "A/B or grades", show=False, id="score.kind"),
    ]

    def __init__(self, report: ExperimentReport, candidate: str, kind: Literal["ab", "rubric"] = "ab") -> None:
        super().__init__()
        self.report = report
        self.candidate = candidate
        self.kind: Literal["ab", "rubric"] = kind
        self.sitting: Sitting | None = None
        self.keeper: Keeper | None = None
        self.shown: int | None = None
        self._agreement = ""
        own = metrics_of(report, candidate)
        self._metric = next((m for m in own if not m.is_ratio and m.metric != "errors"), own[0])

    def body(self) -> ComposeResult:
        """Title, the row, the answers, a line for a note."""
        yield TitleLine(id="title")
        yield DiffView(id="row")
        yield DiffView(id="answers")
        yield Input(placeholder="note, kept with the judgement you give next", id="note", compact=True)
        yield EmptyState(
            "All rows are judged", "What you said is stored under your name.", "esc", "goes back", id="done"
        )

    def on_mount(self) -> None:
        """The keys work at once."""
        self.query_one("#note").display = False
        self.query_one("#done").display = False
        self.query_one("#title", TitleLine).show(line(("Blind scoring", "strong")))
        self.query_one("#answers").focus()

    def on_store_changed(self, message: StoreChanged) -> None:
        """The sitting is this screen's own."""
        message.stop()

    def load(self) -> None:
        """Begin, or go on where one stopped."""
        if self.sitting is None:
            read = partial(
                read_sitting, self.report, self.candidate, self._metric.metric, self._metric.direction, self.kind
            )
            self.fetch("sitting", read, self._begin)

    def _begin(self, sitting: Sitting) -> None:
        self.sitting = sitting
        self.keeper = Keeper(sitting)
        self._next()

    def _next(self) -> None:
        sitting = self.sitting
        if sitting is None:
            return
        row = sitting.scoring.row
        self.query_one("#done").display = row is None
        for name in ("#row", "#answers"):
            self.query_one(name).display = row is not None
        self._title()
        self.fetch("agreement", partial(read_agreement, sitting), self._agreed)
        if row is not None:
            self.fetch("sides", partial(read_sides, sitting, row), self._show)

    def _agreed(self, words: str) -> None:
        self._agreement = words
        self._title()

    def _title(self) -> None:
        if self.sitting is None:
            return
        scoring = self.sitting.scoring
        what = "blind A/B" if self.kind == "ab" else "blind grades 1 to 5"
        left: Line = line((self.report.name, "strong"), f"  {what}  ", (self._agreement, "info"))
        self.query_one("#title", TitleLine).show(
            left, line(f"{count(len(scoring.given))} of {count(len(scoring.rows))}")
        )

    def _show(self, sides: Sides) -> None:
        if self.sitting is None:
            return
        self.shown = sides.row
        self.query_one("#row", DiffView).show(sides.text, None, (line(("the row", "strong")), ()))
        swapped = self.sitting.scoring.swapped(sides.row)
        answers = self.query_one("#answers", DiffView)
        if self.kind == "rubric":
            text = sides.candidate if swapped else sides.baseline
            answers.show(text, None, (line(("the answer", "strong"), ("   1 bad … 5 good", "muted")), ()))
            return
        left, right = (sides.candidate, sides.baseline) if swapped else (sides.baseline, sides.candidate)
        titles = line(("1 ", "key"), ("left", "strong")), line(("2 ", "key"), ("right", "strong"))
        answers.show(left, right, titles, marked=False)

    # ---- judging

    def action_say(self, number: int) -> None:
        """A preference, or a grade. A key pressed before the row is on the screen says nothing."""
        sitting = self.sitting
        if sitting is None or sitting.scoring.row is None or self.shown != sitting.scoring.row:
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
        row = self.sitting.scoring.undo() if self.sitting else None
        if row is None:
            self.home_app.say("Nothing to take back")
        else:
            self._keep(row, None)

    def _keep(self, row: int, judgement: Judgement | None) -> None:
        if self.keeper is not None:
            self.keeper.add(row, judgement)
            # A group for each: no judgement waits for, or is cancelled by, the next one.
            self.fetch(f"keep {self.keeper.number}", self.keeper.keep, lambda _: None)
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

"""Pre-flight: what a run takes, what it could show and in what the variants differ, before anything is spent."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.widgets import Input, Static

from llmexp_tui.errors import LlmexpError, TrustError
from llmexp_tui.tui.messages import StoreChanged
from llmexp_tui.tui.reads.launch import read_preflight, start_run
from llmexp_tui.tui.screens.base import ProjectScreen
from llmexp_tui.tui.state import launch as state
from llmexp_tui.tui.state.cells import Line, line
from llmexp_tui.tui.widgets.title_line import TitleLine
from llmexp_tui.tui.widgets.tones import join_lines

_KINDS = {"run": "Run", "aa": "A/A: the baseline against itself", "check": "Check: run, A/A and gate"}


class LaunchScreen(ProjectScreen):
    """Choose and start. Enter starts; nothing is called before."""

    HELP = "Nothing is called before you press enter. The run goes on in a process of its own."
    CSS_PATH = "launch.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "start", "Start", id="launch.start", priority=True),
        Binding("k", "kind", "Kind", tooltip="Run, A/A or check", id="launch.kind"),
        Binding("f", "fresh", "Fresh", tooltip="Call again even what is stored", id="launch.fresh"),
        Binding("n", "rows", "Rows", tooltip="How many rows", id="launch.rows"),
        Binding("m", "repeats", "Repeats", tooltip="How many calls a row", id="launch.repeats"),
    ]

    def __init__(self, experiment: str, kind: str) -> None:
        super().__init__()
        self.experiment = experiment
        self.choice = state.LaunchChoice(kind)
        self.preflight: state.Preflight | None = None

    def body(self) -> ComposeResult:
        """Title, choices, figures."""
        yield TitleLine(id="title")
        with Horizontal(id="inputs"):
            yield Static("rows ", markup=False)
            yield Input(placeholder="all", id="rows", type="integer", valid_empty=True, compact=True, restrict=r"\d*")
            yield Static("  repeats ", markup=False)
            yield Input(
                placeholder="as planned",
                id="repeats",
                type="integer",
                valid_empty=True,
                compact=True,
                restrict=r"\d*",
            )
        with VerticalScroll(id="sheet", can_focus=True):
            yield Static(id="figures", markup=False)

    def on_mount(self) -> None:
        """Keys first, figures as they come."""
        self.query_one("#sheet").focus()
        self._draw()

    def on_store_changed(self, message: StoreChanged) -> None:
        """The figures stay as they were asked for."""
        message.stop()

    def load(self) -> None:
        """Plan once."""
        if self.preflight is None:
            self.fetch("plan", partial(read_preflight, self.experiment), self._show, self._failed)

    def _failed(self, error: LlmexpError) -> None:
        self.query_one("#figures", Static).update(join_lines([
            line(("This cannot be run as it is.", "bad")), line(error.sentence)]))  # fmt: skip

    def _show(self, preflight: state.Preflight) -> None:
        self.preflight = preflight
        self._draw()

    def _draw(self) -> None:
        choice = self.choice
        fresh = "fresh" if choice.fresh or choice.kind == "aa" else "uses stored answers"
        title = line((self.experiment, "strong"), "  ", (_KINDS[choice.kind], "info"), (f"  {fresh}", "muted"))
        self.query_one("#title", TitleLine).show(title)
        if self.preflight is None:
            self.query_one("#figures", Static).update(join_lines([line(("planning …", "muted"))]))
            return
        plan = self.preflight.plan
        lines: list[Line] = [
            *state.size_lines(plan, choice), (),
            line(("What it could show", "strong")), *state.gate_lines(plan), *state.warning_lines(plan), (),
            line(("What differs", "strong")),
            *state.difference_lines(self.preflight.differences, self.preflight.axis),
        ]  # fmt: skip
        self.query_one("#figures", Static).update(join_lines(lines))

    # ---- choosing

    def action_kind(self) -> None:
        """Run, A/A, check."""
        kinds = list(_KINDS)
        self.choice = replace(self.choice, kind=kinds[(kinds.index(self.choice.kind) + 1) % len(kinds)])
        self._draw()

    def action_fresh(self) -> None:
        """Fresh or not."""
        self.choice = replace(self.choice, fresh=not self.choice.fresh)
        self._draw()

    def action_rows(self) -> None:
        """Type the rows."""
        self.query_one("#rows", Input).focus()

    def action_repeats(self) -> None:
        """Type the repeats."""
        self.query_one("#repeats", Input).focus()

    @on(Input.Changed)
    def _typed(self, message: Input.Changed) -> None:
        number = int(message.value) if message.value else None
        number = number if number and number > 0 else None
        if message.input.id == "rows":
            self.choice = replace(self.choice, rows=number)
        else:
            self.choice = replace(self.choice, repeats=number)
        self._draw()

    def action_back(self) -> None:
        """Out of an input first."""
        if isinstance(self.focused, Input):
            self.query_one("#sheet").focus()
        else:
            super().action_back()

    # ---- starting

    def action_start(self) -> None:
        """Queue it, and go where it is seen."""
        self.fetch("start", partial(start_run, self.experiment, self.choice), self._started, self._refused)

    def _started(self, group: str) -> None:
        self.home_app.say(f"{_KINDS[self.choice.kind].split(':')[0]} of {self.experiment} started")
        self.home_app.go_back()

    def _refused(self, error: LlmexpError) -> None:
        if not isinstance(error, TrustError):
            self.home_app.say_error(error)
            return
        from llmexp_tui.tui.screens.confirm import ConfirmScreen

        question = ConfirmScreen(
            "Trust this project?", f"{error.what}. Say yes only if you know who wrote it.", "trust it"
        )
        self.app.push_screen(question, self._trusted)

    def _trusted(self, sure: bool | None) -> None:
        if sure:
            from llmexp_tui.tui.reads.launch import trust_project

            self.fetch("trust", trust_project, lambda _: self.action_start())

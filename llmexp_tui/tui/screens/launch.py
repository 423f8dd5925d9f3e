"""Pre-flight: what a run takes, what it could show and in what the variants differ, before anything is spent."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Input, Static

from llmexp_tui.errors import LlmexpError, TrustError
from llmexp_tui.tui.errands import edit_file
from llmexp_tui.tui.messages import StoreChanged
from llmexp_tui.tui.reads.launch import file_of, read_preflight, start_run
from llmexp_tui.tui.reads.project import reread
from llmexp_tui.tui.screens.base import ProjectScreen
from llmexp_tui.tui.state import launch as state
from llmexp_tui.tui.state.cells import Line, line
from llmexp_tui.tui.widgets.sheet import Sheet
from llmexp_tui.tui.widgets.title_line import TitleLine


class LaunchScreen(ProjectScreen):
    """Choose and start. Enter starts; nothing is called before."""

    HELP = "Nothing is called before you press enter. The run goes on in a process of its own."
    CSS_PATH = "launch.tcss"
    AUTO_FOCUS = "#sheet"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "start", "Start", id="launch.start", priority=True),
        Binding("o", "edit", "Edit", tooltip="Open the file that stands in the way in your editor", id="launch.edit"),
        Binding("t", "kind", "Kind", tooltip="Check, run or A/A", id="launch.kind"),
        Binding("f", "fresh", "Fresh", tooltip="Call again even what is stored", id="launch.fresh"),
        Binding("n", "rows", "Rows", tooltip="How many rows", id="launch.rows"),
        Binding("m", "repeats", "Repeats", tooltip="How many calls a row", id="launch.repeats"),
    ]

    def __init__(self, experiment: str, kind: str = "") -> None:
        """`kind` is check, run or aa; nothing means what the experiment is for: a check where it has gates."""
        super().__init__()
        self.experiment = experiment
        self.choice = state.LaunchChoice(kind)
        self.preflight: state.Preflight | None = None
        self._refusal: LlmexpError | None = None

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
        yield Sheet(id="sheet")

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
        first, self._refusal = self._refusal is None, error
        said = error.what if self._untrusted else error.sentence
        lines = [line(("This cannot be run as it is.", "bad")), line(said)]
        if self._untrusted:
            lines += [(), line(("enter", "key"), " asks you whether to trust it")]
        else:
            lines += [(), line(("o", "key"), f" opens {self._faulty(error)} in your editor")]
        self.query_one("#sheet", Sheet).write(lines)
        self.query_one("#inputs").display = False
        self.refresh_bindings()
        if self._untrusted and first:
            self._ask_trust()

    def _faulty(self, error: LlmexpError) -> str:
        return file_of(error, self.home_app.session().root)  # it is open: nothing was planned without it

    @property
    def _untrusted(self) -> bool:
        return isinstance(self._refusal, TrustError)

    def _show(self, preflight: state.Preflight) -> None:
        self.preflight, self._refusal = preflight, None
        if self.choice.kind not in preflight.kinds:
            self.choice = replace(self.choice, kind=preflight.kinds[0])
        self._draw()

    def _draw(self) -> None:
        choice = self.choice
        title = line((self.experiment, "strong"), "  ", (state.KINDS.get(choice.kind, ""), "info"))
        self.query_one("#title", TitleLine).show(title)
        self.query_one("#inputs").display = choice.sized
        self.refresh_bindings()
        if self.preflight is None:
            self.query_one("#sheet", Sheet).write([line(("planning …", "muted"))])
            return
        plan = self.preflight.plan
        lines: list[Line] = [*state.size_lines(plan, choice), ()]
        if choice.kind != "aa":
            lines += [*state.gate_lines(plan, self.size.width - 3), *state.warning_lines(plan), ()]
            lines += state.difference_lines(self.preflight.differences, self.preflight.axis)
        else:
            why = "It measures how far the baseline moves when nothing changes: the noise floor."
            lines.append(line((why, "muted")))
        self.query_one("#sheet", Sheet).write(lines)

    def on_resize(self) -> None:
        """The table of gates has columns for the width there is."""
        if self.preflight is not None:
            self._draw()

    # ---- choosing

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """An A/A is fresh anyway; a check takes the rows that were registered. What cannot be run can be mended."""
        if action == "edit":
            return self._refusal is not None and not self._untrusted
        if action == "start" and self._refusal is not None:
            return self._untrusted
        if action in ("kind", "fresh", "rows", "repeats") and self._refusal is not None:
            return False
        if action == "fresh":
            return self.choice.kind != "aa"
        return self.choice.sized if action in ("rows", "repeats") else True

    def action_kind(self) -> None:
        """Check, run, A/A."""
        kinds = self.preflight.kinds if self.preflight else ()
        if kinds:
            self.choice = replace(self.choice, kind=kinds[(kinds.index(self.choice.kind) + 1) % len(kinds)])
            self._draw()

    def action_edit(self) -> None:
        """The file that stands in the way; planned again once it has changed."""
        if self._refusal is not None:
            name = self._faulty(self._refusal)
            self.fetch("path", lambda session: str(session.root / name), self._edit)

    def _edit(self, path: str) -> None:
        if edit_file(self.home_app, path):
            self.fetch("reread", reread, lambda _: self.load(), self._failed)

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
        if self.preflight is not None:
            self.fetch("start", partial(start_run, self.experiment, self.choice), self._started)
        elif self._untrusted:
            self._ask_trust()
        else:
            self.home_app.say("Still planning" if self._refusal is None else "This cannot be run as it is")

    def _started(self, group: str) -> None:
        kind = state.KINDS[self.choice.kind].partition(":")[0]
        self.home_app.say(f"{kind[0].upper()}{kind[1:]} of {self.experiment} started")
        self.home_app.go_back()

    def _ask_trust(self) -> None:
        if isinstance(self._refusal, TrustError):
            self.ask_trust(self._refusal, self.load)

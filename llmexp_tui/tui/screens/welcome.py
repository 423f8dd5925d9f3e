"""No project here: the demo, a new project, or one for what is there already. Shown where no llmexp.toml is found."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Static

from llmexp_tui.errors import LlmexpError
from llmexp_tui.tui.messages import Fetched, ReadFailed
from llmexp_tui.tui.reads.beginnings import copy_demo, make_project
from llmexp_tui.tui.screens.base import ProjectScreen
from llmexp_tui.tui.state.cells import line
from llmexp_tui.tui.state.paging import Column, ListSource, TableRow
from llmexp_tui.tui.widgets.paged_table import PagedTable
from llmexp_tui.tui.widgets.tones import join_lines

_CHOICES = (
    ("demo", "Try the demo", "a sample project in ./llmexp-demo, no key needed"),
    ("new", "New project here", "a small project that runs as it is"),
    ("own", "Bring your own", "the same, and where your rows and prompts go in"),
)
_OWN = "In llmexp.toml (o opens it) write the path of your rows: csv, tsv, json, jsonl or parquet; and of your prompt"


class WelcomeScreen(ProjectScreen):
    """Three ways to begin."""

    HELP = "There is no llmexp.toml in this folder or above it."
    CSS_PATH = "welcome.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "Choose", id="welcome.choose"),
        Binding("d", "pick('demo')", "Demo", id="welcome.demo"),
        Binding("n", "pick('new')", "New project", id="welcome.new"),
    ]

    def body(self) -> ComposeResult:
        """What this is, then the choices."""
        with Vertical(id="middle"):
            yield Static(
                join_lines([
                    line(("llmexp", "strong"), "  is your prompt change real?"), (),
                    line(("This folder is no project: it has no llmexp.toml, nor has any above it.", "muted")),
                    line(("How would you like to begin?", "muted")),
                ]),
                id="greeting", markup=False,
            )  # fmt: skip
            yield PagedTable((Column("title", "", 20), Column("text", "")), id="choices", header=False)

    def on_mount(self) -> None:
        """The choices have the keys."""
        rows = [TableRow(key, (line((title, "strong")), line((text, "muted")))) for key, title, text in _CHOICES]
        table = self.query_one("#choices", PagedTable)
        table.show(ListSource(rows))
        table.focus()

    @on(PagedTable.Opened)
    def _opened(self, message: PagedTable.Opened) -> None:
        self.action_pick(message.key)

    def action_choose(self) -> None:
        """What is under the cursor."""
        key = self.query_one("#choices", PagedTable).cursor_key
        if key is not None:
            self.action_pick(key)

    def action_pick(self, key: str) -> None:
        """Begin."""
        make, advice = (copy_demo if key == "demo" else make_project), (_OWN if key == "own" else "")
        self.run_worker(lambda: self._make(make, advice), thread=True, exclusive=True, group="begin")

    def _make(self, make: Callable[[Path], Path], advice: str) -> None:
        try:
            root = make(Path.cwd())
        except LlmexpError as error:
            self.post_message(ReadFailed(error))
            return
        self.post_message(Fetched(partial(self._made, advice), root))

    def _made(self, advice: str, root: Path) -> None:
        self.home_app.open_folder(root)
        if advice:
            self.home_app.say(advice)

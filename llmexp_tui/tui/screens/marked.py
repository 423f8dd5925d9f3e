"""Makes a dataset of the marked rows, or a slice of the dataset they are in: asks for its name."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input, Static

from llmexp_tui.domain.dataset import DatasetVersion
from llmexp_tui.reports.record import DatasetReport
from llmexp_tui.tui.reads.marked import save_marked, save_slice
from llmexp_tui.tui.screens.base import Dialog
from llmexp_tui.tui.state.cells import Line, line
from llmexp_tui.tui.state.format import plural
from llmexp_tui.tui.widgets.tones import join_lines


class MarkedScreen(Dialog[None]):
    """Name it; the files of the project are written and a version of the dataset is recorded."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "kind", "Dataset or slice", priority=True, show=False, id="marked.kind"),
    ]

    def __init__(self, dataset: DatasetReport, keys: tuple[str, ...]) -> None:
        super().__init__()
        self.dataset = dataset
        self.keys = keys
        self._slice = False

    def compose(self) -> ComposeResult:
        """What will be done, and the name."""
        with Vertical(classes="dialog"):
            yield Static(join_lines(self._words()), id="what", markup=False)
            yield Input(value=self._default, placeholder="name", restrict=r"[A-Za-z0-9_\-]*")
            keys = (("enter", "key"), " makes it    ", ("tab", "key"), " the other    ", ("esc", "key"), " nothing")
            yield Static(join_lines([line(*keys)]), markup=False)

    @property
    def _default(self) -> str:
        return "hard" if self._slice else f"{self.dataset.name}-hard"

    def _words(self) -> list[Line]:
        name = self.dataset.name
        does = f"Of {name} {self.dataset.version}, written to datasets/NAME.jsonl", "and added to llmexp.toml."
        if self._slice:
            does = "A column NAME in its file, yes for these rows", "and no for others; added to llmexp.toml."
        return [
            line((f"Make of {plural(len(self.keys), 'marked row')}", "strong")),
            _choice("a dataset of their own", not self._slice),
            _choice(f"a slice of {name}", self._slice),
            *(line((text, "muted")) for text in does),
        ]

    def action_kind(self) -> None:
        """The other of the two."""
        box = self.query_one(Input)
        as_it_was = box.value == self._default
        self._slice = not self._slice
        if as_it_was:
            box.value = self._default
        self.query_one("#what", Static).update(join_lines(self._words()))

    @on(Input.Submitted)
    def _submitted(self, message: Input.Submitted) -> None:
        name = message.value.strip()
        if name:
            save = save_slice if self._slice else save_marked
            self.fetch("marked", partial(save, self.dataset, self.keys, name), self._saved)

    def _saved(self, version: DatasetVersion) -> None:
        said = f"{version.name} {version.label}: {version.changelog}" if self._slice else ""
        self.home_app.say(said or f"{version.name} {version.label} has {plural(version.rows, 'row')}")
        self.dismiss(None)


def _choice(text: str, chosen: bool) -> Line:
    return line(("● ", "accent"), text) if chosen else line((f"○ {text}", "muted"))

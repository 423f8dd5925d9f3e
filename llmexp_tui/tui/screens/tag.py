"""Asks for a tag by which a dataset version shall go."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input, Static

from llmexp_tui.domain.dataset import DatasetVersion
from llmexp_tui.tui.screens.base import Dialog
from llmexp_tui.tui.state.cells import line
from llmexp_tui.tui.widgets.tones import join_lines


class TagScreen(Dialog[str]):
    """A tag names one version for good, unlike a prompt's label, which moves."""

    def __init__(self, version: DatasetVersion) -> None:
        super().__init__()
        self.version = version

    def compose(self) -> ComposeResult:
        """Which version, and the tag."""
        lines = [
            line((f"Tag {self.version.name} {self.version.label}", "strong")),
            line(("Experiments can then ask for it: ", "muted"), f"{self.version.name}@TAG"),
            line(("A tag never moves; older tags go on naming the version.", "muted")),
        ]
        with Vertical(classes="dialog"):
            yield Static(join_lines(lines), markup=False)
            yield Input(placeholder="for example 2.0.0", restrict=r"[A-Za-z0-9._\-]*")
            yield Static(join_lines([line(("enter", "key"), " tags it    ", ("esc", "key"), " does nothing")]),
                         markup=False)  # fmt: skip

    @on(Input.Submitted)
    def _submitted(self, message: Input.Submitted) -> None:
        if tag := message.value.strip():
            self.dismiss(tag)

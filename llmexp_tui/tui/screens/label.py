"""Asks which label to put on a prompt version, and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input, Static

from llmexp_tui.domain.prompt import PromptVersion
from llmexp_tui.tui.reads.prompts import LabelRequest
from llmexp_tui.tui.screens.base import Dialog
from llmexp_tui.tui.state.cells import line
from llmexp_tui.tui.state.format import short_hash
from llmexp_tui.tui.widgets.tones import join_lines


class LabelScreen(Dialog[LabelRequest]):
    """A label and a reason. Says where the known labels stand now."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "accept", "Move the label", show=False, id="label.accept"),
    ]

    def __init__(self, version: PromptVersion, stands: Mapping[str, str]) -> None:
        super().__init__()
        self.version = version
        self.stands = stands

    def compose(self) -> ComposeResult:
        """Title, where labels stand, two inputs."""
        version = self.version
        lines = [line(("Label ", "strong"), (f"{version.prompt.name} {short_hash(version.hash)}", "strong"))]
        if self.stands:
            lines.append(
                line(
                    *(
                        part
                        for label, digest in self.stands.items()
                        for part in ((f"{label} ", "good"), (f"is at {short_hash(digest)}   ", "muted"))
                    )
                )
            )
        with Vertical(classes="dialog"):
            yield Static(join_lines(lines), markup=False)
            yield Input(value="" if "production" in version.labels else "production", placeholder="label", id="label")
            yield Input(placeholder="why (kept with the move)", id="reason")
            yield Static(
                join_lines([
                    line(("enter", "key"), " moves the label    ", ("tab", "key"), " why    ",
                         ("esc", "key"), " does nothing")
                ]),
                markup=False,
            )

    @on(Input.Submitted)
    def _submitted(self) -> None:
        self.action_accept()

    def action_accept(self) -> None:
        """Close with what was typed."""
        label = self.query_one("#label", Input).value.strip()
        if label:
            reason = self.query_one("#reason", Input).value.strip()
            self.dismiss(LabelRequest(self.version.prompt.name, label, self.version.hash, reason))

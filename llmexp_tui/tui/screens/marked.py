"""Makes a dataset of the marked rows: asks for its name."""

from __future__ import annotations

from functools import partial

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input, Static

from llmexp_tui.domain.dataset import DatasetVersion
from llmexp_tui.reports.record import DatasetReport
from llmexp_tui.tui.reads.marked import save_marked
from llmexp_tui.tui.screens.base import Dialog
from llmexp_tui.tui.state.cells import line
from llmexp_tui.tui.state.format import plural
from llmexp_tui.tui.widgets.tones import join_lines


class MarkedScreen(Dialog[None]):
    """Name it; the rows are written to a file of the project and recorded as its first version."""

    def __init__(self, dataset: DatasetReport, keys: tuple[str, ...]) -> None:
        super().__init__()
        self.dataset = dataset
        self.keys = keys

    def compose(self) -> ComposeResult:
        """What will be done, and the name."""
        lines = [
            line((f"A dataset of {plural(len(self.keys), 'marked row')}", "strong")),
            line((f"of {self.dataset.name} {self.dataset.version}: written to datasets/NAME.jsonl", "muted")),
            line(("and added to llmexp.toml, ready for experiments.", "muted")),
        ]
        with Vertical(classes="dialog"):
            yield Static(join_lines(lines), markup=False)
            yield Input(value=f"{self.dataset.name}-hard", placeholder="name", restrict=r"[A-Za-z0-9_\-]*")
            yield Static(join_lines([line(("enter", "key"), " makes it    ", ("esc", "key"), " does nothing")]),
                         markup=False)  # fmt: skip

    @on(Input.Submitted)
    def _submitted(self, message: Input.Submitted) -> None:
        name = message.value.strip()
        if name:
            self.fetch("marked", partial(save_marked, self.dataset, self.keys, name), self._saved)

    def _saved(self, version: DatasetVersion) -> None:
        self.home_app.say(f"{version.name} {version.label} has {plural(version.rows, 'row')}")
        self.dismiss(None)

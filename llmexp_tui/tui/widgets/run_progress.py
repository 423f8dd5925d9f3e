"""What runs now: a bar for each arm with rate, cost, errors and time left. Idle, it says what could be done."""

from __future__ import annotations

from collections.abc import Sequence

from textual.widgets import Static

from llmexp_tui.tui.state.cells import Line, line
from llmexp_tui.tui.state.runs import GroupLine, progress_lines, progress_title
from llmexp_tui.tui.widgets.tones import join_lines


class RunProgress(Static):
    """Groups of runs, as many as there is room for; repainted only when a figure changed."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes, markup=False)
        self._groups: tuple[GroupLine, ...] = ()
        self._shown: list[Line] | None = None

    def on_mount(self) -> None:
        """Say that nothing runs until told otherwise."""
        self._draw()

    def on_resize(self) -> None:
        """Bars fill the width."""
        self._draw()

    def show(self, groups: Sequence[GroupLine]) -> None:
        """Show these groups."""
        self._groups = tuple(groups)
        self._draw()

    def _draw(self) -> None:
        cells = self.content_size.width or 36
        lines: list[Line] = []
        for group in self._groups:
            lines.append(progress_title(group))
            lines += progress_lines(group, cells)
        if not lines:
            lines = [line(("Nothing is running.", "muted"))]
        if lines != self._shown:
            self._shown = lines
            self.update(join_lines(lines))

"""Two versions of a prompt on the whole screen."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from llmexp_tui.domain.prompt import PromptVersion
from llmexp_tui.tui.errands import copy_text
from llmexp_tui.tui.screens.base import ProjectScreen
from llmexp_tui.tui.state.cells import Line, line
from llmexp_tui.tui.state.format import person, plural, short_hash, when
from llmexp_tui.tui.state.versions import prompt_text
from llmexp_tui.tui.widgets.diff_view import DiffView
from llmexp_tui.tui.widgets.title_line import TitleLine

_WIDE = 100
"""From so many columns on a version's title has room for its time."""


class PromptDiffScreen(ProjectScreen):
    """The older version left, the newer right; one alone where there is nothing to compare with."""

    HELP = "Differing words are underlined; lines that differ have − and + at their side."
    CSS_PATH = "prompt_diff.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "copy", "Copy", tooltip="Copy the newer text", id="prompt.copy"),
    ]

    def __init__(self, old: PromptVersion | None, new: PromptVersion) -> None:
        super().__init__()
        self.old = old
        self.new = new

    def body(self) -> ComposeResult:
        """Title and texts."""
        yield TitleLine(id="title")
        yield DiffView(id="text")

    def on_mount(self) -> None:
        """Show both."""
        old, new = self.old, self.new
        view = self.query_one("#text", DiffView)
        view.focus()
        wide = self.app.size.width >= _WIDE
        right = _title(new, wide)
        if old is None:
            view.show(prompt_text(new), None, (right, ()))
        else:
            view.show(prompt_text(old), prompt_text(new), (_title(old, wide), right))
        changed = plural(view.diff.changed_lines, "changed line") if view.diff and old else ""
        title = line((new.prompt.name, "strong"), (f"  {changed}", "muted"))
        self.query_one("#title", TitleLine).show(title)

    def action_copy(self) -> None:
        """The newer text."""
        copy_text(self.home_app, self.new.prompt.text, short_hash(self.new.hash))


def _title(version: PromptVersion, wide: bool) -> Line:
    """Which version, with what labels, from when, whom and which commit; a narrow window shows the day alone."""
    if not wide:
        made = [*version.labels, when(version.created_at)[:10]]
    else:
        made = [*version.labels, when(version.created_at), person(version.author)]
        if version.commit:
            made.append(f"commit {version.commit[:7]}{'+' if version.dirty else ''}")
    return line((short_hash(version.hash), "strong"), (" · " + " · ".join(made), "muted"))

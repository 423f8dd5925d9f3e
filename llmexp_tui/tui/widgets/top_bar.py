"""The first line: where one is, which places there are, what is going on. Drawn from the app's state, never read."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from textual import events
from textual.content import Content
from textual.widget import Widget

from llmexp_tui.tui.state.cells import Line, Span, cut, fit, line, width
from llmexp_tui.tui.widgets.tones import to_content

if TYPE_CHECKING:
    from llmexp_tui.tui.app import LlmexpApp

PLACES = (("1", "Home", "home"), ("2", "Runs", "runs"), ("3", "Datasets", "datasets"), ("4", "Prompts", "prompts"))


class TopBar(Widget):
    """Places with the present one marked, the project's name, and the state of watching and running."""

    def __init__(self) -> None:
        super().__init__()
        self._spans: list[tuple[int, int, str]] = []

    def on_mount(self) -> None:
        """Redraw when the state changes."""
        app = cast("LlmexpApp", self.app)
        self.watch(app, "activity", self._changed, init=False)
        self.watch(app, "project_name", self._changed, init=False)

    def _changed(self) -> None:
        self.refresh()

    def render(self) -> Content:
        """The whole line in exactly the width."""
        app = cast("LlmexpApp", self.app)
        left = self._places(app.current_mode)
        right: Line = (*app.activity, Span(" "))
        room = max(0, self.size.width - width(left) - width(right))
        name = line("  ", (app.project_name, "muted"))
        return to_content((*left, *fit(cut(name, max(0, room - 2)), room), *right))

    def _places(self, mode: str) -> Line:
        self._spans.clear()
        parts: list[Span] = [Span(" ")]
        if mode == "welcome":
            return tuple(parts)
        place = 1
        for key, title, name in PLACES:
            here = name == mode
            text = f" {key} {title} "
            self._spans.append((place, place + len(text), name))
            parts.append(Span(f"[{key} {title}]" if here else text, "key" if here else "muted"))
            place += len(text)
        return tuple(parts)

    def on_click(self, event: events.Click) -> None:
        """Goes to the place under the mouse."""
        for start, end, name in self._spans:
            if start <= event.x < end:
                cast("LlmexpApp", self.app).action_go_to(name)
                return

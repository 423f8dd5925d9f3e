"""The footer: the few keys that matter here, always ending with help and quit. Made from the live bindings.

Textual's own footer shows everything and scrolls sideways; at 80 columns that hides the keys one needs.
"""

from __future__ import annotations

from typing import NamedTuple

from rich.cells import cell_len
from textual import events
from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget

MAX_KEYS = 7
_BACK, _LAST = "app.back", ("app.help", "app.quit")


class KeyHint(NamedTuple):
    """One entry: what is shown of the key, what it does, and the key itself."""

    shown: str
    text: str
    key: str

    @property
    def cells(self) -> int:
        """How wide the entry is, without the gap after it."""
        return cell_len(self.shown) + 1 + cell_len(self.text)


def chosen_hints(hints: list[KeyHint], last: list[KeyHint], cells: int) -> list[KeyHint]:
    """As many entries as fit in `cells` (more than MAX_KEYS only where the terminal is wide), then the fixed ones."""
    limit = MAX_KEYS if cells < 100 else MAX_KEYS + 4
    room = cells - sum(hint.cells + 2 for hint in last) - 1
    kept: list[KeyHint] = []
    for hint in hints[: max(0, limit - len(last))]:
        room -= hint.cells + 2
        if room < 0:
            break
        kept.append(hint)
    return kept + last


def _lowered(text: str) -> str:
    return text if text.isupper() else text.lower()


class KeyBar(Widget):
    """One line of keys at the bottom of a screen; a click presses the key."""

    def __init__(self) -> None:
        super().__init__()
        self._spans: list[tuple[int, int, str]] = []

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._bindings_changed)

    def _bindings_changed(self, screen: Screen[object]) -> None:
        if screen is self.screen:
            self.refresh()

    def hints(self) -> list[KeyHint]:
        """The entries that are shown at the present width; the way back, where there is one, if it has room."""
        ordinary: list[KeyHint] = []
        back: list[KeyHint] = []
        last: dict[str, KeyHint] = {}
        seen: set[str] = set()
        for active in self.screen.active_bindings.values():
            binding = active.binding
            if not active.enabled or binding.action in seen:
                continue
            hint = KeyHint(self.app.get_key_display(binding), _lowered(binding.description), binding.key)
            if binding.id in _LAST:
                seen.add(binding.action)
                last.setdefault(binding.id or "", hint)
            elif binding.id == _BACK:
                back = [] if self.screen is self.app.screen_stack[0] else [hint]
            elif binding.show:
                seen.add(binding.action)
                ordinary.append(hint)
        return chosen_hints(ordinary + back, [last[name] for name in _LAST if name in last], self.size.width)

    def render(self) -> Content:
        """The entries, and where each is, for the mouse."""
        self._spans.clear()
        parts: list[tuple[str, str]] = [(" ", "")]
        place = 1
        for hint in self.hints():
            self._spans.append((place, place + hint.cells, hint.key))
            parts += [(hint.shown, "bold $footer-key-foreground"), (f" {hint.text}", "$muted"), ("  ", "")]
            place += hint.cells + 2
        return Content.assemble(*parts)

    def on_click(self, event: events.Click) -> None:
        """Presses the key under the mouse."""
        for start, end, key in self._spans:
            if start <= event.x < end:
                self.app.simulate_key(key)
                return

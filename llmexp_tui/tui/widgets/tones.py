"""From tones to styles of the theme: the one place where a meaning gets its look."""

from __future__ import annotations

from rich.segment import Segment
from rich.style import Style
from textual.content import Content
from textual.strip import Strip
from textual.widget import Widget

from llmexp_tui.tui.state.cells import TONES, Line

TONE_CLASSES = frozenset(f"tone--{tone}" for tone in TONES)

_CONTENT_STYLES = {  # variables of the theme
    "strong": "bold", "key": "bold $accent", "band": "$band", "rule": "$rule", "accent": "$warn",
    "added": "underline $added", "removed": "underline $removed", "muted": "$muted",
    "good": "$good", "bad": "$bad", "warn": "$warn", "info": "$info",
}  # fmt: skip


def to_content(line: Line) -> Content:
    """A toned line as literal content: nothing in it is ever parsed as markup."""
    return Content.assemble(*((text, _CONTENT_STYLES.get(tone, "")) for text, tone in line))


def join_lines(lines: list[Line] | tuple[Line, ...]) -> Content:
    """Several toned lines as one content."""
    return Content("\n").join([to_content(line) for line in lines])


class ToneStyles:
    """A line widget's styles by tone, looked up once and forgotten when the theme changes."""

    def __init__(self, widget: Widget) -> None:
        self._widget = widget
        self._styles: dict[str, Style] = {}

    def clear(self) -> None:
        """Look everything up again."""
        self._styles.clear()

    def style(self, tone: str) -> Style:
        """The style of a tone or of a component class, without the widget's own background."""
        found = self._styles.get(tone)
        if found is None:
            name = tone if "--" in tone else f"tone--{tone}"
            found = self._widget.get_component_rich_style(name, partial=True) if tone else Style.null()
            self._styles[tone] = found
        return found

    def segments(self, line: Line, base: Style, toned: bool = True) -> list[Segment]:
        """A line's segments over a base style; with `toned` off only the base counts."""
        return [Segment(text, base + self.style(tone) if toned and tone else base) for text, tone in line]

    def strip(self, line: Line, base: Style, cells: int) -> Strip:
        """A line as a strip of exactly `cells` cells."""
        return Strip(self.segments(line, base)).adjust_cell_length(cells, base)

"""Two texts side by side, differing words underlined and coloured, changed lines marked − and + in the gutter.

It draws one line at a time from rows laid out beforehand, so that a long answer costs nothing to scroll. Comparing
and laying out run in a thread; texts beyond the limit of `reports.words` are cut and say so.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from llmexp_tui.reports.words import TextDiff, diff_texts
from llmexp_tui.tui.state.cells import Line, fit, line
from llmexp_tui.tui.state.layout import DiffRow, beside, has_folds, lay_out
from llmexp_tui.tui.widgets.tones import TONE_CLASSES, ToneStyles

_SMALL = 4_000
"""Texts up to so many characters are compared at once (a few ms); longer ones in a thread."""


class DiffView(ScrollView, can_focus=True):
    """The left and right text in two columns under their titles. One column where only one text is given."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {*TONE_CLASSES, "diff--title", "diff--added", "diff--removed"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "scroll_down", "Scroll down", show=False, id="diff.down"),
        Binding("up,k", "scroll_up", "Scroll up", show=False, id="diff.up"),
        Binding("pagedown,ctrl+d", "page_down", "Page down", show=False, id="diff.page_down"),
        Binding("pageup,ctrl+u", "page_up", "Page up", show=False, id="diff.page_up"),
        Binding("home,g", "scroll_home", "Top", show=False, id="diff.first"),
        Binding("end,G", "scroll_end", "Bottom", show=False, id="diff.last"),
        Binding("u", "fold", "Fold", tooltip="Fold or show what is equal", id="diff.fold"),
    ]

    @dataclass
    class _Compared(Message):
        ticket: int
        diff: TextDiff

    def __init__(self, *, id: str | None = None, fold: bool = False) -> None:
        super().__init__(id=id)
        self.fold = fold
        self.diff: TextDiff | None = None
        self._titles: tuple[Line, Line] = ((), ())
        self._feet: tuple[Line, Line] = ((), ())
        self._rows: list[DiffRow] = []
        self._single = False
        self._marked = True
        self._foldable = False
        self._ticket = 0
        self._styles = ToneStyles(self)

    def show(
        self,
        left: str,
        right: str | None,
        titles: tuple[Line, Line] = ((), ()),
        feet: tuple[Line, Line] = ((), ()),
        *,
        marked: bool = True,
    ) -> None:
        """Show two texts; with `right` None only the left one, over the whole width. Texts may hold anything.

        `marked` off shows them side by side without saying what differs.
        """
        self._ticket += 1
        self._titles, self._feet, self._single, self._marked = titles, feet, right is None, marked
        self.scroll_home(animate=False)
        if right is not None and not marked:
            self._laid_out(beside(left, right))
            return
        if len(left) + len(right or "") <= _SMALL:
            self._laid_out(diff_texts(left, left if right is None else right))
            return
        self.diff, self._rows = None, []
        self.refresh()
        job = partial(self._compare, self._ticket, left, left if right is None else right)
        self.run_worker(job, thread=True, group="diff", exclusive=True)

    def _compare(self, ticket: int, left: str, right: str) -> None:
        self.post_message(self._Compared(ticket, diff_texts(left, right)))

    def on_diff_view__compared(self, message: _Compared) -> None:
        message.stop()
        if message.ticket == self._ticket:
            self._laid_out(message.diff)

    def _laid_out(self, diff: TextDiff) -> None:
        self.diff = diff
        foldable = self._marked and not self._single and has_folds(diff)
        if foldable != self._foldable:
            self._foldable = foldable
            self.refresh_bindings()
        self._lay_out()

    def _side(self) -> int:
        """Cells of text in one column: the gutter takes two on each side, the rule one."""
        cells = self.scrollable_content_region.width
        return max(4, cells - 2 if self._single else (cells - 1) // 2 - 2)

    def _lay_out(self) -> None:
        if self.diff is None or not self.size.width:
            return
        rows = lay_out(self.diff, self._side(), self.fold and not self._single)
        notice = _notice(self.diff.cut_left), _notice(self.diff.cut_right)
        if any(notice):
            rows.append(DiffRow(" ", notice[0], " ", notice[1]))
        self._rows = rows
        self.virtual_size = Size(self.size.width, len(rows) + self._top + (1 if any(self._feet) else 0))
        self.refresh()

    @property
    def _top(self) -> int:
        return 1 if any(self._titles) else 0

    @property
    def _foot(self) -> int:
        """The feet's line: under the text, or the last one in view where the text is longer."""
        return min(self._top + len(self._rows), self.scrollable_content_region.height - 1)

    def on_resize(self) -> None:
        self._lay_out()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles.clear()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return self._foldable if action == "fold" else True

    def action_fold(self) -> None:
        self.fold = not self.fold
        self._lay_out()

    def render_line(self, y: int) -> Strip:
        cells = self.scrollable_content_region.width
        base = self.rich_style
        if y < self._top:
            style = base + self._styles.style("diff--title")
            return self._join(DiffRow(" ", self._titles[0], " ", self._titles[1]), style, cells)
        if any(self._feet) and self.diff is not None and y == self._foot:
            return self._join(DiffRow(" ", self._feet[0], " ", self._feet[1]), base, cells)
        index = int(self.scroll_offset.y) + y - self._top
        if index < len(self._rows):
            return self._join(self._rows[index], base, cells)
        if index == 0 and self.diff is None and self._ticket:
            return self._styles.strip(line(("  comparing …", "muted")), base, cells)
        return self._join(DiffRow(" ", (), " ", ()), base, cells)

    def _join(self, row: DiffRow, base: Style, cells: int) -> Strip:
        if row.folded:
            text = line((f"  ⋯ {row.folded} equal lines", "muted"))
            return self._styles.strip(text, base, cells)
        side = self._side()
        segments = self._half(row.left_mark, row.left, side, base, "removed")
        if not self._single:
            segments.append(Segment("│", base + self._styles.style("rule")))
            segments += self._half(row.right_mark, row.right, side, base, "added")
        return Strip(segments).adjust_cell_length(cells, base)

    def _half(self, mark: str, text: Line, side: int, base: Style, tone: str) -> list[Segment]:
        changed = mark.strip() and not self._single
        gutter = base + self._styles.style(tone) if changed else base
        segments = [Segment(f"{mark if changed else ' '} ", gutter)]
        for span in fit(text, side):
            tone_class = f"diff--{span.tone}" if span.tone in ("added", "removed") else span.tone
            segments.append(Segment(span.text, base + self._styles.style(tone_class)))
        return segments


def _notice(left_out: int) -> Line:
    return line((f"… {left_out:,} more characters are not shown", "warn")) if left_out else ()

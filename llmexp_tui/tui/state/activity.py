"""What is going on, in a few words for the top bar."""

from __future__ import annotations

from collections.abc import Sequence

from llmexp_tui.tui.state.cells import Line, Span, line
from llmexp_tui.tui.state.runs import GroupLine

_NAME = 16


def activity_line(groups: Sequence[GroupLine], watching: str) -> Line:
    """The run that goes on with its share done, and the state of watching."""
    parts: list[Span] = []
    going = [group for group in groups if group.active]
    if going:
        done, total = sum(group.done for group in going), sum(group.total for group in going)
        name = going[0].experiment[:_NAME] if len(going) == 1 else f"{len(going)} runs"
        share = f" {100 * done // total} %" if total else ""
        if all(group.scoring for group in going):
            share = " scoring"
        elif len(going) == 1 and not going[0].arms:
            share = f" {going[0].kind}"
        parts += line((f"▸ {name}{share}", "info"))
    if watching != "off":
        if parts:
            parts.append(Span("  "))
        parts += line(("± changed", "warn") if watching == "changed" else ("● watching", "good"))
    return tuple(parts)

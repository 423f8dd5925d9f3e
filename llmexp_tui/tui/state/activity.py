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
        name = going[0].experiment[:_NAME] if len(going) == 1 else f"{len(going)} runs"
        parts += line((f"▸ {name} {share_of(going)}".rstrip(), "info"))
    if watching != "off":
        if parts:
            parts.append(Span("  "))
        parts += line(("± changed", "warn") if watching == "changed" else ("● watching", "good"))
    return tuple(parts)


def share_of(going: Sequence[GroupLine]) -> str:
    """How much of what goes on is done: percent of the answers, then that they are being scored."""
    done, total = sum(group.done for group in going), sum(group.total for group in going)
    if any(group.scoring for group in going) and done >= total:
        return "scoring"
    if not total:
        return going[0].kind if len(going) == 1 else ""
    return f"{100 * done // total} %"

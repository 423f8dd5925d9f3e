"""The one writer of stdout: plain text for pipes and NO_COLOR, Rich tables and colours for a terminal.

Every fact a command answers with goes through here, and nothing else does; progress and errors belong to
`diagnostics`. Rich is imported only when a terminal will show it (it costs 50 ms).
"""

from __future__ import annotations

import errno
import json
import os
import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TextIO

from llmexp_tui.domain.text import neutralise, one_line
from llmexp_tui.reports.foreign import defuse_commands

if TYPE_CHECKING:
    from rich.console import Console

_STYLES = (
    (re.compile(r"✓ [\w ]+"), "green"),
    (re.compile(r"✗ [\w ]+"), "red"),
    (re.compile(r"\? [\w ]+|! [\w ]+"), "yellow"),
    (re.compile(r"^ (Registered|Exploratory)\b.*$", re.MULTILINE), "bold"),
)


def coloured() -> bool:
    """True where stdout is a terminal that wants colours."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "") not in ("", "dumb")


def write(text: str) -> None:
    """A text with its line end. Foreign codes in it become visible marks; a closed pipe is no error."""
    _emit(defuse_commands(neutralise(text)) + "\n")


def write_exact(text: str) -> None:
    """A document as its writer made it (it has neutralised what is foreign), with a line end when it has none."""
    _emit(text if text.endswith("\n") else text + "\n")


def write_log_command(line: str) -> None:
    """A line that the job's runner acts on. Only a forge makes these, with everything foreign in them escaped."""
    _emit(line.replace("\r", "").replace("\n", "") + "\n")


def write_json(value: Any) -> None:
    """A JSON document in ASCII, so that nothing in it acts on a terminal."""
    _emit(json.dumps(value, indent=2, allow_nan=False) + "\n")


def write_panel(text: str) -> None:
    """A results panel: verdicts in colour on a terminal, the same text elsewhere."""
    if not coloured():
        write(text)
        return
    from rich.text import Text

    shown = Text(neutralise(text))
    for pattern, style in _STYLES:
        shown.highlight_regex(pattern, style)
    _console().print(shown, soft_wrap=True)


def write_table(columns: Sequence[str], rows: Sequence[Sequence[object]], empty: str) -> None:
    """A list of rows under its headings; `empty` is the sentence shown where there is none."""
    if not rows:
        write(empty)
        return
    cells = [[one_line(str(cell), 60) for cell in row] for row in rows]
    if coloured():
        _write_rich_table(columns, cells)
        return
    widths = [max(len(line[i]) for line in [list(columns), *cells]) for i in range(len(columns))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in [list(columns), *cells]
    ]
    _emit(defuse_commands("\n".join(lines)) + "\n")


def _write_rich_table(columns: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column)
    for line in cells:
        table.add_row(*(Text(cell) for cell in line))
    _console().print(table)


def _console() -> Console:
    from rich.console import Console

    return Console(highlight=False, markup=False, emoji=False)


def _emit(text: str) -> None:
    stream = sys.stdout
    try:
        stream.write(text.encode(stream.encoding or "utf-8", "replace").decode(stream.encoding or "utf-8"))
        stream.flush()
    except OSError as error:
        if error.errno not in (errno.EPIPE, errno.EIO):
            raise
        leave(stream)


def leave(stream: TextIO) -> None:
    """Write the rest to nowhere: the reader has gone (`| head`, a closed terminal), and the exit code still counts.

    What is left unwritten would make the interpreter end with a code of its own, 120.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())

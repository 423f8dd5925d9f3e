"""Reports as files: the ending decides the kind, and a file is there whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from llmexp_tui.errors import UsageError
from llmexp_tui.reports.record import CheckReport


def require_writable(paths: Sequence[Path]) -> None:
    """Makes the folders of reports. Raises UsageError where one cannot be written to: before the first call."""
    for path in paths:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _unwritable(path, error) from error
        if path.is_dir() or not os.access(path.parent, os.W_OK):
            raise _unwritable(path, "it is a folder" if path.is_dir() else "its folder is read-only")


def write_reports(report: CheckReport, paths: Sequence[Path]) -> None:
    """Writes every report asked for. Raises UsageError for an ending that names no kind, or a write that fails."""
    for path in paths:
        text = render_report(report, path)
        try:
            write_atomically(path, text)
        except OSError as error:
            raise _unwritable(path, error) from error


def render_report(report: CheckReport, path: Path) -> str:
    """The report's text of the kind that the path's ending names."""
    ending = path.suffix.lower()
    if ending == ".json":
        from llmexp_tui.reports import json

        return json.render(json.check_json(report))
    if ending == ".md":
        from llmexp_tui.reports.markdown import check_markdown

        return check_markdown(report)
    if ending == ".xml":
        from llmexp_tui.reports.junit import check_junit

        return check_junit(report)
    if ending == ".html":
        from llmexp_tui.reports.html_page import check_html

        return check_html(report)
    raise UsageError(f"{path} has no ending that names a kind of report", mend="end it in .json, .md, .xml or .html")


def write_atomically(path: Path, text: str) -> None:
    """Replaces a file by a finished one beside it, so that a reader never sees half a report."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace", newline="\n") as stream:
            stream.write(text)
        os.chmod(name, 0o644)
        os.replace(name, path)
    finally:
        Path(name).unlink(missing_ok=True)


def _unwritable(path: Path, why: object) -> UsageError:
    return UsageError(f"cannot write the report: {why}", where=str(path), mend="choose another path for --report")

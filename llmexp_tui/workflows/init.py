"""Writes a small project that runs as it is."""

from __future__ import annotations

from pathlib import Path

from llmexp_tui.project.scaffold import write_project


def init_project(folder: Path) -> tuple[Path, ...]:
    """The files written. Raises UsageError where there is a project already."""
    return write_project(folder)

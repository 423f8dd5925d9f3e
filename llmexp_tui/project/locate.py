"""Finds the project that a folder belongs to. Looks at names only, reads nothing."""

from __future__ import annotations

from pathlib import Path

PROJECT_FILE = "llmexp.toml"


def find_project(start: Path) -> Path | None:
    """The nearest folder at or above `start` that holds an llmexp.toml, as a real path; None where there is none."""
    here = start.resolve()
    if here.is_file():
        here = here.parent
    for folder in (here, *here.parents):
        try:
            if (folder / PROJECT_FILE).is_file():
                return folder
        except OSError:  # a folder above that may not be looked into ends nothing
            continue
    return None


def stamp_of(path: Path | None) -> tuple[int, int]:
    """When a file was last written and how large it is; (0, 0) where there is none."""
    try:
        found = None if path is None else path.stat()
    except OSError:
        found = None
    return (0, 0) if found is None else (found.st_mtime_ns, found.st_size)

"""Copies the sample project, so that a newcomer has something real to look at."""

from __future__ import annotations

from pathlib import Path

from llmexp_tui.project.locate import PROJECT_FILE
from llmexp_tui.project.scaffold import copy_sample


def copy_demo(folder: Path) -> bool:
    """Copies the sample project into `folder`; False where it is there already, and stays as it is.

    Raises UsageError where the folder holds something else.
    """
    if (folder / PROJECT_FILE).is_file():
        return False
    copy_sample(folder)
    return True

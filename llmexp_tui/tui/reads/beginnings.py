"""Beginning without a project: the demo and a new project."""

from __future__ import annotations

from pathlib import Path

DEMO_FOLDER = "llmexp-demo"


def copy_demo(folder: Path) -> Path:
    """Copy the sample project into `folder`/llmexp-demo; its root. Raises UsageError where it is taken."""
    from llmexp_tui.workflows.demo import copy_demo as copy

    copy(folder / DEMO_FOLDER)
    return folder / DEMO_FOLDER


def make_project(folder: Path) -> Path:
    """Write a small project into `folder`; its root. Raises UsageError where there is one."""
    from llmexp_tui.workflows.init import init_project

    init_project(folder)
    return folder

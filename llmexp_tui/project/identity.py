"""Who runs this, where, at which commit and with which versions: what a run's record needs to be repeated.

Reads git and package metadata only; no library is imported to learn its version (litellm's import takes seconds).
"""

from __future__ import annotations

import getpass
import platform
import socket
import sqlite3
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from llmexp_tui._version import __version__
from llmexp_tui.domain.text import one_line
from llmexp_tui.errors import GitError
from llmexp_tui.project.git import git

_PACKAGES = ("aiohttp", "jinja2", "litellm", "numpy", "scipy", "sqlmodel", "textual")


@dataclass(frozen=True, slots=True)
class GitState:
    """The commit that is checked out and whether the project's files differ from it; None where there is no git."""

    commit: str | None
    dirty: bool | None


def author(root: Path) -> str:
    """`Name <email>` of git, else the login."""
    name, email = _setting(root, "user.name"), _setting(root, "user.email")
    if name and email:
        return f"{name} <{email}>"
    return name or email or login()


def login() -> str:
    """The login name; "unknown" where the system has none for this user."""
    try:
        return one_line(getpass.getuser(), 100)
    except (KeyError, OSError, ImportError):
        return "unknown"


def host() -> str:
    """The machine's name."""
    return one_line(socket.gethostname(), 100) or "unknown"


def git_state(root: Path) -> GitState:
    """Commit and dirtiness of the project folder. The store's own folder does not count; untracked files do."""
    try:
        commit = git(root, "rev-parse", "--verify", "--quiet", "HEAD").strip() or None
        changed = git(root, "status", "--porcelain", "-z", "--", ".", ":(exclude).llmexp")
    except GitError:
        return GitState(None, None)
    return GitState(commit, bool(changed))


@lru_cache(maxsize=1)
def versions() -> dict[str, str]:
    """Versions of this program, Python, SQLite and the libraries that can change a result."""
    found = {"llmexp-tui": __version__, "python": platform.python_version(), "sqlite": sqlite3.sqlite_version}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _setting(root: Path, key: str) -> str | None:
    try:
        return one_line(git(root, "config", "--get", key).strip(), 100) or None
    except GitError:
        return None

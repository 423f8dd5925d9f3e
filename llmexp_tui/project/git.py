"""Runs git: never with a prompt, a pager, a hook or the caller's GIT_ variables, and never a ref taken for an option.

A hook that starts this program sets GIT_DIR and GIT_INDEX_FILE; with them git would answer about another tree.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from llmexp_tui.domain.text import one_line
from llmexp_tui.errors import GitError

TIMEOUT_S = 60.0
_KEPT = ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM", "GIT_SSL_CAINFO", "GIT_EXEC_PATH")
_SAFE = (
    "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "core.pager=cat", "-c", "color.ui=false",
    "-c", "core.quotePath=false", "-c", "diff.external=",
)  # fmt: skip


def git_bytes(root: Path, *arguments: str, stdin: bytes | None = None) -> bytes:
    """What `git` prints when run in `root`. Raises GitError with git's own first line."""
    try:
        done = subprocess.run(
            ["git", "--no-pager", *_SAFE, *arguments],
            cwd=root,
            env=_environment(),
            input=stdin if stdin is not None else b"",
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except FileNotFoundError:
        if not root.is_dir():
            raise GitError("no such folder", where=str(root)) from None
        raise GitError("git is not installed", mend="install git, or leave out --base and @git: references") from None
    except subprocess.TimeoutExpired:
        raise GitError(f"git {arguments[0]} took more than {TIMEOUT_S:g} s") from None
    except OSError as error:
        raise GitError(f"git cannot be started: {error.strerror}") from None
    if done.returncode:
        said = one_line(done.stderr.decode("utf-8", "replace").strip().split("\n")[0], 200)
        raise GitError(said or f"git {arguments[0]} found nothing")
    return done.stdout


def git(root: Path, *arguments: str) -> str:
    """As `git_bytes`, as text."""
    return git_bytes(root, *arguments).decode("utf-8", "replace")


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_") or name in _KEPT}
    return {**kept, "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C", "GIT_ASKPASS": "true"}

"""A git repository in a temporary folder that a test commits to, branches and clones."""

from __future__ import annotations

import subprocess
from pathlib import Path

_SETTINGS = (
    "-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "init.defaultBranch=main",
    "-c", "protocol.file.allow=always", "-c", "commit.gpgsign=false", "-c", "advice.detachedHead=false",
)  # fmt: skip


class Repository:
    """The repository whose top is `root`; `root` need not exist yet."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)

    def git(self, *words: str | Path) -> str:
        """What git prints, without blanks around it; a failed assertion where it refuses."""
        done = subprocess.run(
            ["git", *_SETTINGS, *map(str, words)], cwd=self.root, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def begin(self) -> str:
        """Makes the repository on branch main with everything that is there; the commit's hash."""
        self.git("init", "-q", "-b", "main")
        return self.commit("begin")

    def commit(self, message: str = "more") -> str:
        """Commits everything there is; the commit's hash."""
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def branch(self, name: str, at: str = "HEAD") -> None:
        """Makes a branch and checks it out."""
        self.git("checkout", "-q", "-b", name, at)

    def status(self) -> str:
        """All that git knows of the work tree and the index: changes, staged contents, HEAD."""
        return "\n".join(self.git(*words) for words in (("status", "--porcelain=v2", "--branch"), ("ls-files", "-s")))

    def clone(self, root: Path, *words: str) -> Repository:
        """A clone by the file protocol, so that depths are heeded."""
        self.git("clone", "-q", *words, f"file://{self.root}", root)
        return Repository(root)

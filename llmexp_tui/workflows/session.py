"""What every workflow works on: a project, its store, and who is asking. Opened once, closed at the end.

Time, ids and the environment come in here, so that a test can hold them still.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from llmexp_tui.domain.ids import sortable_id
from llmexp_tui.errors import UsageError
from llmexp_tui.project.config import Project, load_project
from llmexp_tui.project.files import WorkTree
from llmexp_tui.project.identity import author
from llmexp_tui.project.locate import find_project
from llmexp_tui.project.trust import powers, require_trust
from llmexp_tui.store import audit
from llmexp_tui.store.engine import Store, open_store

DEFAULT_DB = Path(".llmexp") / "llmexp.db"


@dataclass(slots=True)
class Session:
    """An open project. `flag_trust` is what --trust or LLMEXP_TRUST=1 said."""

    root: Path
    files: WorkTree
    project: Project
    store: Store
    who: str
    env: Mapping[str, str]
    flag_trust: bool = False
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    rng: random.Random = field(default_factory=random.SystemRandom)
    _trusted: list[list[str]] = field(default_factory=list)

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.store.close()

    def at(self) -> str:
        """Now, RFC 3339 UTC."""
        return self.now().isoformat(timespec="microseconds")

    def new_id(self) -> str:
        """A fresh sortable id."""
        return sortable_id(int(self.now().timestamp() * 1000), self.rng.getrandbits)

    def audit(self, action: str, subject: str, detail: Mapping[str, Any] | None = None) -> None:
        """Appends to the audit table."""
        detail = dict(detail or {})
        audit.append(self.store, who=self.who, at=self.at(), action=action, subject=subject, detail=detail)

    def require_trust(self, project: Project | None = None) -> None:
        """Raises TrustError where the project (this one, or as at another commit) uses a power that nobody trusts.

        What was trusted is written down once a session.
        """
        project = project or self.project
        require_trust(project, self.root, flag=self.flag_trust, env=self.env)
        used = [f"{power.holder}: {power.kind} = {power.detail}" for power in powers(project, self.root)]
        if used and not self.store.read_only and used not in self._trusted:
            self._trusted.append(used)
            self.audit("trust", str(self.root), {"powers": used, "flag": self.flag_trust})


def open_session(
    project_dir: Path | None,
    *,
    db: Path | None = None,
    env: Mapping[str, str],
    trust: bool = False,
    read_only: bool = False,
) -> Session:
    """Opens the project at or above `project_dir` (the working directory if None) and its store.

    Raises UsageError where there is no project, ConfigError for a bad project file, StoreError for the store.
    """
    start = (project_dir or Path.cwd()).resolve()
    root = find_project(start)
    if root is None:
        raise UsageError(
            f"no llmexp.toml in {start} or above it",
            mend="make one with `llmexp-tui init`, or look at `llmexp-tui demo`",
        )
    files = WorkTree(root)
    project = load_project(files, root)
    chosen = db or (Path(env["LLMEXP_DB"]) if env.get("LLMEXP_DB") else root / DEFAULT_DB)
    store = open_store(chosen, read_only=read_only)
    return Session(root, files, project, store, author(root), env, trust)



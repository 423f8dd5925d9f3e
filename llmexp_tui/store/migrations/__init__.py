"""Numbered forward steps from one schema to the next. A step is never changed once it was released.

Each step is a module with `STATEMENTS` and `READABLE_FROM`: the oldest schema whose program can still read a file
that has taken the step. All missing steps run in one transaction, after a copy of the file was made beside it.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from llmexp_tui.errors import StoreError, StoreVersionError
from llmexp_tui.store.connect import APPLICATION_ID
from llmexp_tui.store.migrations import step_0001, step_0002, step_0003, step_0004


@dataclass(frozen=True, slots=True)
class Step:
    """One step: the schema it leads to, and its SQL."""

    version: int
    statements: Sequence[str]
    readable_from: int


STEPS = (
    Step(1, step_0001.STATEMENTS, step_0001.READABLE_FROM),
    Step(2, step_0002.STATEMENTS, step_0002.READABLE_FROM),
    Step(3, step_0003.STATEMENTS, step_0003.READABLE_FROM),
    Step(4, step_0004.STATEMENTS, step_0004.READABLE_FROM),
)
SCHEMA_VERSION = STEPS[-1].version


def schema_version(raw: sqlite3.Connection) -> int:
    """The schema that the file has; 0 for an empty file."""
    return int(raw.execute("PRAGMA user_version").fetchone()[0])


def require_ours(raw: sqlite3.Connection, path: Path) -> None:
    """Raises StoreError where the file is another program's database."""
    ours = int(raw.execute("PRAGMA application_id").fetchone()[0]) == APPLICATION_ID
    empty = raw.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0] == 0
    if not ours and not (empty and schema_version(raw) == 0):
        raise StoreError(
            "this is another program's database", where=str(path), mend="choose another file with --db"
        )


def require_readable(raw: sqlite3.Connection, path: Path) -> None:
    """Raises StoreVersionError where this program cannot read the file's schema."""
    require_ours(raw, path)
    version = schema_version(raw)
    if version < SCHEMA_VERSION:
        raise StoreVersionError(
            f"the database has schema {version}, this program needs {SCHEMA_VERSION}",
            where=str(path),
            mend="open it once where it can be written, so that it is brought up to date",
        )
    if version > SCHEMA_VERSION and _readable_from(raw) > SCHEMA_VERSION:
        raise newer_error(path, version)


def require_writable(raw: sqlite3.Connection, path: Path, steps: Sequence[Step] = STEPS) -> None:
    """Raises StoreError for another program's database, StoreVersionError for one of a newer schema."""
    require_ours(raw, path)
    version = schema_version(raw)
    if version > steps[-1].version:
        raise newer_error(path, version)


def newer_error(path: Path, version: int) -> StoreVersionError:
    """The file was written by a newer program."""
    return StoreVersionError(
        f"the database has schema {version}, newer than this program's {SCHEMA_VERSION}; it was not touched",
        where=str(path),
        mend="upgrade llmexp-tui",
    )


def migrate(raw: sqlite3.Connection, path: Path, stamp: str, steps: Sequence[Step] = STEPS) -> Path | None:
    """Brings the file to the newest schema; returns the backup that was made, None if none was needed.

    `stamp` names the backup (a time without separators). Raises StoreVersionError for a newer file.
    """
    require_writable(raw, path, steps)
    version = schema_version(raw)
    if version == steps[-1].version:
        return None
    copy = _backup(raw, path, version, stamp) if version else None
    raw.execute("BEGIN IMMEDIATE")
    try:
        version = schema_version(raw)
        for step in steps:
            if step.version > version:
                _apply(raw, step)
        raw.execute("COMMIT")
    except BaseException:
        if raw.in_transaction:
            raw.execute("ROLLBACK")
        raise
    return copy


def _apply(raw: sqlite3.Connection, step: Step) -> None:
    for statement in step.statements:
        raw.execute(statement)
    readable = str(max(step.readable_from, _readable_from(raw)))
    raw.execute("INSERT OR REPLACE INTO meta (key, value) VALUES ('readable_from', ?)", (readable,))
    raw.execute(f"PRAGMA application_id={APPLICATION_ID}")
    raw.execute(f"PRAGMA user_version={step.version}")


def _readable_from(raw: sqlite3.Connection) -> int:
    row = raw.execute("SELECT value FROM meta WHERE key = 'readable_from'").fetchone()
    return int(row[0]) if row else 0


def _backup(raw: sqlite3.Connection, path: Path, version: int, stamp: str) -> Path:
    """A copy of the file as it is, 0600, beside it."""
    copy = path.with_name(f"{path.name}.bak-{version}-{stamp}")
    try:
        os.close(os.open(copy, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise StoreError(
            f"no copy could be made before the upgrade: {error.strerror}",
            where=str(copy),
            mend="make room beside the database",
        ) from error
    target = sqlite3.connect(copy)
    try:
        raw.backup(target)
    except sqlite3.Error:
        copy.unlink(missing_ok=True)
        raise
    finally:
        target.close()
    return copy

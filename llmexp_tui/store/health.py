"""Is the file whole? The facts and checks of `doctor`. Slow on purpose: everything is read and hashed."""

from __future__ import annotations

import os
import sqlite3
from dataclasses import dataclass

from sqlalchemy import text

from llmexp_tui.domain.dataset import Row, make_row
from llmexp_tui.store import prompts
from llmexp_tui.store.engine import Store
from llmexp_tui.store.rows import iter_rows

_ORDINALS = 100
"""Equal rows without an id are told apart by a number in their hash, which is not stored: this many are tried."""


@dataclass(frozen=True, slots=True)
class StoreFacts:
    """What the file and the library are. Sizes in bytes. `exposed`: this library version can lose commits where

    checkpoints of two processes meet (mended in 3.51.3, 3.50.7 and 3.44.6), which the store's lock prevents.
    """

    sqlite: str
    exposed: bool
    schema: int
    journal: str
    size: int
    log_size: int
    read_only: bool
    notes: tuple[str, ...]


def facts(store: Store) -> StoreFacts:
    """What the file and the library are; costs nothing."""
    with store.read() as connection:
        schema = int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())
    return StoreFacts(
        sqlite=sqlite3.sqlite_version,
        exposed=_exposed(sqlite3.sqlite_version_info[:3]),
        schema=schema,
        journal=store.journal,
        size=_size(str(store.path)),
        log_size=_size(f"{store.path}-wal"),
        read_only=store.read_only,
        notes=store.notes,
    )


def _exposed(version: tuple[int, int, int]) -> bool:
    mended = {(3, 44): 6, (3, 50): 7}.get(version[:2])
    return version < (3, 51, 3) and (mended is None or version[2] < mended)


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def problems(store: Store) -> list[str]:
    """What is wrong with the file, a sentence each; empty where all is well. Reads everything."""
    found = []
    with store.read() as connection:
        for line in connection.exec_driver_sql("PRAGMA integrity_check(20)").scalars():
            if line != "ok":
                found.append(f"the file is damaged: {line}")
        for row in connection.exec_driver_sql("PRAGMA foreign_key_check"):
            found.append(f"table {row[0]}: an entry refers to one of {row[2]} that is not there")
    return found or [*_changed_rows(store), *_changed_prompts(store)]


def _changed_rows(store: Store) -> list[str]:
    """Rows whose content is no longer what their hash says."""
    query = "SELECT v.hash, d.name FROM dataset_version v JOIN dataset d ON d.no = v.dataset_no ORDER BY v.no"
    with store.read() as connection:
        versions = connection.execute(text(query)).all()
    seen: set[str] = set()
    found = []
    for version_hash, name in versions:
        for row in iter_rows(store, version_hash):
            if row.hash not in seen and not _genuine(row):
                found.append(f'dataset "{name}", row "{row.key}": the content is not what its hash says')
            seen.add(row.hash)
    return found


def _genuine(row: Row) -> bool:
    if make_row(row.values, key=row.key).hash == row.hash:
        return True
    return any(make_row(row.values, ordinal=n).hash == row.hash for n in range(1, _ORDINALS))


def _changed_prompts(store: Store) -> list[str]:
    """Prompt versions whose content is no longer what their hash says."""
    return [
        f'prompt "{name}", version {version.hash[:12]}: the content is not what its hash says'
        for name in prompts.names(store)
        for version in prompts.versions(store, name)
        if version.prompt.hash != version.hash
    ]

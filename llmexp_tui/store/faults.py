"""Turns what SQLite and SQLAlchemy raise into the project's own errors: what is wrong, where, how to mend it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from llmexp_tui.errors import StoreBusyError, StoreError

BUSY_S = 30.0
"""How long a writer waits for another process before it gives up and names the holder."""

_TEXTS = {
    sqlite3.SQLITE_FULL: ("the disk is full; nothing that was stored is lost", "make room and try again"),
    sqlite3.SQLITE_READONLY: ("the database is read-only", "make the file and its folder writable"),
    sqlite3.SQLITE_NOTADB: ("this is not an SQLite database", "choose another file with --db"),
    sqlite3.SQLITE_CORRUPT: ("the database is damaged", "keep the file, and restore a copy of it"),
    sqlite3.SQLITE_CANTOPEN: ("the database cannot be opened", "check that its folder exists and is writable"),
    sqlite3.SQLITE_IOERR: ("the disk cannot be read or written", "check the disk, then try again"),
    sqlite3.SQLITE_PERM: ("no permission to use the database", "check the file's owner and mode"),
    sqlite3.SQLITE_TOOBIG: ("a text is too large to be stored", "shorten the row or the answer"),
}
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def primary_code(error: BaseException) -> int | None:
    """SQLite's primary result code of an error, None where there is none."""
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else int(code) & 0xFF


def store_error(error: BaseException, path: Path, holder: Callable[[], str | None] = lambda: None) -> StoreError:
    """The project's error for one of SQLite's. `holder` names who holds the lock, if that can be known."""
    original = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    code = primary_code(original)
    if code in _BUSY:
        return busy_error(path, holder())
    if code in _TEXTS:
        what, mend = _TEXTS[code]
        return StoreError(what, where=str(path), mend=mend)
    return StoreError(f"the database refused: {original}", where=str(path))


def busy_error(path: Path, holder: str | None) -> StoreBusyError:
    """Another process held the lock for longer than anybody should."""
    by = f" by {holder}" if holder else ""
    return StoreBusyError(
        f"the database is locked{by} and was not free in time",
        where=str(path),
        mend="wait until that ends or stop it, then try again",
    )


@contextmanager
def translated(path: Path, holder: Callable[[], str | None] = lambda: None) -> Iterator[None]:
    """Within it, errors of SQLite and SQLAlchemy come out as StoreError; all others pass.

    So do a number and a text that no column can hold: they can only be names and options somebody typed.
    """
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise store_error(error, path, holder) from error
    except (UnicodeEncodeError, OverflowError) as error:
        raise StoreError(f"a value cannot be stored: {error}", where=str(path)) from error

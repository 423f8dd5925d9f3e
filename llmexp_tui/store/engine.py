"""The open store: one file, many readers, one writer at a time.

Readers are pooled connections that cannot write, each with one snapshot for as long as its `read()` lasts. All
writes of the process go through one connection, as `BEGIN IMMEDIATE … COMMIT` with an fsync a commit: what was
acknowledged survives a power cut, and cells are committed in groups, so the fsync is shared. Checkpoints run only
under the writers' lock. Knows no table.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import QueuePool

from llmexp_tui.errors import StoreBusyError, StoreError
from llmexp_tui.store.connect import WAL_LIMIT_BYTES, connect, journal_mode, make_private, reader
from llmexp_tui.store.faults import BUSY_S, busy_error, primary_code, translated
from llmexp_tui.store.locks import LockFile, exclusive, posix_lock_pid
from llmexp_tui.store.migrations import SCHEMA_VERSION, migrate, require_readable, require_writable, schema_version
from llmexp_tui.store.processes import Process, this_process

QUICK_CHECK_AT_MOST_BYTES = 256 * 1024 * 1024
"""Larger files are not checked on opening after an unclean end (1.3 s a gigabyte); `Store.notes` says so."""


_NO_SHARED_MEMORY = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)


class Store:
    """An open database. Made by `open_store`. Safe to use from several threads.

    `journal` is WAL or TRUNCATE; `notes` says what a person should know of how it was opened.
    """

    def __init__(
        self,
        path: Path,
        *,
        readers: Engine,
        writer: Engine | None,
        locks: tuple[LockFile, LockFile] | None,
        journal: str,
        notes: tuple[str, ...],
        busy_s: float = BUSY_S,
    ) -> None:
        self.path = path
        self.journal = journal
        self.notes = notes
        self.process: Process = this_process()
        self.numbers: dict[tuple[str, str], int] = {}
        self._readers = readers
        self._writer = writer
        self._locks = locks
        self._busy_s = self._patience_s = busy_s
        self._turn = threading.Lock()
        self._watch: sqlite3.Connection | None = None
        self._watching = threading.Lock()
        self._closed = False

    @property
    def read_only(self) -> bool:
        """True where nothing can be written."""
        return self._writer is None

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that sees one snapshot of the file. Raises StoreError."""
        self._require_open()
        with translated(self.path, self._holder), self._readers.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A connection inside BEGIN IMMEDIATE; committed at the end, rolled back on any exception.

        Not nestable. Raises StoreBusyError after 30 s of waiting (after 3 s, where the write before it waited in
        vain), StoreError for a file that cannot be written.
        """
        self._require_open()
        if self._writer is None or self._locks is None:
            why = "; ".join(self.notes) or "it was opened for reading"
            raise StoreError(f"nothing can be stored: {why}", where=str(self.path))
        if not self._turn.acquire(timeout=self._patience_s):
            raise busy_error(self.path, "this process")
        try:
            try:
                with self._writers_lock(), translated(self.path, self._holder), self._writer.begin() as connection:
                    self._wait_for(self._busy_s, connection.connection)
                    yield connection
            except StoreBusyError:
                with closing(self._writer.raw_connection()) as raw:
                    self._wait_for(self._busy_s / 10, raw)
                raise
            if self._wal_bytes() > WAL_LIMIT_BYTES:
                self._checkpoint_if_free(self._writer, self._locks[0])
        finally:
            self._turn.release()

    def data_version(self) -> int:
        """A number that changes when anybody has committed to the file; costs microseconds."""
        with self._watching, translated(self.path):
            self._require_open()
            if self._watch is None:
                self._watch = _reading(self.path, writable_file=self._writer is not None)
            return int(self._watch.execute("PRAGMA data_version").fetchone()[0])

    def close(self) -> None:
        """Moves the log into the file where nobody minds, and closes every connection. May be called twice."""
        if self._closed:
            return
        self._closed = True
        with self._watching:
            if self._watch is not None:
                self._watch.close()
        self._readers.dispose()
        if self._writer is not None and self._locks is not None:
            ours = self._turn.acquire(timeout=self._busy_s)
            if ours and self._wal_bytes():
                self._checkpoint_if_free(self._writer, self._locks[0])
            self._writer.dispose()
            for lock in self._locks:
                lock.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _wait_for(self, seconds: float, writer: Any) -> None:
        """How long the next writes wait for others: who waited in vain is mostly about to end, and says so soon."""
        if self._patience_s != seconds:
            self._patience_s = seconds
            writer.cursor().execute(f"PRAGMA busy_timeout={round(1000 * seconds)}").close()

    def _writers_lock(self) -> Any:
        assert self._locks is not None
        return exclusive(
            self._locks[0], self.process.label, self._patience_s, lambda holder: busy_error(self.path, holder)
        )

    def _holder(self) -> str | None:
        """Who holds SQLite's own lock: not one of ours, or it would hold the writers' lock."""
        pid = posix_lock_pid(self.path)
        return None if pid is None else f"process {pid}"

    def _wal_bytes(self) -> int:
        try:
            return os.stat(f"{self.path}-wal").st_size
        except OSError:
            return 0

    def _checkpoint_if_free(self, writer: Engine, lock: LockFile) -> None:
        """Moves the log into the file, unless another process writes just now: then that one will do it.

        A failure (a full disk) is none of the commit's before it, and the next write will meet it.
        """
        if not lock.try_exclusive():
            return
        try:
            with suppress(StoreError), translated(self.path):
                raw = writer.raw_connection()
                try:
                    raw.cursor().execute("PRAGMA wal_checkpoint(PASSIVE)").close()
                finally:
                    raw.close()
        finally:
            lock.unlock()

    def _require_open(self) -> None:
        if self._closed:
            raise StoreError("the store is closed", where=str(self.path))


def open_store(
    path: Path, *, read_only: bool = False, journal: str | None = None, busy_s: float = BUSY_S
) -> Store:
    """Opens the database, creating or upgrading it where needed.

    A file that cannot be written is opened for reading (`Store.read_only`, with the reason in `Store.notes`).
    `journal` (WAL or TRUNCATE) overrules what the file system suggests, `busy_s` how long to wait for other
    processes. Raises StoreError for a file that is no store or is damaged, StoreVersionError for one that a newer
    program wrote.
    """
    path = Path(path).absolute()
    if read_only and not path.exists():
        raise StoreError("there is no database", where=str(path), mend="run an experiment first")
    reason = None if read_only or not path.exists() else _why_unwritable(path)
    if read_only or reason:
        return _open_reading(path, () if reason is None else (reason,))
    make_private(path)
    return _open_writing(path, journal, busy_s)


def data_version(store: Store) -> int:
    """A number that changes when anybody has committed to the store's file; cheap enough to poll."""
    return store.data_version()


def _why_unwritable(path: Path) -> str | None:
    if not path.is_file():
        raise StoreError("this is not a file", where=str(path), mend="choose another with --db")
    if not os.access(path, os.W_OK):
        return "the database file is read-only"
    if not os.access(path.parent, os.W_OK):
        return "the database's folder is read-only"
    return None


def _open_writing(path: Path, journal: str | None, busy_s: float) -> Store:
    chosen, reason = journal_mode(path) if journal is None else (journal, None)
    notes = [reason] if reason else []
    locks = (LockFile(path.with_name(path.name + ".lock")), LockFile(path.with_name(path.name + ".open")))
    me = this_process()
    try:
        alone = locks[1].try_exclusive()
        # A store that others have open and that needs nothing is joined without waiting for a long write of theirs.
        if alone or not (locks[1].try_shared() and _is_ready(path, chosen)):
            with exclusive(locks[0], me.label, busy_s, lambda holder: busy_error(path, holder)):
                notes += _prepare(path, locks[1], chosen)
                locks[1].try_shared()
    except BaseException:
        for lock in locks:
            lock.close()
        raise
    writer = _engine(lambda: connect(path, writable=True, busy_s=busy_s), "BEGIN IMMEDIATE", size=1)
    readers = _engine(lambda: reader(path, writable_file=True), "BEGIN", size=8)
    return Store(
        path, readers=readers, writer=writer, locks=locks, journal=chosen, notes=tuple(notes), busy_s=busy_s
    )


def _is_ready(path: Path, journal: str) -> bool:
    """True where the file has the newest schema and the journal that is wanted."""
    with translated(path):
        raw = connect(path, writable=True)
        try:
            require_writable(raw, path)
            return schema_version(raw) == SCHEMA_VERSION and _journal(raw) == journal
        finally:
            raw.close()


def _journal(raw: sqlite3.Connection) -> str:
    return str(raw.execute("PRAGMA journal_mode").fetchone()[0]).upper()


def _prepare(path: Path, others: LockFile, journal: str) -> list[str]:
    """Journal mode, check after an unclean end, schema. The writers' lock is held."""
    notes = []
    with translated(path):
        raw = connect(path, writable=True)
        try:
            require_writable(raw, path)  # first: what is not ours to write keeps even its journal mode
            if others.try_exclusive():
                note = _check_unclean_end(raw, path)
                notes += [note] if note else []
            elif 0 < schema_version(raw) < SCHEMA_VERSION:
                raise StoreBusyError(
                    "the database must be brought up to date, and another process has it open",
                    where=str(path),
                    mend="close that one (it may be an older version of this program), then try again",
                )
            if _journal(raw) != journal:
                raw.execute(f"PRAGMA journal_mode={journal}")
            if (mode := _journal(raw)) != journal:
                notes.append(f"write-ahead logging is not available here; the journal is {mode}")
            copy = migrate(raw, path, datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ"))
            if copy is not None:
                notes.append(f"the database now has schema {SCHEMA_VERSION}; a copy from before is {copy.name}")
        finally:
            raw.close()
    return notes


def _check_unclean_end(raw: sqlite3.Connection, path: Path) -> str | None:
    """Checks the file where nobody has it open and yet a log was left. Raises StoreError for damage."""
    if not any(os.path.exists(left) and os.stat(left).st_size for left in (f"{path}-wal", f"{path}-journal")):
        return None
    if os.stat(path).st_size > QUICK_CHECK_AT_MOST_BYTES:
        return "the last program that used the database ended abruptly; the file is too large to check on opening"
    problem = str(raw.execute("PRAGMA quick_check(1)").fetchone()[0])
    if problem != "ok":
        raise StoreError(f"the database is damaged: {problem}", where=str(path), mend="restore a copy of it")
    return None


def _open_reading(path: Path, notes: tuple[str, ...]) -> Store:
    with translated(path):
        raw = _reading(path, writable_file=False)
        try:
            require_readable(raw, path)
            journal = _journal(raw)
        finally:
            raw.close()
    readers = _engine(lambda: _reading(path, writable_file=False), "BEGIN", size=8)
    return Store(path, readers=readers, writer=None, locks=None, journal=journal, notes=notes)


def _reading(path: Path, *, writable_file: bool) -> sqlite3.Connection:
    """A reading connection. In a read-only folder SQLite cannot make the log's shared memory: a file without a log

    is then opened as immutable. With a log that would show old data, so it is refused.
    """
    raw = None
    try:
        raw = reader(path, writable_file=writable_file)
        raw.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except sqlite3.OperationalError as error:
        if raw is not None:
            raw.close()
        wal = Path(f"{path}-wal")
        if primary_code(error) not in _NO_SHARED_MEMORY or writable_file or not path.exists():
            raise
        if wal.exists() and wal.stat().st_size:
            raise StoreError(
                "the database was not closed properly and its folder cannot be written, so it cannot be read",
                where=str(path),
                mend="open it once with write access",
            ) from error
        return reader(path, writable_file=False, immutable=True)
    return raw


def _engine(creator: Any, begin: str, *, size: int) -> Engine:
    """An engine whose transactions start with `begin`; the driver itself never starts one."""
    engine = create_engine(
        "sqlite://", creator=creator, poolclass=QueuePool, pool_size=size, max_overflow=0 if size == 1 else 24
    )

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine

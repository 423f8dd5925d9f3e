"""How a connection to the file is made: journal mode, pragmas, private files. Knows no table."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from llmexp_tui.errors import StoreError
from llmexp_tui.scoring.repeats import pass_at_k, pass_hat_k
from llmexp_tui.store.faults import BUSY_S

APPLICATION_ID = 0x4C4D5850
"""Marks the file as this program's ("LMXP")."""

WAL_LIMIT_BYTES = 16 * 1024 * 1024
_CACHE_KIB = 4096
_NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "ncpfs", "afs", "9p", "drvfs", "glusterfs", "ceph",
     "lustre", "beegfs", "gpfs", "fuse.sshfs", "fuse.rclone", "fuse.s3fs", "fuse.glusterfs", "davfs", "fuse.davfs2"}
)  # fmt: skip


def file_system(path: Path, mounts: str) -> str | None:
    """The type of the file system that holds `path`, from the text of /proc/mounts; None if it does not say."""
    best, kind = "", None
    for line in mounts.splitlines():
        fields = line.split()
        if len(fields) < 3:
            continue
        point = fields[1].replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\")
        if len(point) >= len(best) and path.is_relative_to(point):
            best, kind = point, fields[2]
    return kind


def journal_mode(path: Path, mounts: str | None = None) -> tuple[str, str | None]:
    """WAL, or TRUNCATE and the reason where WAL cannot work: its shared memory needs one host."""
    if mounts is None:
        mounts = ""
        with suppress(OSError):
            mounts = Path("/proc/mounts").read_text(errors="replace")
    kind = file_system(path, mounts)
    if kind in _NETWORK:
        return "TRUNCATE", f"{path.parent} is on a network file system ({kind}): no write-ahead log there"
    return "WAL", None


def make_private(path: Path) -> bool:
    """Creates the file 0600, and its folder 0700 with a .gitignore, where they are not there. True if it did.

    A folder that exists keeps its mode. Never opens a file that exists: closing it would drop SQLite's locks.
    """
    folder = path.parent
    try:
        if not folder.exists():
            folder.mkdir(mode=0o700, parents=True)
            (folder / ".gitignore").write_text("*\n")
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return False
    except OSError as error:
        raise StoreError(
            f"the database cannot be created: {error.strerror}", where=str(path), mend="choose another file with --db"
        ) from error
    os.close(fd)
    return True


def connect(
    path: Path, *, writable: bool, immutable: bool = False, busy_s: float = BUSY_S
) -> sqlite3.Connection:
    """A connection in autocommit with the settings of its role. Raises sqlite3.Error."""
    flags = "mode=rw" if writable else "mode=ro"
    uri = f"{path.as_uri()}?{flags}{'&immutable=1' if immutable else ''}"
    raw = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=busy_s)
    try:
        raw.execute("PRAGMA trusted_schema=OFF")
        for rule in (pass_at_k, pass_hat_k):  # a list of rows is sorted by them
            raw.create_function(rule.__name__, 3, _of_counts(rule), deterministic=True)
        raw.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
        if writable:
            raw.execute("PRAGMA foreign_keys=ON")
            raw.execute("PRAGMA synchronous=FULL")
            raw.execute("PRAGMA wal_autocheckpoint=0")
            raw.execute(f"PRAGMA journal_size_limit={WAL_LIMIT_BYTES}")
        else:
            raw.execute("PRAGMA query_only=ON")
    except BaseException:
        raw.close()
        raise
    return raw


def _of_counts(rule: Callable[[int, int, int], float]) -> Callable[[int, float, int], float]:
    return lambda attempts, passes, k: rule(attempts, int(passes), k)


def reader(path: Path, *, writable_file: bool, immutable: bool = False) -> sqlite3.Connection:
    """A connection that only reads. It opens a writable file for writing, so that it can join the shared memory."""
    raw = connect(path, writable=writable_file, immutable=immutable)
    raw.execute("PRAGMA query_only=ON")
    return raw

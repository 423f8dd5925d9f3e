"""Advisory locks beside the database: one writer at a time across processes, and who has the file open.

SQLite would arbitrate writers too, by sleeping and polling; this lock adds three things: checkpoints never run
while another process writes (versions before 3.51.3 can lose commits there), a waiting writer can name the holder,
and an unclean end can be told from a file that others have open. The kernel drops the locks of a dead process.
Where the file system has no locks, SQLite's own are all there is.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # no flock on this platform
    fcntl = None  # type: ignore[assignment]

_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.0005, 0.02


class LockFile:
    """One lock file, kept open. Not reentrant; one holder a `LockFile` object at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd: int | None = None
        with suppress(OSError):
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def try_exclusive(self) -> bool:
        """Takes the lock alone if nobody has it."""
        return self._flock("LOCK_EX")

    def try_shared(self) -> bool:
        """Takes the lock together with other sharers if nobody has it alone."""
        return self._flock("LOCK_SH")

    def unlock(self) -> None:
        """Gives the lock up."""
        if self._fd is not None and fcntl is not None:
            with suppress(OSError):
                fcntl.flock(self._fd, fcntl.LOCK_UN)

    def close(self) -> None:
        """Gives the lock up for good."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def sign(self, name: str) -> None:
        """Writes who holds the lock, for those that wait."""
        if self._fd is not None:
            with suppress(OSError):
                os.pwrite(self._fd, name.encode("utf-8", "replace")[:120].ljust(120), 0)

    def holder(self) -> str | None:
        """Who signed last, None if nobody did."""
        if self._fd is None:
            return None
        try:
            return os.pread(self._fd, 120, 0).decode("utf-8", "replace").strip() or None
        except OSError:
            return None

    def _flock(self, kind: str) -> bool:
        if self._fd is None or fcntl is None:
            return True
        try:
            fcntl.flock(self._fd, getattr(fcntl, kind) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:  # the file system has no locks
            return True
        return True


@contextmanager
def exclusive(
    lock: LockFile, name: str, timeout_s: float, on_timeout: Callable[[str | None], Exception]
) -> Iterator[None]:
    """Holds the lock alone, signed with `name`; raises what `on_timeout(holder)` makes after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    wait = _FIRST_WAIT_S
    while not lock.try_exclusive():
        if time.monotonic() >= deadline:
            raise on_timeout(lock.holder())
        time.sleep(wait)
        wait = min(2 * wait, _LONGEST_WAIT_S)
    try:
        lock.sign(name)
        yield
    finally:
        lock.unlock()


def posix_lock_pid(path: Path) -> int | None:
    """The process that holds a POSIX write lock on a file or on its -shm, where the kernel tells (Linux)."""
    inodes = set()
    for candidate in (path, path.with_name(path.name + "-shm")):
        with suppress(OSError):
            inodes.add(os.stat(candidate).st_ino)
    with suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/locks").read_text().splitlines():
            fields = line.split()
            if fields[1] == "POSIX" and fields[3] == "WRITE" and int(fields[5].rsplit(":", 1)[1]) in inodes:
                return int(fields[4])
    return None

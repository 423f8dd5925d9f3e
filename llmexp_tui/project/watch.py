"""Says which of a project's files really changed: settled, whole, and different from before.

Folders are watched, not files: an editor that writes a new file and renames it over the old one blinds a watch on
the file. A change is told only after the content kept still for a moment, so nobody runs half a prompt.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path

SETTLE_S = 0.2
_STEP_MS = 50
_BATCH_MS = 150
_LOOK_MS = 1_000
"""Files are looked at this often even when nobody tells of a change: events get lost while a watch begins."""
_HASHED = 8 << 20
"""Up to this size a file is known by its content (8 ms), above it by its status."""
_MAX_WAITS = 25
"""A file that never keeps still is told anyway after this many settling times."""


def changes(
    root: Path,
    *paths: Path,
    again: Callable[[], Iterable[Path]] | None = None,
    stop: asyncio.Event | None = None,
    polling: bool | None = None,
    settle_s: float = SETTLE_S,
) -> AsyncIterator[frozenset[Path]]:
    """Yields the files among `paths` whose content is another than before, as given; until `stop` is set.

    `again` is asked (in a thread) after every change for the files to watch from then on: a project file and a
    prompt say themselves which those are.

    "Before" begins with this call, which reads the files: a change between it and the first step is not lost.
    Relative paths are below `root`; links are followed, so that a save behind one is seen. `polling` is for network
    file systems, where nobody tells of changes (None: the WATCHFILES_FORCE_POLLING variable decides).
    """
    watched = _Watched(root, paths)
    return _changes(watched, watched.digests(), again, stop, polling, settle_s)


async def _changes(
    watched: _Watched,
    known: dict[Path, str | None],
    again: Callable[[], Iterable[Path]] | None,
    stop: asyncio.Event | None,
    polling: bool | None,
    settle_s: float,
) -> AsyncIterator[frozenset[Path]]:
    from watchfiles import awatch  # 50 ms: only where somebody watches

    while folders := watched.folders():
        events = awatch(
            *folders, recursive=False, step=_STEP_MS, debounce=_BATCH_MS, rust_timeout=_LOOK_MS,
            yield_on_timeout=True, stop_event=stop, force_polling=polling, ignore_permission_denied=True,
            watch_filter=None,
        )  # fmt: skip
        async for _ in events:
            if await asyncio.to_thread(watched.digests) == known:
                continue
            now = await _settled(watched, settle_s)
            changed = frozenset(path for path in now if now[path] != known[path])
            known = now
            if not changed:
                continue
            others = again is not None and watched.replace(await asyncio.to_thread(again))
            if others:  # known from before the change is told: whoever hears of it reads them only then
                known = {**await asyncio.to_thread(watched.digests), **watched.among(known)}
            yield changed
            if others:
                break
        else:
            return


async def _settled(watched: _Watched, settle_s: float) -> dict[Path, str | None]:
    """The digests once two looks, one settling time apart, agree."""
    before = await asyncio.to_thread(watched.digests)
    for _ in range(_MAX_WAITS):
        await asyncio.sleep(settle_s)
        now = await asyncio.to_thread(watched.digests)
        if now == before:
            return now
        before = now
    return before


class _Watched:
    """The content of some files. A file is read again only where its status says it may have changed."""

    def __init__(self, root: Path, paths: Iterable[Path]) -> None:
        self._root = root
        self._files = {path: root / path for path in paths}
        self._seen: dict[Path, tuple[tuple[int, ...], str]] = {}

    def replace(self, paths: Iterable[Path]) -> bool:
        """Watches these from now on, with those that are gone but may come back; False where they are the same."""
        before = self._files
        gone = {path: file for path, file in before.items() if not file.exists()}
        self._files = gone | {path: self._root / path for path in paths}
        return before != self._files

    def among(self, digests: dict[Path, str | None]) -> dict[Path, str | None]:
        """Those that are of files still watched."""
        return {path: digest for path, digest in digests.items() if path in self._files}

    def folders(self) -> set[Path]:
        """The folders to watch: where each file stands, and where its link leads to."""
        found = {folder for file in self._files.values() for folder in (_absolute(file).parent, _real(file).parent)}
        return {folder for folder in found if folder.is_dir()}

    def digests(self) -> dict[Path, str | None]:
        """The hash of each file's content, None where there is no such file."""
        return {path: self._digest(file) for path, file in self._files.items()}

    def _digest(self, file: Path) -> str | None:
        try:
            status = file.stat()
            mark = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
            seen = self._seen.get(file)
            if seen is not None and seen[0] == mark:
                return seen[1]
            digest = str(mark)
            if status.st_size <= _HASHED:
                with open(file, "rb") as stream:
                    digest = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError:
            return None
        self._seen[file] = (mark, digest)
        return digest


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))

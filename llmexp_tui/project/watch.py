"""Says which of a project's files really changed: settled, whole, and different from before.

Folders are watched, not files: an editor that writes a new file and renames it over the old one blinds a watch on
the file. A change is told only after the content kept still for a moment, so nobody runs half a prompt.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path

SETTLE_S = 0.2
_STEP_MS = 50
_BATCH_MS = 150
_MAX_WAITS = 25
"""A file that never keeps still is told anyway after this many settling times."""


async def changes(
    root: Path,
    *paths: Path,
    stop: asyncio.Event | None = None,
    polling: bool | None = None,
    settle_s: float = SETTLE_S,
) -> AsyncIterator[frozenset[Path]]:
    """Yields the files among `paths` whose content is another than before, as given; until `stop` is set.

    Relative paths are below `root`; links are followed, so that a save behind one is seen. `polling` is for network
    file systems, where nobody tells of changes (None: the WATCHFILES_FORCE_POLLING variable decides).
    """
    from watchfiles import awatch  # 50 ms: only where somebody watches

    watched = {path: _real(root / path) for path in paths}
    known = await asyncio.to_thread(_digests, watched.values())
    folders = {folder for path in watched for folder in _folders(root / path) if folder.is_dir()}
    if not folders:
        return
    events = awatch(
        *folders, recursive=False, step=_STEP_MS, debounce=_BATCH_MS, stop_event=stop, force_polling=polling,
        yield_on_timeout=False, ignore_permission_denied=True, watch_filter=None,
    )  # fmt: skip
    async for _ in events:
        watched = {path: _real(root / path) for path in paths}
        now = await _settled(watched.values(), settle_s)
        changed = frozenset(path for path, real in watched.items() if now.get(real) != known.get(real))
        known = now
        if changed:
            yield changed


async def _settled(files: Iterable[Path], settle_s: float) -> Mapping[Path, str | None]:
    """The digests once two looks, one settling time apart, agree."""
    wanted = list(files)
    before = await asyncio.to_thread(_digests, wanted)
    for _ in range(_MAX_WAITS):
        await asyncio.sleep(settle_s)
        now = await asyncio.to_thread(_digests, wanted)
        if now == before:
            return now
        before = now
    return before


def _digests(files: Iterable[Path]) -> dict[Path, str | None]:
    return {file: _digest(file) for file in files}


def _digest(file: Path) -> str | None:
    """The content's hash, None where there is no such file."""
    try:
        with open(file, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return None


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _folders(path: Path) -> set[Path]:
    """The folder a path stands in and the one its link leads to."""
    return {Path(os.path.abspath(path)).parent, _real(path).parent}

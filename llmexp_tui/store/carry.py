"""The response cache as one file that a CI job carries from build to build. Written whole or not at all.

Gzipped lines of JSON: a head, an entry a line, the measured noise floors, what was registered before the answers were
asked for, a foot with the number of entries. JSON and not SQLite, because such a file may come from somewhere else:
reading it can run nothing.
"""

from __future__ import annotations

import gzip
import json
import os
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from llmexp_tui.errors import StoreError
from llmexp_tui.store import experiments, floors
from llmexp_tui.store.bulk import Bulk
from llmexp_tui.store.cache import select_cached
from llmexp_tui.store.engine import Store
from llmexp_tui.store.mapping import COMPLETION_FIELDS
from llmexp_tui.store.names import chunks
from llmexp_tui.store.tables import CompletionTable, core

SCHEMA = "llmexp.cache/1"
MAX_BYTES = 200_000_000
"""About a sixth of it once packed: some 500,000 short answers."""
LONGEST_LINE = 64 * 1024 * 1024
_COMPLETION = core(CompletionTable)
_INSERT = Bulk(_COMPLETION)
_BYTES = ("cache_key", "rendered_hash")
_NUMBERS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens",
            "cost_usd", "latency_ms", "ttft_ms", "attempts", "http_status")  # fmt: skip
_NEEDED = ("cache_key", "attempts", "rules", "created_at", "text")


def require_writable(path: Path) -> None:
    """Makes the file's folder. Raises StoreError where the file could not be written: before the first call."""
    fd, name = _beside(path)
    os.close(fd)
    os.unlink(name)


def export_cache(store: Store, path: Path, *, since: str = "", max_bytes: int = MAX_BYTES) -> int:
    """Writes cached answers to a file (0600), replacing it in one step; returns how many. Raises StoreError.

    Answers from before `since` (RFC 3339 UTC) are left out, and the oldest of what takes more than `max_bytes` before
    it is packed: a file that each job hands to the next would grow for ever.
    """
    path = Path(path)
    fd, name = _beside(path)
    try:
        with os.fdopen(fd, "wb") as file:
            count = _write(store, file, since, max_bytes)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException as error:
        with suppress(OSError):
            os.unlink(name)
        if isinstance(error, OSError):
            raise _unwritable(path, error) from error
        raise
    return count


def _beside(path: Path) -> tuple[int, str]:
    """An empty file in the path's folder, open for writing, and its name."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> StoreError:
    return StoreError(f"the cache file cannot be written: {error.strerror}", where=str(path))


def _write(store: Store, file: Any, since: str, max_bytes: int) -> int:
    count = 0
    # By age and not by number: a file's answers are numbered as they come in.
    newest = select_cached().where(_COMPLETION.c.created_at >= since).order_by(None)
    newest = newest.order_by(_COMPLETION.c.created_at.desc(), _COMPLETION.c.no.desc())
    seen: set[bytes] = set()
    # No name and no time in the head: the same answers give the same file.
    with gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=6, mtime=0) as out, store.read() as read:
        out.write(_line({"schema": SCHEMA}))
        for row in read.execution_options(yield_per=200).execute(newest).mappings():
            if row["cache_key"] in seen:
                continue
            seen.add(row["cache_key"])
            line = _line(_entry(row))
            max_bytes -= len(line)
            if max_bytes < 0:
                break
            out.write(line)
            count += 1
        for floor in floors.portable(read):
            out.write(_line({"floor": floor}))
        for promise in experiments.portable(read, since):
            out.write(_line({"registration": promise}))
        out.write(_line({"entries": count}))
    return count


def _line(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


def _entry(row: Any) -> dict[str, Any]:
    values = {name: row[name] for name in COMPLETION_FIELDS if row[name] is not None}
    return {name: value.hex() if name in _BYTES else value for name, value in values.items()}


def import_cache(store: Store, path: Path) -> int:
    """Adds the file's answers that the store does not have, all or none; returns how many. Raises StoreError.

    Its noise floors come along, but for those that the store has newer, and what was registered.
    """
    path = Path(path)
    added = 0
    carried: dict[str, list[dict[str, Any]]] = {"floor": [], "registration": []}
    with store.write() as connection:
        number = int(connection.execute(select(func.coalesce(func.max(_COMPLETION.c.no), 0))).scalar_one())
        for batch in chunks(_entries(path, carried), 500):
            keys = {entry["cache_key"] for entry in batch}
            query = select(_COMPLETION.c.cache_key).where(_COMPLETION.c.cache_key.in_(keys))
            known = set(connection.execute(query).scalars())
            new = {entry["cache_key"]: entry for entry in reversed(batch) if entry["cache_key"] not in known}
            values = [{"no": number + i, **entry} for i, entry in enumerate(new.values(), 1)]
            _INSERT.insert(connection, values)
            number += len(values)
            added += len(values)
        try:
            floors.adopt(connection, carried["floor"])
            experiments.adopt(connection, carried["registration"])
        except ValueError as error:
            raise _damaged(path, str(error)) from error
    return added


def _entries(path: Path, carried: Mapping[str, list[dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    """A file's entries, checked; what else it holds goes into `carried`. Raises StoreError where it is not whole."""
    try:
        with gzip.open(path, "rb") as lines:
            if _parsed(lines.readline(LONGEST_LINE)) != {"schema": SCHEMA}:
                raise ValueError("it does not begin as one")
            count = 0
            while line := lines.readline(LONGEST_LINE):
                value = _parsed(line)
                if "entries" in value:
                    if value["entries"] != count or lines.read(1):
                        raise ValueError("it does not end as one")
                    return
                kind = next(iter(value)) if len(value) == 1 else ""
                if kind in carried and isinstance(value[kind], dict):
                    carried[kind].append(value[kind])
                    continue
                count += 1
                yield _checked(value)
            raise ValueError("it was cut off")
    except (OSError, EOFError, ValueError, TypeError, RecursionError, zlib.error) as error:
        what = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise _damaged(path, what) from error


def _damaged(path: Path, what: str) -> StoreError:
    return StoreError(
        f"this is not a whole cache file: {what}", where=str(path), mend="delete it: the next check writes one"
    )


def _parsed(line: bytes) -> dict[str, Any]:
    value = json.loads(line)
    if not isinstance(value, dict):
        raise ValueError("a line is no object")
    return value


def _checked(value: dict[str, Any]) -> dict[str, Any]:
    """The columns of an entry; ValueError where one is missing or of another type."""
    if any(name not in value for name in _NEEDED) or value.keys() - set(COMPLETION_FIELDS):
        raise ValueError("an entry has other fields")
    if value.get("error_kind") is not None:
        raise ValueError("an entry is a failure")
    for name, field in value.items():
        if name == "tool_calls":
            _check_tool_calls(field)
        elif name in _NUMBERS:
            if isinstance(field, bool) or not isinstance(field, int | float) or abs(field) >= 1 << 63:
                raise ValueError(f"{name} is no number")
        elif not isinstance(field, str):
            raise ValueError(f"{name} is no text")
    entry: dict[str, Any] = dict.fromkeys(COMPLETION_FIELDS)
    entry.update(value)
    for name in _BYTES:
        entry[name] = None if entry[name] is None else bytes.fromhex(entry[name])
    return entry


def _check_tool_calls(calls: Any) -> None:
    parts = {"name", "arguments", "id"}
    if not isinstance(calls, list) or not all(
        isinstance(c, dict) and c.keys() == parts and all(isinstance(v, str) for v in c.values()) for c in calls
    ):
        raise ValueError("tool_calls are none")

"""Datasets: a file becomes rows, each known by its id or its content. A file that is wrong anywhere gives no version.

Rows are streamed: memory does not grow with the file beyond a few bytes a row for finding duplicates.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path, PurePosixPath
from typing import Any

from llmexp_tui.domain.dataset import DatasetSource, Row, make_row
from llmexp_tui.domain.hashing import content_hash
from llmexp_tui.domain.text import one_line
from llmexp_tui.errors import ConfigError, DatasetError
from llmexp_tui.project.files import WorkTree
from llmexp_tui.project.readers import FORMATS, Table, open_table, refuse

MAX_ROWS = 20_000_000
_HASHED_WHOLE = 64 << 20
"""Up to this size a file is known by its content (10 ms for 10 MB), above it by size, times and inode."""


def read_rows(path: Path, source: DatasetSource) -> Iterator[Row]:
    """Every row of the file, in its order. About 150,000 small rows a second.

    A row's key is its id column, else the start of its hash; equal rows without id are told apart by an ordinal.
    Raises DatasetError with file, line and reason; nothing of the file is to be kept then.
    """
    with _opened(path, source) as table:
        seen: set[int] = set()
        again: dict[int, int] = {}
        absent = set(_required(source))
        if table.columns is not None:
            _check_columns(source, table.columns)
            absent.clear()
        count = 0
        for line, values in table.records:
            count += 1
            if absent:
                absent -= values.keys()
            try:
                if source.id is None:
                    row = _numbered(make_row(values), seen, again)
                else:
                    row = make_row(values, _key(source, values, line))
                    _refuse_duplicate(path, source, row.key, seen)
            except (ValueError, RecursionError) as error:
                refuse(source.path, line, f"a value that JSON does not know: {one_line(str(error), 100)}")
            yield row
            if count > MAX_ROWS:
                refuse(source.path, line, f"more than {MAX_ROWS} rows", "split the dataset")
        if not count:
            refuse(source.path, None, "no rows", "add at least one")
        if absent:
            _check_columns(source, columns_of(path, source))


def columns_of(path: Path, source: DatasetSource) -> tuple[str, ...]:
    """The columns in the file's order: of the header, or of all rows together. Raises DatasetError."""
    with _opened(path, source) as table:
        if table.columns is not None:
            return table.columns
        names: dict[str, None] = {}
        for _, values in table.records:
            names.update(dict.fromkeys(values))
        return tuple(names)


def file_stamp(path: Path, source: DatasetSource) -> str:
    """A text that is another whenever the file, or what its columns mean, may have changed. Raises DatasetError."""
    with _file(path, source) as file:
        status = os.fstat(file.fileno())
        if status.st_size <= _HASHED_WHOLE:
            state: list[Any] = [hashlib.file_digest(file, "sha256").hexdigest()]
        else:
            state = [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]
    return content_hash([source.path, source.roles(), state])


def _numbered(row: Row, seen: set[int], again: dict[int, int]) -> Row:
    """The row, made anew with its ordinal where an equal one came before. 64 bits of the hash save memory."""
    mark = int(row.hash[:16], 16)
    if mark not in seen:
        seen.add(mark)
        return row
    again[mark] = again.get(mark, 1) + 1
    return make_row(row.values, ordinal=again[mark])


def _key(source: DatasetSource, values: dict[str, Any], line: int) -> str:
    value = values.get(source.id or "")
    if isinstance(value, str) and value:
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    what = "is empty" if value in ("", None) else "is neither a text nor a whole number"
    if source.id not in values:
        what = "is missing"
    refuse(source.path, line, f'the id "{source.id}" {what}', "give every row an id of its own")


def _refuse_duplicate(path: Path, source: DatasetSource, key: str, seen: set[int]) -> None:
    """Only a number a key is remembered; a hit is looked up in the file, which also tells both lines."""
    mark = hash(key)
    if mark not in seen:
        seen.add(mark)
        return
    with _opened(path, source) as table:
        lines = [line for line, values in table.records if str(values.get(source.id or "")) == key][:2]
        if len(lines) == 2:
            refuse(
                source.path, lines[1], f'the id "{one_line(key, 60)}" is already on {table.unit} {lines[0]}',
                "give every row an id of its own",
            )  # fmt: skip


def _required(source: DatasetSource) -> dict[str, str]:
    """Column -> the key of the project file that names it."""
    named = [("id", source.id), ("expected", source.expected), ("cluster", source.cluster), ("split", source.split)]
    named += [("slices", column) for column in source.slices]
    return {column: key for key, column in named if column is not None}


def _check_columns(source: DatasetSource, columns: tuple[str, ...]) -> None:
    for column, key in _required(source).items():
        if column not in columns:
            near = get_close_matches(column, columns, n=1, cutoff=0.5)
            known = ", ".join(one_line(name, 40) for name in columns[:12])
            refuse(
                source.path, 1, f'no column "{one_line(column, 60)}", which {key} of dataset "{source.name}" names',
                f'did you mean "{one_line(near[0], 60)}"?' if near else f"the columns are {known}",
            )  # fmt: skip


def _kind(source: DatasetSource) -> tuple[str, bool]:
    """(format, gzipped) by the file's ending."""
    suffixes = [suffix.lower().lstrip(".") for suffix in PurePosixPath(source.path).suffixes]
    gzipped = bool(suffixes) and suffixes[-1] == "gz"
    kind = suffixes[-1 - gzipped] if len(suffixes) > gzipped else ""
    if kind == "ndjson":
        kind = "jsonl"
    if kind not in FORMATS:
        refuse(source.path, None, "the ending names no format", f"use one of {', '.join(FORMATS)}, also with .gz")
    return kind, gzipped


@contextmanager
def _opened(path: Path, source: DatasetSource) -> Iterator[Table]:
    kind, gzipped = _kind(source)
    with _file(path, source) as file:
        yield open_table(file, kind, one_line(source.path, 160), gzipped=gzipped)


@contextmanager
def _file(path: Path, source: DatasetSource) -> Iterator[io.BufferedReader]:
    """The file, opened inside the project where `path` is a project folder with `source.path` below it."""
    parts = PurePosixPath(source.path).parts
    inside = path.parts[-len(parts) :] == parts and len(path.parts) > len(parts)
    try:
        if inside:
            file = WorkTree(Path(*path.parts[: -len(parts)])).open(source.path)
        else:
            file = WorkTree(path.parent).open(path.name)
    except ConfigError as error:
        raise DatasetError(error.what, where=one_line(source.path, 160), mend=error.mend) from None
    with file:
        yield file

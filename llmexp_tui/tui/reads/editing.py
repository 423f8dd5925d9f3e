"""Edits a dataset's file row by row: the file stays the source, and what it then holds becomes the next version.

Only plain CSV, TSV and JSON Lines in UTF-8 are written; a row is found by its id column. The new file replaces the
old one whole, so that nobody reads half of it.
"""

from __future__ import annotations

import csv
import json
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from llmexp_tui.domain.dataset import DatasetSource, DatasetVersion
from llmexp_tui.errors import DatasetError, UnknownNameError, UsageError
from llmexp_tui.store import rows
from llmexp_tui.workflows.session import Session
from llmexp_tui.workflows.versions import dataset_source, record_dataset

_DELIMITERS = {".csv": ",", ".tsv": "\t"}
Values = Mapping[str, Any]
Change = Callable[[dict[str, Any]], "Values | None"]


def replace_row(
    name: str, key: str, values: Values, session: Session, *, shown: Values | None = None
) -> DatasetVersion:
    """The dataset with the content of one row replaced. Raises UsageError, DatasetError where its new id is taken.

    `shown` is the row as it was when the editing began: what somebody else made of it since is not written over.
    """
    source = _editable(session, name)
    if shown is not None:
        _require_unchanged(session, source, key, shown)
    seen = []
    own = _id_of(source, values)

    def change(row: dict[str, Any]) -> Values:
        there = str(row.get(source.id or ""))
        if there == key:
            seen.append(key)
            return values
        _require_free(own, there, source)
        return row

    def check() -> None:
        if not seen:
            raise DatasetError(f'the file has no row "{key}" any more', where=source.path)

    _rewrite(session.root / source.path, change, None, check)
    return _recorded(session, name, f"row {key} edited")


def add_row(name: str, values: Values, session: Session) -> DatasetVersion:
    """The dataset with one row more, at its end. Raises UsageError, DatasetError where its id is taken."""
    source = _editable(session, name)
    key = _id_of(source, values)

    def check(row: dict[str, Any]) -> Values:
        _require_free(key, str(row.get(source.id or "")), source)
        return row

    _rewrite(session.root / source.path, check, values)
    return _recorded(session, name, f"row {key} added")


def add_column(
    name: str, column: str, value: Callable[[str], str], changelog: str, session: Session
) -> DatasetVersion:
    """The dataset with one column more: `value` gives it for a row's id. Raises UsageError, DatasetError."""
    source = _editable(session, name)

    def change(row: dict[str, Any]) -> Values:
        if column in row:
            raise DatasetError(f'there is a column "{column}" already', where=source.path, mend="choose another name")
        return {**row, column: value(str(row.get(source.id or "")))}

    _rewrite(session.root / source.path, change, None, column=column)
    return _recorded(session, name, changelog)


def _editable(session: Session, name: str) -> DatasetSource:
    source = dataset_source(session, name)
    suffix = Path(source.path).suffix.lower()
    if source.id is None:
        raise UsageError(f'rows of "{name}" have no id of their own', mend="edit the file, or give the dataset an id")
    if suffix not in (*_DELIMITERS, ".jsonl"):
        raise UsageError(f"{suffix or 'such'} files are not edited here", mend="edit the file with a program for it")
    return source


def _id_of(source: DatasetSource, values: Values) -> str:
    """The row's id. Raises DatasetError where it has none: a file with such a row could not be read any more."""
    key = values.get(source.id or "")
    if key is None or not str(key).strip():
        raise DatasetError(f'the row has no "{source.id}"', where=source.path, mend="give it one of its own")
    return str(key)


def _require_unchanged(session: Session, source: DatasetSource, key: str, shown: Values) -> None:
    held = record_dataset(session, source.name)
    try:
        found = rows.row(session.store, held.hash, key).values
    except UnknownNameError:
        return  # what the file lacks is said in time
    if dict(found) != dict(shown):
        raise DatasetError(
            f'row "{key}" has changed since', where=source.path, mend=f"edit it as it is in {held.label}"
        )


def _require_free(key: str, taken: str, source: DatasetSource) -> None:
    if key == taken:
        raise DatasetError(f'there is a row "{key}" already', where=source.path, mend="give it another id")


def _recorded(session: Session, name: str, changelog: str) -> DatasetVersion:
    version = record_dataset(session, name, changelog=changelog)
    session.audit("dataset.edit", f"{name}@{version.label}", {"what": changelog})
    return version


def _rewrite(
    path: Path, change: Change, added: Values | None, check: Callable[[], None] = lambda: None, *, column: str = ""
) -> None:
    """The file with every row passed through `change`, in place of the old one unless `check` raises at the end.

    `column` is one that `change` adds.
    """
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with (
            open(path, encoding="utf-8-sig", newline="") as old,
            os.fdopen(handle, "w", encoding="utf-8", newline="") as new,
        ):
            if path.suffix.lower() == ".jsonl":
                _lines(old, new, change, added)
            else:
                _table(old, new, change, added, _DELIMITERS[path.suffix.lower()], [column] if column else [])
        check()
        os.chmod(temporary, path.stat().st_mode & 0o777)
        os.replace(temporary, path)
    except UnicodeDecodeError:
        raise DatasetError("the file is not UTF-8", where=path.name, mend="edit it with a program for it") from None
    finally:
        Path(temporary).unlink(missing_ok=True)


def _lines(old: IO[str], new: IO[str], change: Change, added: Values | None) -> None:
    for text in old:
        if text.strip():
            row = json.loads(text)
            changed = change(row)
            new.write(text if changed is row else json.dumps(changed, ensure_ascii=False) + "\n")
            if changed is row and not text.endswith("\n"):
                new.write("\n")
    if added is not None:
        new.write(json.dumps(dict(added), ensure_ascii=False) + "\n")


def _table(
    old: IO[str], new: IO[str], change: Change, added: Values | None, delimiter: str, more: Sequence[str]
) -> None:
    ending = "\r\n" if old.readline().endswith("\r\n") else "\n"
    old.seek(0)
    reader = csv.DictReader(old, delimiter=delimiter)
    writer = csv.DictWriter(new, [*(reader.fieldnames or []), *more], delimiter=delimiter, lineterminator=ending)
    writer.writeheader()
    for row in reader:
        writer.writerow(_cells(change(dict(row)) or row, writer.fieldnames))
    if added is not None:
        writer.writerow(_cells(added, writer.fieldnames))


def _cells(values: Values, names: Any) -> dict[str, Any]:
    unknown = [name for name in values if name not in names]
    if unknown:
        raise DatasetError(f'the file has no column "{unknown[0]}"', mend=f"known: {', '.join(names)}")
    return {name: _cell(values.get(name)) for name in names}


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

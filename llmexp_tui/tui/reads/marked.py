"""Marked rows become a dataset of their own (a JSON Lines file, an entry in the project file, a first version), or a
slice of the one they are in (a column that says yes or no, declared in the project file, a next version).
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence

from llmexp_tui.domain.dataset import DatasetVersion
from llmexp_tui.errors import UsageError
from llmexp_tui.project.config import load_project
from llmexp_tui.project.locate import PROJECT_FILE
from llmexp_tui.project.toml import parse_toml
from llmexp_tui.reports.record import DatasetReport
from llmexp_tui.store import rows
from llmexp_tui.tui.reads.editing import add_column
from llmexp_tui.workflows.session import Session
from llmexp_tui.workflows.versions import record_dataset

_TABLE = re.compile(r"^[ \t]*\[", re.MULTILINE)
_SLICES = re.compile(r"^[ \t]*slices[ \t]*=[ \t]*\[[ \t]*", re.MULTILINE)


def save_marked(dataset: DatasetReport, keys: Sequence[str], name: str, session: Session) -> DatasetVersion:
    """Write the rows as dataset `name`. Raises UsageError where the name or the file is taken."""
    if name in session.project.datasets:
        raise UsageError(f'there is a dataset "{name}" already', mend="choose another name")
    path = session.root / "datasets" / f"{name}.jsonl"
    if path.exists():
        raise UsageError("there is such a file already", where=str(path), mend="choose another name")
    chosen = [rows.row(session.store, dataset.hash, key) for key in keys]
    path.parent.mkdir(exist_ok=True)
    with open(path, "x", encoding="utf-8", errors="surrogatepass") as stream:
        for row in chosen:
            stream.write(json.dumps(dict(row.values), ensure_ascii=True) + "\n")
    _declare(session, dataset.name, name)
    session.project = load_project(session.files, session.root)
    session.audit("dataset.marked", name, {"from": f"{dataset.name}@{dataset.hash[:12]}", "rows": len(chosen)})
    return record_dataset(session, name, changelog=f"{len(chosen)} rows marked in {dataset.name} {dataset.version}")


def _declare(session: Session, origin: str, name: str) -> None:
    """Append the dataset's table to the project file: a table at the end changes nothing before it."""
    import tomli_w

    entry: dict[str, object] = {"path": f"datasets/{name}.jsonl"}
    source = session.project.datasets.get(origin)
    if source is not None:
        wanted = {"id": source.id, "expected": source.expected, "cluster": source.cluster, "split": source.split}
        entry |= {key: value for key, value in wanted.items() if value}
        if source.slices:
            entry["slices"] = list(source.slices)
    text = tomli_w.dumps({"datasets": {name: entry}})
    with open(session.root / PROJECT_FILE, "a", encoding="utf-8") as stream:
        stream.write(f"\n{text}")
        stream.flush()
        os.fsync(stream.fileno())


def save_slice(dataset: DatasetReport, keys: Sequence[str], name: str, session: Session) -> DatasetVersion:
    """Give the dataset a column `name`, yes for these rows, and declare it a slice. Raises UsageError, DatasetError.

    Rows that the file has no more are left out.
    """
    declared = _with_slice(session, dataset.name, name)
    marked = frozenset(keys)
    said = f'{len(marked)} rows marked as slice "{name}"'
    version = add_column(dataset.name, name, lambda key: "yes" if key in marked else "no", said, session)
    (session.root / PROJECT_FILE).write_text(declared, encoding="utf-8", newline="")
    session.project = load_project(session.files, session.root)
    return version


def _with_slice(session: Session, dataset: str, name: str) -> str:
    """The project file with one slice more. Raises UsageError where that cannot be written without doubt."""
    text = (session.root / PROJECT_FILE).read_bytes().decode("utf-8")
    table = rf"^[ \t]*\[[ \t]*datasets[ \t]*\.[ \t]*[\"']?{re.escape(dataset)}[\"']?[ \t]*\][^\n]*\n"
    written = text
    if found := re.search(table, text, re.MULTILINE):
        following = _TABLE.search(text, found.end())
        there = _SLICES.search(text, found.end(), following.start() if following else len(text))
        place, added = found.end(), f'slices = ["{name}"]\n'
        if there:
            place, added = there.end(), f'"{name}"' + ("" if text[there.end()] == "]" else ", ")
        written = text[:place] + added + text[place:]
    before, after = parse_toml(text, PROJECT_FILE), parse_toml(written, PROJECT_FILE)
    entry = before.get("datasets", {}).get(dataset, {})
    entry["slices"] = [name, *entry.get("slices", [])]
    if before != after:
        raise UsageError(
            f'the project file is not written as one can add a slice to "{dataset}"',
            where=PROJECT_FILE,
            mend=f'write slices = ["{name}"] into [datasets.{dataset}] and add the column to its file',
        )
    return written

"""Marked rows become a dataset of their own: a JSON Lines file, an entry in the project file, a first version."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence

from llmexp_tui.domain.dataset import DatasetVersion
from llmexp_tui.errors import UsageError
from llmexp_tui.project.config import load_project
from llmexp_tui.project.locate import PROJECT_FILE
from llmexp_tui.reports.record import DatasetReport
from llmexp_tui.store import rows
from llmexp_tui.workflows.session import Session
from llmexp_tui.workflows.versions import record_dataset


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

"""Dataset versions, their rows and their differences."""

from __future__ import annotations

from collections.abc import Sequence

from llmexp_tui.domain.dataset import DatasetDiff, DatasetVersion, Row
from llmexp_tui.errors import UnknownNameError
from llmexp_tui.store import datasets, rows
from llmexp_tui.tui.state.dataset_rows import row_text, table_row, widest_values
from llmexp_tui.tui.state.format import plural
from llmexp_tui.tui.state.paging import TableRow
from llmexp_tui.tui.state.versions import Recorded, version_key
from llmexp_tui.workflows.session import Session
from llmexp_tui.workflows.versions import dataset_source, record_dataset

_FIRST = 50
"""So many rows say how wide a column is."""


def read_versions(session: Session) -> tuple[DatasetVersion, ...]:
    """All versions: datasets by name, newest first under each."""
    found = datasets.versions(session.store)
    return tuple(sorted(found, key=lambda version: version.name))


def shown_columns(version: DatasetVersion, session: Session) -> tuple[str, ...]:
    """The version's columns but the one that names the row: its key stands first anyway."""
    source = session.project.datasets.get(version.name)
    return tuple(name for name in version.columns if source is None or name != source.id)


class VersionSource:
    """The rows of a version as pages, in their order."""

    immediate = False
    shown: tuple[str, ...]
    widest: dict[str, int]

    def __init__(self, version: DatasetVersion, session: Session) -> None:
        self._version = version
        self._session = session
        self.shown = shown_columns(version, session)
        self.widest = widest_values(rows.iter_rows(session.store, version.hash, 0, _FIRST), self.shown)

    def count(self) -> int:
        """As the version says."""
        return self._version.rows

    def page(self, start: int, size: int) -> Sequence[TableRow]:
        """A page by position."""
        found = rows.iter_rows(self._session.store, self._version.hash, start, size)
        return [table_row(row, self.shown) for row in found]

    def locate(self, key: str) -> int | None:
        """Not looked for: an edited row keeps its place in the version that comes of it."""
        return None


def read_version_row(version: DatasetVersion, index: int, session: Session) -> Row | None:
    """The row at a position."""
    return next(rows.iter_rows(session.store, version.hash, index, 1), None)


def read_diff(old: DatasetVersion, new: DatasetVersion, session: Session) -> DatasetDiff:
    """What the newer version added, removed and changed."""
    return datasets.diff(session.store, old.hash, new.hash)


def read_pair(old: DatasetVersion, new: DatasetVersion, key: str, session: Session) -> tuple[str, str]:
    """A row's content in both versions as text; empty where it is not there."""
    return _text(session, old, key), _text(session, new, key)


def _text(session: Session, version: DatasetVersion, key: str) -> str:
    try:
        return row_text(rows.row(session.store, version.hash, key))
    except UnknownNameError:
        return ""


def record_all(session: Session) -> Recorded:
    """Record what every dataset's file holds now; says what is new."""
    before = {(version.name, version.hash) for version in datasets.versions(session.store)}
    found = [record_dataset(session, name) for name in session.project.datasets]
    new = [version for version in found if (version.name, version.hash) not in before]
    if not new:
        return Recorded("Nothing new: every file holds what is recorded")
    named = ", ".join(f"{version.name} {version.label}" for version in new)
    keys = tuple(version_key(version.name, version.hash) for version in new)
    return Recorded(f"{plural(len(new), 'new version')}: {named}", keys)


def tag_version(version: DatasetVersion, tag: str, session: Session) -> DatasetVersion:
    """Give a version a tag. Raises UsageError for a tag in use."""
    tagged = datasets.set_tag(session.store, version.name, version.hash, tag)
    session.audit("dataset.tag", f"{version.name}@{tag}", {"hash": version.hash})
    return tagged


def dataset_path(name: str, session: Session) -> str:
    """The dataset's file."""
    return str(session.root / dataset_source(session, name).path)

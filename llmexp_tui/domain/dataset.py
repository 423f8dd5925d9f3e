"""Rows and immutable dataset versions.

A row is known by the hash of its content, a version by the hash of its rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from llmexp_tui.domain.hashing import content_hash


@dataclass(frozen=True, slots=True)
class Row:
    """One example. `key` is the id column's value, or the start of the content hash where there is no id.

    `values` maps a column to a JSON value; a missing column, null, "" and 0 are four different things.
    """

    key: str
    hash: str
    values: Mapping[str, Any]


def make_row(values: Mapping[str, Any], key: str | None = None, ordinal: int = 1) -> Row:
    """A row from its values. `ordinal` tells the 2nd, 3rd … of equal rows without an id apart."""
    body: dict[str, Any] = {"values": dict(values)}
    if key is not None:
        body["key"] = key
    if ordinal > 1:
        body["ordinal"] = ordinal
    digest = content_hash(body)
    return Row(key if key is not None else digest[:16], digest, values)


@dataclass(frozen=True, slots=True)
class DatasetSource:
    """Where a dataset comes from and what its columns mean, as the project file says."""

    name: str
    path: str
    id: str | None = None
    expected: str | None = None
    cluster: str | None = None
    slices: tuple[str, ...] = ()
    split: str | None = None

    @property
    def expected_column(self) -> str:
        """The column with the reference answer."""
        return self.expected or "expected"

    def roles(self) -> dict[str, Any]:
        """What of this is registered with an experiment: the meaning of columns, not the path."""
        return {"id": self.id, "expected": self.expected_column, "cluster": self.cluster,
                "slices": list(self.slices), "split": self.split}


@dataclass(frozen=True, slots=True)
class DatasetVersion:
    """One immutable version of a dataset; `hash` is 64 hex digits, times are RFC 3339 UTC."""

    name: str
    hash: str
    tag: str | None
    parent: str | None
    author: str
    created_at: str
    changelog: str
    rows: int
    columns: tuple[str, ...]

    @property
    def label(self) -> str:
        """What a person calls it: its tag, else the start of its hash."""
        return self.tag or self.hash[:12]


@dataclass(frozen=True, slots=True)
class DatasetDiff:
    """Row keys that two versions do not share, and keys whose content differs."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]

    @property
    def empty(self) -> bool:
        """True where the versions hold the same rows."""
        return not (self.added or self.removed or self.changed)


def dataset_hash(rows: Iterable[tuple[str, str]]) -> str:
    """The hash of a version from (key, row hash) pairs in their order."""
    digest = hashlib.sha256()
    for key, row_hash in rows:
        digest.update(f"{key}\x1f{row_hash}\n".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def diff_rows(old: Mapping[str, str], new: Mapping[str, str]) -> DatasetDiff:
    """The difference of two versions given as key -> row hash, in the versions' own order."""
    return DatasetDiff(
        added=tuple(k for k in new if k not in old),
        removed=tuple(k for k in old if k not in new),
        changed=tuple(k for k, h in new.items() if k in old and old[k] != h),
    )


def suggested_tag(previous: str | None, diff: DatasetDiff | None, columns_changed: bool = False) -> str:
    """A semver tag from the diff: columns changed or rows removed -> major, rows changed or added -> minor."""
    if previous is None or diff is None:
        return "1.0.0"
    try:
        major, minor, patch = (int(part) for part in previous.split("."))
    except ValueError:
        return "1.0.0"
    if columns_changed or diff.removed:
        return f"{major + 1}.0.0"
    if diff.added or diff.changed:
        return f"{major}.{minor + 1}.0"
    return f"{major}.{minor}.{patch + 1}"

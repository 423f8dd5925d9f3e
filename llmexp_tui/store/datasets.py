"""Dataset versions: rows stored once by content, versions as lists of them, tags that never move."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, func, insert, select, text, update

from llmexp_tui.domain.dataset import DatasetDiff, DatasetVersion, Row, dataset_hash, suggested_tag
from llmexp_tui.errors import DatasetError, UnknownNameError, UsageError
from llmexp_tui.store.bulk import Bulk
from llmexp_tui.store.engine import Store
from llmexp_tui.store.names import chunks, ensure_no, find_no, insert_no, match_prefix
from llmexp_tui.store.rows import (
    RowRef,
    RowRefs,
    iter_rows,
    row,
    row_refs,
    rows_by_no,
    store_rows,
    version_no_of_hash,
)
from llmexp_tui.store.tables import (
    DatasetMemberTable,
    DatasetTable,
    DatasetTagTable,
    DatasetVersionTable,
    RowTable,
    core,
)

__all__ = [
    "RowRef", "RowRefs", "add_version", "diff", "iter_rows", "resolve_version", "row", "row_refs", "rows_by_no",
    "set_tag", "version_of_stamp", "versions",
]  # fmt: skip

_DATASET, _VERSION, _TAG = core(DatasetTable), core(DatasetVersionTable), core(DatasetTagTable)
_MEMBER, _ROW = core(DatasetMemberTable), core(RowTable)
_INSERT_MEMBERS = Bulk(_MEMBER)


def add_version(
    store: Store,
    source_name: str,
    rows: Iterable[Row],
    *,
    columns: Sequence[str],
    author: str,
    at: str,
    changelog: str | None = None,
    tag: str | None = None,
    stamp: str | None = None,
) -> tuple[DatasetVersion, bool]:
    """Stores the rows as a version of the dataset; (the version, True), or the one that has them, False.

    Streams within one transaction: an exception from `rows` stores nothing. Tag and change log come from the
    difference to the newest version unless given; a tag for a version that exists is added to it. `stamp` is
    remembered for `version_of_stamp`. Raises UsageError for a tag that names another version, DatasetError for two
    rows with one key.
    """
    with store.write() as connection:
        dataset_no = ensure_no(connection, _DATASET, "name", source_name)
        numbers = array("q")
        digest = dataset_hash(store_rows(connection, rows, numbers))
        known = _version_no(connection, dataset_no, digest)
        if known is None:
            version_no = _insert_version(
                connection, dataset_no, digest, numbers, list(columns), author, at, changelog, source_name
            )
            _tag_new(connection, dataset_no, version_no, tag)
        else:
            version_no = known
            if tag is not None:
                _add_tag(connection, dataset_no, version_no, tag)
        if stamp is not None:
            connection.execute(update(_VERSION).where(_VERSION.c.no == version_no).values(stamp=stamp))
        return _version(connection, _VERSION.c.no == version_no), known is None


def _insert_version(
    connection: Connection,
    dataset_no: int,
    digest: str,
    numbers: array[int],
    columns: list[str],
    author: str,
    at: str,
    changelog: str | None,
    name: str,
) -> int:
    parent = _newest(connection, dataset_no)
    version_no = insert_no(
        connection, _VERSION, dataset_no=dataset_no, hash=digest, author=author, created_at=at, changelog="",
        parent=None if parent is None else parent.hash, rows=len(numbers), column_names=columns,
    )  # fmt: skip
    for batch in chunks(enumerate(numbers), 10_000):
        values = [{"version_no": version_no, "position": at, "row_no": no} for at, no in batch]
        _INSERT_MEMBERS.insert(connection, values)
    _require_distinct_keys(connection, version_no, name)
    line = changelog if changelog is not None else _changelog(connection, parent, version_no, columns, len(numbers))
    connection.execute(update(_VERSION).where(_VERSION.c.no == version_no).values(changelog=line))
    return version_no


def _require_distinct_keys(connection: Connection, version_no: int, name: str) -> None:
    twice = connection.execute(
        select(_ROW.c.key)
        .join(_MEMBER, _MEMBER.c.row_no == _ROW.c.no)
        .where(_MEMBER.c.version_no == version_no)
        .group_by(_ROW.c.key)
        .having(func.count() > 1)
        .limit(1)
    ).scalar()
    if twice is not None:
        raise DatasetError(f'two rows have the id "{twice}"', where=name, mend="give every row an id of its own")


class _Parent(NamedTuple):
    no: int
    hash: str
    columns: list[str]


def _newest(connection: Connection, dataset_no: int) -> _Parent | None:
    row = connection.execute(
        select(_VERSION.c.no, _VERSION.c.hash, _VERSION.c.column_names)
        .where(_VERSION.c.dataset_no == dataset_no)
        .order_by(_VERSION.c.no.desc())
        .limit(1)
    ).one_or_none()
    return None if row is None else _Parent(*row)


def _changelog(
    connection: Connection, parent: _Parent | None, version_no: int, columns: Sequence[str], rows: int
) -> str:
    if parent is None:
        return f"first version, {rows} rows"
    diff = _diff(connection, parent.no, version_no)
    parts = []
    if diff.added:
        parts.append(f"+{len(diff.added)} rows")
    if diff.removed:
        parts.append(f"-{len(diff.removed)} rows")
    if diff.changed:
        parts.append(f"{len(diff.changed)} changed")
    parts += [f"+column {c}" for c in columns if c not in parent.columns]
    parts += [f"-column {c}" for c in parent.columns if c not in columns]
    return ", ".join(parts) or "the same rows in another order"


def _tag_new(connection: Connection, dataset_no: int, version_no: int, tag: str | None) -> None:
    if tag is not None:
        _add_tag(connection, dataset_no, version_no, tag)
        return
    row = connection.execute(
        select(_VERSION.c.no, _VERSION.c.column_names)
        .where(_VERSION.c.dataset_no == dataset_no, _VERSION.c.no < version_no)
        .order_by(_VERSION.c.no.desc())
        .limit(1)
    ).one_or_none()
    previous = diff = None
    columns_changed = False
    if row is not None:
        columns = connection.execute(select(_VERSION.c.column_names).where(_VERSION.c.no == version_no)).scalar_one()
        previous = _newest_tag(connection, row.no)
        diff = _diff(connection, row.no, version_no)
        columns_changed = set(columns) != set(row.column_names)
    suggestion = suggested_tag(previous, diff, columns_changed)
    while _tagged(connection, dataset_no, suggestion) is not None:
        head, _, last = suggestion.rpartition(".")
        suggestion = f"{head}.{int(last) + 1}"
    _add_tag(connection, dataset_no, version_no, suggestion)


def _add_tag(connection: Connection, dataset_no: int, version_no: int, tag: str) -> None:
    if not tag or "@" in tag or any(c.isspace() for c in tag):
        raise UsageError(f'"{tag}" cannot be a tag', mend="use letters, digits, dots and dashes")
    holder = _tagged(connection, dataset_no, tag)
    if holder is not None and holder != version_no:
        raise UsageError(f'the tag "{tag}" names another version, and a tag never moves', mend="choose a new tag")
    if holder is None or _newest_tag(connection, version_no) != tag:
        if holder is not None:
            raise UsageError(f'the version had the tag "{tag}" before its present one', mend="choose a new tag")
        connection.execute(insert(_TAG).values(dataset_no=dataset_no, version_no=version_no, tag=tag))


def _tagged(connection: Connection, dataset_no: int, tag: str) -> int | None:
    query = select(_TAG.c.version_no).where(_TAG.c.dataset_no == dataset_no, _TAG.c.tag == tag)
    return connection.execute(query).scalar()


def _newest_tag(connection: Connection, version_no: int) -> str | None:
    query = select(_TAG.c.tag).where(_TAG.c.version_no == version_no).order_by(_TAG.c.no.desc()).limit(1)
    return connection.execute(query).scalar()


def _version_no(connection: Connection, dataset_no: int, digest: str) -> int | None:
    query = select(_VERSION.c.no).where(_VERSION.c.dataset_no == dataset_no, _VERSION.c.hash == digest)
    return connection.execute(query).scalar()


def _select_versions() -> Select[Any]:
    newest_tag = (
        select(_TAG.c.tag)
        .where(_TAG.c.version_no == _VERSION.c.no)
        .order_by(_TAG.c.no.desc())
        .limit(1)
        .scalar_subquery()
    )
    return select(_VERSION, _DATASET.c.name, newest_tag.label("tag")).join(
        _DATASET, _DATASET.c.no == _VERSION.c.dataset_no
    )


def _version_of(row: Any) -> DatasetVersion:
    return DatasetVersion(
        name=row.name,
        hash=row.hash,
        tag=row.tag,
        parent=row.parent,
        author=row.author,
        created_at=row.created_at,
        changelog=row.changelog,
        rows=row.rows,
        columns=tuple(row.column_names),
    )


def _version(connection: Connection, where: Any) -> DatasetVersion:
    return _version_of(connection.execute(_select_versions().where(where)).one())


def versions(store: Store, name: str | None = None) -> list[DatasetVersion]:
    """The versions of one dataset or of all, newest first."""
    query = _select_versions().order_by(_VERSION.c.no.desc())
    if name is not None:
        query = query.where(_DATASET.c.name == name)
    with store.read() as connection:
        return [_version_of(row) for row in connection.execute(query)]


def version_of_stamp(store: Store, name: str, stamp: str) -> DatasetVersion | None:
    """The version that a file with this stamp was last found to hold, None if the stamp is not known."""
    query = _select_versions().where(_DATASET.c.name == name, _VERSION.c.stamp == stamp)
    with store.read() as connection:
        row = connection.execute(query.order_by(_VERSION.c.no.desc()).limit(1)).one_or_none()
        return None if row is None else _version_of(row)


def resolve_version(store: Store, name: str, ref: str | None = None) -> DatasetVersion:
    """The version with that tag or hash prefix (4 digits or more), the newest for None.

    Raises UnknownNameError with the nearest name, UsageError for a prefix of several.
    """
    with store.read() as connection:
        dataset_no = find_no(connection, _DATASET, "name", name)
        if dataset_no is None:
            raise UnknownNameError("dataset", name, connection.execute(select(_DATASET.c.name)).scalars())
        return _version(connection, _VERSION.c.no == _resolved(connection, dataset_no, name, ref))


def _resolved(connection: Connection, dataset_no: int, name: str, ref: str | None) -> int:
    if ref is None:
        newest = _newest(connection, dataset_no)
        if newest is None:
            raise UnknownNameError("version of dataset", name, ())
        return newest.no
    found = _tagged(connection, dataset_no, ref)
    if found is not None:
        return found
    hashes = select(_VERSION.c.hash).where(_VERSION.c.dataset_no == dataset_no)
    digest = match_prefix(connection, hashes, _VERSION.c.hash, ref, "version")
    number = None if digest is None else _version_no(connection, dataset_no, digest)
    if number is None:
        tags = connection.execute(select(_TAG.c.tag).where(_TAG.c.dataset_no == dataset_no)).scalars()
        raise UnknownNameError(f'version of dataset "{name}":', ref, tags)
    return number


def set_tag(store: Store, name: str, ref: str, tag: str) -> DatasetVersion:
    """Gives a version a tag to go by; its older tags go on naming it. Raises UsageError for a tag in use."""
    with store.write() as connection:
        dataset_no = find_no(connection, _DATASET, "name", name)
        if dataset_no is None:
            raise UnknownNameError("dataset", name, connection.execute(select(_DATASET.c.name)).scalars())
        version_no = _resolved(connection, dataset_no, name, ref)
        _add_tag(connection, dataset_no, version_no, tag)
        return _version(connection, _VERSION.c.no == version_no)


def diff(store: Store, a_hash: str, b_hash: str) -> DatasetDiff:
    """What version b added to, removed from and changed in version a (whole hashes)."""
    with store.read() as connection:
        return _diff(connection, version_no_of_hash(connection, a_hash), version_no_of_hash(connection, b_hash))


_ONLY_IN = text(
    "SELECT r.key FROM dataset_member m JOIN row r ON r.no = m.row_no WHERE m.version_no = :this AND NOT EXISTS"
    " (SELECT 1 FROM dataset_member o WHERE o.version_no = :other AND o.row_no = m.row_no) ORDER BY m.position"
).columns(_ROW.c.key)


def _diff(connection: Connection, a: int, b: int) -> DatasetDiff:
    """By row numbers: equal content is the same row, so only rows that are in one version alone are looked at."""
    gone = connection.execute(_ONLY_IN, {"this": a, "other": b}).scalars().all()
    come = connection.execute(_ONLY_IN, {"this": b, "other": a}).scalars().all()
    old, new = set(gone), set(come)
    return DatasetDiff(
        added=tuple(k for k in come if k not in old),
        removed=tuple(k for k in gone if k not in new),
        changed=tuple(k for k in come if k in old),
    )

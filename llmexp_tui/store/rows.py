"""Rows: content stored once, however many versions hold it, and read by number, by key or in a version's order."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, overload

from sqlalchemy import Connection, bindparam, func, select

from llmexp_tui.domain.dataset import Row
from llmexp_tui.errors import UnknownNameError
from llmexp_tui.store.bulk import Bulk, plain_rows
from llmexp_tui.store.engine import Store
from llmexp_tui.store.names import chunks
from llmexp_tui.store.tables import DatasetMemberTable, DatasetVersionTable, RowTable, core
from llmexp_tui.store.types import decode_text

_MEMBER, _ROW, _VERSION = core(DatasetMemberTable), core(RowTable), core(DatasetVersionTable)
_INSERT_ROWS = Bulk(_ROW)
_BATCH = 500
_BY_NO = select(_ROW.c.no, _ROW.c.hash, _ROW.c.key, _ROW.c.body).where(
    _ROW.c.no.in_(bindparam("numbers", expanding=True))
)
"""Made once, as the cache's look-up is."""


class RowRef(NamedTuple):
    """A row of a version: the store's number for it, its key and its content hash (64 hex digits)."""

    no: int
    key: str
    hash: str


class RowRefs(Sequence[RowRef]):
    """The rows of a version in its order, packed: 50 bytes a row where objects would take 300."""

    def __init__(self, rows: Iterable[tuple[int, str, bytes]]) -> None:
        self.nos = array("q")
        self._hashes = bytearray()
        self._keys = bytearray()
        self._ends = array("q")
        for no, key, digest in rows:
            self.nos.append(no)
            self._hashes += digest
            self._keys += key.encode("utf-8", "surrogatepass")
            self._ends.append(len(self._keys))

    def __len__(self) -> int:
        return len(self.nos)

    def key(self, at: int) -> str:
        """One row's key alone; `at` from 0 on."""
        start = self._ends[at - 1] if at else 0
        return self._keys[start : self._ends[at]].decode("utf-8", "surrogatepass")

    @overload
    def __getitem__(self, index: int) -> RowRef: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[RowRef]: ...
    def __getitem__(self, index: int | slice) -> RowRef | Sequence[RowRef]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        at = index + len(self) if index < 0 else index
        return RowRef(self.nos[at], self.key(at), self._hashes[32 * at : 32 * at + 32].hex())


def store_rows(connection: Connection, rows: Iterable[Row], numbers: array[int]) -> Iterator[tuple[str, str]]:
    """Stores what is new of the rows, a batch at a time; yields (key, hash) and appends their numbers."""
    last = int(connection.execute(select(func.coalesce(func.max(_ROW.c.no), 0))).scalar_one())
    for batch in chunks(rows, _BATCH):
        digests = [bytes.fromhex(row.hash) for row in batch]
        known = dict(
            connection.execute(select(_ROW.c.hash, _ROW.c.no).where(_ROW.c.hash.in_(set(digests)))).all()
        )
        new = []
        for row, digest in zip(batch, digests, strict=True):
            if digest not in known:
                last += 1
                known[digest] = last
                new.append({"no": last, "hash": digest, "key": row.key, "body": dict(row.values)})
            numbers.append(known[digest])
        _INSERT_ROWS.insert(connection, new)
        yield from ((row.key, row.hash) for row in batch)


def version_no_of_hash(connection: Connection, version_hash: str) -> int:
    """A version's number from its whole hash; of several datasets with the same rows, any."""
    query = select(_VERSION.c.no).where(_VERSION.c.hash == version_hash).limit(1)
    found = connection.execute(query).scalar()
    if found is None:
        raise UnknownNameError("dataset version", version_hash[:12], ())
    return int(found)


def row_refs(store: Store, version_hash: str) -> RowRefs:
    """The rows of a version in its order, without their content."""
    query = (
        "SELECT r.no, r.key, r.hash FROM dataset_member m JOIN row r ON r.no = m.row_no"
        " WHERE m.version_no = :version ORDER BY m.position"
    )
    with store.read() as connection:
        version = version_no_of_hash(connection, version_hash)
        rows = plain_rows(connection, query, {"version": version})
        return RowRefs((no, decode_text(key), digest) for no, key, digest in rows)


def rows_by_no(store: Store, row_nos: Iterable[int]) -> dict[int, Row]:
    """The rows with these numbers, by number."""
    found = {}
    with store.read() as connection:
        for batch in chunks(row_nos, _BATCH):
            for no, digest, key, body in connection.execute(_BY_NO, {"numbers": batch}):
                found[no] = Row(key, digest.hex(), body)
    return found


def iter_rows(store: Store, version_hash: str, offset: int = 0, limit: int | None = None) -> Iterator[Row]:
    """The rows of a version in its order, or a page of them; memory does not grow with them."""
    query = (
        select(_ROW.c.key, _ROW.c.hash, _ROW.c.body)
        .join(_MEMBER, _MEMBER.c.row_no == _ROW.c.no)
        .where(_MEMBER.c.position >= offset)
        .order_by(_MEMBER.c.position)
    )
    if limit is not None:
        query = query.where(_MEMBER.c.position < offset + limit)
    with store.read() as connection:
        query = query.where(_MEMBER.c.version_no == version_no_of_hash(connection, version_hash))
        for key, digest, body in connection.execution_options(yield_per=500).execute(query):
            yield Row(key, digest.hex(), body)


def row(store: Store, version_hash: str, key: str) -> Row:
    """The version's row with that key. Raises UnknownNameError."""
    query = (
        select(_ROW.c.hash, _ROW.c.body).join(_MEMBER, _MEMBER.c.row_no == _ROW.c.no).where(_ROW.c.key == key)
    )
    with store.read() as connection:
        version_no = version_no_of_hash(connection, version_hash)
        found = connection.execute(query.where(_MEMBER.c.version_no == version_no)).one_or_none()
    if found is None:
        raise UnknownNameError("row", key, ())
    return Row(key, found.hash.hex(), found.body)

"""The response cache: completions found by a key over everything that can change the answer.

It is the completions themselves; forgetting an entry clears its key and loses no output.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, bindparam, insert, select, text

from llmexp_tui.domain.usage import Completion
from llmexp_tui.store.engine import Store
from llmexp_tui.store.mapping import completion_of, completion_values
from llmexp_tui.store.names import chunks
from llmexp_tui.store.tables import CompletionTable, core

_COMPLETION = core(CompletionTable)
_KEYS_A_QUERY = 500
_NEWEST_LAST = (
    select(_COMPLETION)
    .where(_COMPLETION.c.cache_key.in_(bindparam("keys", expanding=True)))
    .order_by(_COMPLETION.c.no)
)
"""Made once: a statement a look-up is garbage in cycles, which piles up in a long run."""


@dataclass(frozen=True, slots=True)
class CachedCompletion:
    """A stored answer. `no` goes into `CellWrite.cached_completion_no`; `rules` is what it was called under."""

    no: int
    completion: Completion
    rules: str
    created_at: str


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """One entry of the cache as a list shows it; `size` in bytes of text."""

    key: bytes
    created_at: str
    model: str | None
    size: int
    cost_usd: float | None
    start: str


@dataclass(frozen=True, slots=True)
class CacheSize:
    """How much is cached; `size` in bytes of text."""

    entries: int
    size: int


def lookup(store: Store, keys: Sequence[bytes]) -> dict[bytes, CachedCompletion]:
    """The newest answer for each key that has one."""
    found = {}
    with store.read() as connection:
        for batch in chunks(dict.fromkeys(keys), _KEYS_A_QUERY):
            for row in connection.execute(_NEWEST_LAST, {"keys": batch}).mappings():
                found[row["cache_key"]] = CachedCompletion(
                    row["no"], completion_of(row), row["rules"], row["created_at"]
                )
    return found


def remember(store: Store, key: bytes, completion: Completion, *, rules: str, at: str) -> None:
    """Stores an answer that belongs to no cell (a judge's), to be found under its key."""
    values = completion_values(completion)
    values.update(cache_key=key, attempts=1, rules=rules, created_at=at)
    with store.write() as connection:
        connection.execute(insert(_COMPLETION), [values])


def select_cached() -> Select[Any]:
    """Every completion that the cache may serve, newest first."""
    return select(_COMPLETION).where(_COMPLETION.c.cache_key.is_not(None)).order_by(_COMPLETION.c.no.desc())


def list_entries(store: Store, *, limit: int = 100, offset: int = 0) -> list[CacheEntry]:
    """Entries, newest first."""
    with store.read() as connection:
        rows = connection.execute(select_cached().limit(limit).offset(offset)).mappings().all()
    return [
        CacheEntry(
            key=row["cache_key"],
            created_at=row["created_at"],
            model=row["model_returned"],
            size=len((row["text"] or "").encode("utf-8", "surrogatepass")),
            cost_usd=row["cost_usd"],
            start=(row["text"] or "")[:200],
        )
        for row in rows
    ]


def size(store: Store) -> CacheSize:
    """How many entries there are and what their texts take."""
    total = "coalesce(sum(length(CAST(text AS BLOB))), 0)"
    query = f"SELECT count(*), {total} FROM completion WHERE cache_key IS NOT NULL"
    with store.read() as connection:
        return CacheSize(*connection.execute(text(query)).one())


def prune(store: Store, *, older_than: str | None = None, max_bytes: int | None = None) -> int:
    """Forgets entries made before a time (RFC 3339 UTC), then the oldest ones above a size; returns how many.

    Outputs stay as they are.
    """
    forgotten = 0
    with store.write() as connection:
        if older_than is not None:
            old = "UPDATE completion SET cache_key = NULL WHERE cache_key IS NOT NULL AND created_at < :time"
            forgotten += connection.execute(text(old), {"time": older_than}).rowcount
        if max_bytes is not None:
            large = (
                "UPDATE completion SET cache_key = NULL WHERE no IN (SELECT no FROM (SELECT no,"
                " sum(length(CAST(text AS BLOB))) OVER (ORDER BY no DESC) AS total FROM completion"
                " WHERE cache_key IS NOT NULL) WHERE total > :most)"
            )
            forgotten += connection.execute(text(large), {"most": max_bytes}).rowcount
    return forgotten

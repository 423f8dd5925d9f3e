"""Who did what and when. Append-only: the file itself refuses changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select

from llmexp_tui.store.engine import Store
from llmexp_tui.store.tables import AuditTable, core

_AUDIT = core(AuditTable)


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One deed. `no` counts up, `at` is RFC 3339 UTC, `action` is dotted (`run.start`)."""

    no: int
    at: str
    who: str
    action: str
    subject: str
    detail: Mapping[str, Any]


def append(store: Store, *, who: str, at: str, action: str, subject: str, detail: Mapping[str, Any]) -> None:
    """Appends one entry."""
    with store.write() as connection:
        values = {"who": who, "at": at, "action": action, "subject": subject, "detail": dict(detail)}
        connection.execute(insert(_AUDIT).values(**values))


def entries(
    store: Store,
    *,
    subject: str | None = None,
    action: str | None = None,
    before: int | None = None,
    limit: int | None = 100,
) -> list[AuditEntry]:
    """Entries, newest first: all, of one subject or action, older than entry number `before`."""
    query = select(_AUDIT).order_by(_AUDIT.c.no.desc()).limit(limit)
    if subject is not None:
        query = query.where(_AUDIT.c.subject == subject)
    if action is not None:
        query = query.where(_AUDIT.c.action == action)
    if before is not None:
        query = query.where(_AUDIT.c.no < before)
    with store.read() as connection:
        return [AuditEntry(**row) for row in connection.execute(query).mappings()]

"""Prompt versions by content, and labels whose moves are never forgotten."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Select, func, select

from llmexp_tui.domain.prompt import LabelMove, Prompt, PromptVersion
from llmexp_tui.errors import UnknownNameError, UsageError
from llmexp_tui.store.engine import Store
from llmexp_tui.store.names import ensure_no, find_no, insert_no, match_prefix
from llmexp_tui.store.tables import LabelMoveTable, PromptTable, PromptVersionTable, core

_PROMPT, _VERSION, _MOVE = core(PromptTable), core(PromptVersionTable), core(LabelMoveTable)


def record(
    store: Store, prompt: Prompt, *, author: str, at: str, commit: str | None, dirty: bool | None
) -> tuple[PromptVersion, bool]:
    """Stores the prompt's content as a version: (version, True), or the one that is there and False."""
    found = _find(store, prompt.name, prompt.hash)
    if found is not None:
        return found, False
    with store.write() as connection:
        prompt_no = ensure_no(connection, _PROMPT, "name", prompt.name)
        created = _version_no(connection, prompt_no, prompt.hash) is None
        if created:
            insert_no(
                connection, _VERSION, prompt_no=prompt_no, hash=prompt.hash, path=prompt.path, text=prompt.text,
                files=dict(prompt.files), author=author, created_at=at, commit_hash=commit, dirty=dirty,
            )  # fmt: skip
    version = _find(store, prompt.name, prompt.hash)
    assert version is not None
    return version, created


def versions(store: Store, name: str) -> list[PromptVersion]:
    """The prompt's versions, newest first; empty for a prompt never seen."""
    with store.read() as connection:
        labels = _labels(connection, name)
        query = _select_versions(name).order_by(_VERSION.c.no.desc())
        return [_version_of(row, labels) for row in connection.execute(query)]


def names(store: Store) -> list[str]:
    """Every prompt that has a version, by name."""
    with store.read() as connection:
        return list(connection.execute(select(_PROMPT.c.name).order_by(_PROMPT.c.name)).scalars())


def resolve(store: Store, name: str, ref: str | None = None) -> PromptVersion:
    """The version that a label stands on or whose hash starts with `ref`; the newest for None.

    Raises UnknownNameError with the nearest label, UsageError for a prefix of several.
    """
    with store.read() as connection:
        if find_no(connection, _PROMPT, "name", name) is None:
            raise UnknownNameError("prompt", name, connection.execute(select(_PROMPT.c.name)).scalars())
        labels = _labels(connection, name)
        query = _select_versions(name).order_by(_VERSION.c.no.desc()).limit(1)
        if ref is not None:
            query = query.where(_VERSION.c.hash == _resolved(connection, name, ref, labels))
        return _version_of(connection.execute(query).one(), labels)


def _resolved(connection: Connection, name: str, ref: str, labels: dict[str, str]) -> str:
    hashes = select(_VERSION.c.hash).join(_PROMPT, _PROMPT.c.no == _VERSION.c.prompt_no).where(_PROMPT.c.name == name)
    found = labels.get(ref) or match_prefix(connection, hashes, _VERSION.c.hash, ref, "version")
    if found is None:
        raise UnknownNameError(f'label or version of prompt "{name}":', ref, labels)
    return found


def move_label(
    store: Store, prompt: str, label: str, new_hash: str, *, who: str, at: str, reason: str
) -> LabelMove:
    """Puts a label on a version (whole hash) and remembers the move. Raises UnknownNameError, UsageError."""
    if not label or "@" in label or ":" in label or any(c.isspace() for c in label):
        raise UsageError(f'"{label}" cannot be a label', mend="use letters, digits, dots and dashes")
    with store.write() as connection:
        prompt_no = find_no(connection, _PROMPT, "name", prompt)
        if prompt_no is None:
            raise UnknownNameError("prompt", prompt, connection.execute(select(_PROMPT.c.name)).scalars())
        if _version_no(connection, prompt_no, new_hash) is None:
            raise UnknownNameError(f'version of prompt "{prompt}":', new_hash, ())
        old = _labels(connection, prompt).get(label)
        insert_no(
            connection, _MOVE, prompt_no=prompt_no, label=label, old_hash=old, new_hash=new_hash, who=who, at=at,
            reason=reason,
        )  # fmt: skip
    return LabelMove(prompt, label, old, new_hash, who, at, reason)


def label_history(store: Store, prompt: str, label: str | None = None) -> list[LabelMove]:
    """The moves of one label or of all, newest first."""
    query = select(_MOVE).join(_PROMPT, _PROMPT.c.no == _MOVE.c.prompt_no).where(_PROMPT.c.name == prompt)
    if label is not None:
        query = query.where(_MOVE.c.label == label)
    with store.read() as connection:
        rows = connection.execute(query.order_by(_MOVE.c.no.desc())).all()
    return [LabelMove(prompt, r.label, r.old_hash, r.new_hash, r.who, r.at, r.reason) for r in rows]


def _labels(connection: Connection, name: str) -> dict[str, str]:
    """Where each label of the prompt stands."""
    newest = (
        select(func.max(_MOVE.c.no))
        .join(_PROMPT, _PROMPT.c.no == _MOVE.c.prompt_no)
        .where(_PROMPT.c.name == name)
        .group_by(_MOVE.c.label)
    )
    query = select(_MOVE.c.label, _MOVE.c.new_hash).where(_MOVE.c.no.in_(newest)).order_by(_MOVE.c.label)
    return dict(connection.execute(query).all())


def _select_versions(name: str) -> Select[Any]:
    query = select(_VERSION, _PROMPT.c.name).join(_PROMPT, _PROMPT.c.no == _VERSION.c.prompt_no)
    return query.where(_PROMPT.c.name == name)


def _find(store: Store, name: str, digest: str) -> PromptVersion | None:
    with store.read() as connection:
        row = connection.execute(_select_versions(name).where(_VERSION.c.hash == digest)).one_or_none()
        return None if row is None else _version_of(row, _labels(connection, name))


def _version_no(connection: Connection, prompt_no: int, digest: str) -> int | None:
    query = select(_VERSION.c.no).where(_VERSION.c.prompt_no == prompt_no, _VERSION.c.hash == digest)
    return connection.execute(query).scalar()


def _version_of(row: Any, labels: dict[str, str]) -> PromptVersion:
    return PromptVersion(
        prompt=Prompt(row.name, row.path, row.text, row.files),
        hash=row.hash,
        author=row.author,
        created_at=row.created_at,
        commit=row.commit_hash,
        dirty=row.dirty,
        labels=tuple(label for label, digest in labels.items() if digest == row.hash),
    )

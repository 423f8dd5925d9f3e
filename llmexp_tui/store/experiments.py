"""Registrations, variants and scorers by their hashes. Each is stored once and never changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table, select
from sqlalchemy.dialects.sqlite import insert

from llmexp_tui.domain.experiment import Registration
from llmexp_tui.domain.variant import Model, Variant
from llmexp_tui.errors import UnknownNameError
from llmexp_tui.store.engine import Store
from llmexp_tui.store.names import experiment_no, find_no
from llmexp_tui.store.tables import ExperimentTable, RegistrationTable, ScorerTable, VariantTable, core

_EXPERIMENT, _REGISTRATION = core(ExperimentTable), core(RegistrationTable)
_VARIANT, _SCORER = core(VariantTable), core(ScorerTable)
_CARRIED = 1000


class StoredRegistration(NamedTuple):
    """A registration with who made it and when."""

    registration: Registration
    who: str
    at: str


def save_registration(store: Store, registration: Registration, *, who: str, at: str) -> None:
    """Stores what is promised, before the first call. Does nothing where it is stored."""
    if _known(store, _REGISTRATION, "hash", registration.hash):
        return
    with store.write() as connection:
        _insert(connection, registration, who, at)


def _insert(connection: Connection, registration: Registration, who: str, at: str) -> None:
    values = {
        "hash": registration.hash,
        "experiment_no": experiment_no(connection, registration.experiment),
        "rules": registration.rules,
        "who": who,
        "at": at,
        "body": dict(registration.body),
    }
    connection.execute(insert(_REGISTRATION).values(**values).on_conflict_do_nothing())


def portable(connection: Connection, since: str) -> list[dict[str, Any]]:
    """What was registered since then as JSON values, for a file that carries it to another store; without names."""
    query = select(_EXPERIMENT.c.name.label("experiment"), _REGISTRATION.c.at, _REGISTRATION.c.body)
    query = query.join(_REGISTRATION, _REGISTRATION.c.experiment_no == _EXPERIMENT.c.no)
    newest = query.where(_REGISTRATION.c.at >= since).order_by(_REGISTRATION.c.no.desc()).limit(_CARRIED)
    return [dict(row) for row in reversed(connection.execute(newest).mappings().all())]


def adopt(connection: Connection, values: Sequence[dict[str, Any]]) -> None:
    """Adds carried registrations that are not there yet. Raises ValueError for what is none."""
    for value in values:
        kinds = {name: type(field) for name, field in value.items()}
        if kinds != {"experiment": str, "at": str, "body": dict}:
            raise ValueError("a registration has other fields")
        _insert(connection, Registration(value["experiment"], value["body"]), "", value["at"])


def registration(store: Store, digest: str) -> Registration:
    """The registration with that hash. Raises UnknownNameError."""
    query = select(_EXPERIMENT.c.name, _REGISTRATION.c.body).join(
        _REGISTRATION, _REGISTRATION.c.experiment_no == _EXPERIMENT.c.no
    )
    with store.read() as connection:
        row = connection.execute(query.where(_REGISTRATION.c.hash == digest)).one_or_none()
    if row is None:
        raise UnknownNameError("registration", digest[:12], ())
    return Registration(row.name, row.body)


def registrations(store: Store, experiment: str) -> list[StoredRegistration]:
    """Every registration that the experiment ever had, newest first."""
    query = select(_REGISTRATION).order_by(_REGISTRATION.c.no.desc())
    with store.read() as connection:
        number = find_no(connection, _EXPERIMENT, "name", experiment)
        rows = connection.execute(query.where(_REGISTRATION.c.experiment_no == number)).all()
    return [StoredRegistration(Registration(experiment, r.body), r.who, r.at) for r in rows]


def save_variant(store: Store, variant: Variant) -> None:
    """Stores a variant's canonical record. Does nothing where it is stored."""
    digest = variant.hash
    _save(store, _VARIANT, "hash", digest, asdict(variant))


def variant(store: Store, digest: str) -> Mapping[str, Any]:
    """The identity of a variant, as `Variant.identity` gave it. Raises UnknownNameError."""
    return load_variant(store, digest).identity()


def load_variant(store: Store, digest: str) -> Variant:
    """The variant with that hash, under the name it was first stored with. Raises UnknownNameError."""
    body = dict(_body(store, _VARIANT, "hash", digest, "variant"))
    return Variant(**{**body, "model": Model(**body["model"])})


def save_scorer(store: Store, fingerprint: str, body: Mapping[str, Any]) -> None:
    """Stores what a scorer is. Does nothing where it is stored."""
    if _body_of(store, _SCORER, "fingerprint", fingerprint):
        return
    with store.write() as connection:
        statement = insert(_SCORER).values(fingerprint=fingerprint, body=dict(body))
        # A score may have been written under a fingerprint before its scorer was described.
        connection.execute(
            statement.on_conflict_do_update(index_elements=["fingerprint"], set_={"body": statement.excluded.body})
        )


def scorer(store: Store, fingerprint: str) -> Mapping[str, Any]:
    """What a scorer is. Raises UnknownNameError."""
    return _body(store, _SCORER, "fingerprint", fingerprint, "scorer")


def _save(store: Store, table: Table, column: str, value: str, body: Mapping[str, Any]) -> None:
    if _known(store, table, column, value):
        return
    with store.write() as connection:
        connection.execute(insert(table).values(**{column: value}, body=dict(body)).on_conflict_do_nothing())


def _known(store: Store, table: Table, column: str, value: str) -> bool:
    with store.read() as connection:
        return find_no(connection, table, column, value) is not None


def _body_of(store: Store, table: Table, column: str, value: str) -> Mapping[str, Any] | None:
    with store.read() as connection:
        query = select(table.c.body).where(table.c[column] == value)
        body: Mapping[str, Any] | None = connection.execute(query).scalar()
    return body


def _body(store: Store, table: Table, column: str, value: str, kind: str) -> Mapping[str, Any]:
    body = _body_of(store, table, column, value)
    if body is None:
        raise UnknownNameError(kind, value[:12], ())
    return body

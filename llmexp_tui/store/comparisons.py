"""What comparisons found, as the reports' record in JSON, so that the app shows results without computing them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, select

from llmexp_tui.store.engine import Store
from llmexp_tui.store.names import experiment_no, find_no, insert_no
from llmexp_tui.store.tables import ComparisonTable, ExperimentTable, core

_COMPARISON, _EXPERIMENT = core(ComparisonTable), core(ExperimentTable)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One stored comparison; `status` is pass, fail, inconclusive, invalid or error."""

    no: int
    experiment: str
    group: str
    registration: str
    status: str
    at: str
    body: Mapping[str, Any]


def save_comparison(
    store: Store, experiment: str, group: str, registration: str, status: str, at: str, body: Mapping[str, Any]
) -> None:
    """Appends what a comparison of a group's runs found."""
    with store.write() as connection:
        insert_no(
            connection, _COMPARISON, experiment_no=experiment_no(connection, experiment), group_id=group,
            registration=registration, status=status, at=at, body=dict(body),
        )  # fmt: skip


def latest(store: Store, experiment: str | None = None) -> list[Comparison]:
    """The newest comparison of one experiment (or none), or of each, newest first."""
    newest = select(func.max(_COMPARISON.c.no)).group_by(_COMPARISON.c.experiment_no)
    with store.read() as connection:
        if experiment is not None:
            newest = newest.where(
                _COMPARISON.c.experiment_no == find_no(connection, _EXPERIMENT, "name", experiment)
            )
        query = _select().where(_COMPARISON.c.no.in_(newest)).order_by(_COMPARISON.c.no.desc())
        return [_comparison_of(row) for row in connection.execute(query)]


def history(store: Store, experiment: str, limit: int | None = None) -> list[Comparison]:
    """Every comparison of the experiment, newest first."""
    with store.read() as connection:
        number = find_no(connection, _EXPERIMENT, "name", experiment)
        query = _select().where(_COMPARISON.c.experiment_no == number)
        rows = connection.execute(query.order_by(_COMPARISON.c.no.desc()).limit(limit))
        return [_comparison_of(row) for row in rows]


def _select() -> Select[Any]:
    return select(_COMPARISON, _EXPERIMENT.c.name).join(_EXPERIMENT, _EXPERIMENT.c.no == _COMPARISON.c.experiment_no)


def _comparison_of(row: Any) -> Comparison:
    return Comparison(row.no, row.name, row.group_id, row.registration, row.status, row.at, row.body)

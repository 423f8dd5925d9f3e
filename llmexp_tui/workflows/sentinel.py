"""Answers of another day: which rows have them, and what a report says of them.

A baseline whose answers come from the cache is compared with candidates that are called now. Whether the model still
answers as it did, a sentinel tells: an A/A copy of a few of those rows. Nothing here calls anything.
"""

from __future__ import annotations

from collections.abc import Sequence

from llmexp_tui.domain.run import RunRecord
from llmexp_tui.engine.plan import row_order
from llmexp_tui.store import datasets, runs
from llmexp_tui.workflows.prepare import Prepared
from llmexp_tui.workflows.session import Session

SENTINEL_ROWS = 30


def sentinel_span(session: Session, prepared: Prepared, arms: Sequence[RunRecord]) -> range | None:
    """The places, in the order of dispatch, that hold the first 30 rows whose two answers are of different days.

    None where there is no such row. arms: one run a variant, the baseline among them.
    """
    baseline = next(run for run in arms if run.variant == prepared.baseline)
    stale = _stale_rows(session, baseline, arms)
    if not stale:
        return None
    refs = datasets.row_refs(session.store, prepared.dataset.hash)
    order = row_order(len(refs), prepared.experiment.plan.seed)
    places = [place for place, index in enumerate(order) if refs[index].no in stale][:SENTINEL_ROWS]
    return range(places[0], places[-1] + 1)


def stale_notes(
    session: Session, baseline: RunRecord, candidates: Sequence[RunRecord], copy: RunRecord | None
) -> tuple[str, ...]:
    """What a reader must know of a baseline with answers of another day. copy: the A/A copy of its own group."""
    stale = len(_stale_rows(session, baseline, candidates))
    if not stale:
        return ()
    told = f"{stale} of the baseline's answers come from the cache and are of another day than the candidate's"
    if copy is None:
        return (f"{told}: nothing looked whether the model still answers so; --fresh calls both arms anew",)
    asked = runs.totals(session.store, copy.id).attempted
    return (f"{told}: {asked} further calls looked whether the model still answers so",)


def _stale_rows(session: Session, baseline: RunRecord, others: Sequence[RunRecord]) -> set[int]:
    """Row numbers whose baseline answer comes from the cache and is of another day than another arm's."""
    candidates = [run.id for run in others if run.id != baseline.id]
    return {no for run in candidates for no in runs.stale_rows(session.store, baseline.id, run)}

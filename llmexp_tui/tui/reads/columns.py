"""A run's values of a metric as arrays: what histograms and estimates are made of.

Imported only where one of these is asked for: it brings NumPy, which the first frame does not need.
"""

from __future__ import annotations

from llmexp_tui.domain.run import RunRecord
from llmexp_tui.domain.score import PEOPLE
from llmexp_tui.store import scores
from llmexp_tui.store.scores import Column
from llmexp_tui.tui.reads.scorers import kept_of, scorers_of
from llmexp_tui.workflows.columns import OUTPUT_FIELDS
from llmexp_tui.workflows.session import Session


def column_of(session: Session, record: RunRecord, metric: str, pair: tuple[RunRecord, RunRecord]) -> Column:
    """A run's values of a metric: a scorer's, people's, a figure of the calls. `pair`: baseline and candidate."""
    scorers = scorers_of(session, record)
    if metric not in scorers and metric in OUTPUT_FIELDS:
        return scores.output_column(session.store, record.id, OUTPUT_FIELDS[metric])
    kept = kept_of(session, scorers, metric, *pair)
    if kept.by == PEOPLE:
        return scores.people_column(session.store, record.id, kept.metric)
    return scores.score_column(session.store, record.id, kept.metric, by=kept.by)

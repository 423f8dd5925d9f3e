"""Two runs' values of a metric as arrays in the dataset's order: what histograms and slices are made of.

Imported only where one of these is asked for: it brings NumPy, which the first frame does not need.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from llmexp_tui.domain.run import RunRecord
from llmexp_tui.store import scores
from llmexp_tui.store.scores import Column
from llmexp_tui.tui.reads.scorers import scorers_of
from llmexp_tui.workflows.columns import OUTPUT_FIELDS
from llmexp_tui.workflows.session import Session

Floats = npt.NDArray[np.float64]


class PairColumns:
    """Both arms' mean value over repeats, (n,) in the order of `numbers` (the store's row numbers); NaN for none."""

    def __init__(
        self, session: Session, records: tuple[RunRecord, RunRecord], metric: str, numbers: Sequence[int]
    ) -> None:
        self._numbers = np.asarray(numbers, dtype=np.int64)
        self._order = np.argsort(self._numbers, kind="stable")
        self.baseline, self.candidate = (self._means(column_of(session, record, metric)) for record in records)

    def _means(self, column: Column) -> Floats:
        size = len(self._numbers)
        finite = np.isfinite(column.value)
        places = self._order[np.searchsorted(self._numbers[self._order], column.row_no[finite])]
        total = np.bincount(places, column.value[finite], minlength=size)
        count = np.bincount(places, minlength=size)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(np.where(count > 0, total / count, np.nan), dtype=np.float64)


def column_of(session: Session, record: RunRecord, metric: str) -> Column:
    """A run's values of a metric: its scorer's, or a figure of the calls."""
    fingerprint = scorers_of(session, record).get(metric)
    if fingerprint is None and metric in OUTPUT_FIELDS:
        return scores.output_column(session.store, record.id, OUTPUT_FIELDS[metric])
    return scores.score_column(session.store, record.id, fingerprint or "")

"""Two runs' values of a metric as arrays in the dataset's order: what filters, orders and histograms are made of.

Imported only where one of these is asked for: it brings NumPy, which the first frame does not need.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from llmexp_tui.domain.run import RunRecord
from llmexp_tui.store import scores
from llmexp_tui.store.scores import Column
from llmexp_tui.tui.reads.rows import scorer_of
from llmexp_tui.workflows.columns import OUTPUT_FIELDS
from llmexp_tui.workflows.session import Session

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


class PairColumns:
    """Means over repeats, (n,) in the order of `numbers`: NaN where there is no value."""

    def __init__(
        self, session: Session, records: tuple[RunRecord, RunRecord], metric: str, numbers: Sequence[int]
    ) -> None:
        self._session = session
        self._records = records
        self._numbers = np.asarray(numbers, dtype=np.int64)
        self._order = np.argsort(self._numbers, kind="stable")
        sides = [self._side(column_of(session, record, metric)) for record in records]
        (self.baseline, self._failed_a, self._seen_a), (self.candidate, self._failed_b, self._seen_b) = sides

    def _side(self, column: Column) -> tuple[Floats, Bools, Bools]:
        """(means, whether a call failed, whether there is an output) by place."""
        size = len(self._numbers)
        places = self._order[np.searchsorted(self._numbers[self._order], column.row_no)]
        finite = np.isfinite(column.value)
        total = np.bincount(places[finite], column.value[finite], minlength=size)
        count = np.bincount(places[finite], minlength=size)
        with np.errstate(invalid="ignore", divide="ignore"):
            means = np.where(count > 0, total / count, np.nan)
        failed = np.bincount(places[column.failed], minlength=size) > 0
        return means, failed, np.bincount(places, minlength=size) > 0

    def changes(self, direction: str) -> Floats:
        """(n,) how much better the candidate is; a failed call is worse than any value, 0 where nothing is known."""
        sign = -1.0 if direction == "lower" else 1.0
        left = np.where(self._failed_a, -np.inf, sign * self.baseline)
        right = np.where(self._failed_b, -np.inf, sign * self.candidate)
        with np.errstate(invalid="ignore"):
            return np.where(
                self._failed_a & self._failed_b,
                0.0,
                np.nan_to_num(right - left, nan=0.0, posinf=1e300, neginf=-1e300),
            )

    def mask(self, name: str, direction: str) -> Bools:
        """(n,) which rows a one-key filter keeps; rows that no arm has are never kept."""
        seen = self._seen_a | self._seen_b
        if name == "all":
            return seen
        if name == "errored":
            return seen & (self._failed_a | self._failed_b)
        if name == "disagreement":
            return seen & self._disagreement()
        change = self.changes(direction)
        chosen = {"regressed": change < 0, "improved": change > 0, "flipped": change != 0}[name]
        return seen & chosen

    def _disagreement(self) -> Bools:
        """Rows that one scorer calls better and another worse, higher being better for both."""
        better = np.zeros(len(self._numbers), dtype=bool)
        worse = better.copy()
        for metric in self._records[0].environment.get("scorers", {}):
            if scorer_of(self._records[1], metric) is None:
                continue
            left, right = (self._side(column_of(self._session, record, metric))[0] for record in self._records)
            with np.errstate(invalid="ignore"):
                better |= right > left
                worse |= right < left
        return better & worse

    def ordered(self, places: npt.NDArray[np.int64], sort: str, direction: str) -> npt.NDArray[np.int64]:
        """The places in an order; ties stay in the dataset's."""
        if sort == "order":
            return places
        if sort == "change":
            key = self.changes(direction)[places]
        else:
            key = (self.baseline if sort == "baseline" else self.candidate)[places]
        return places[np.argsort(key, kind="stable")]


def column_of(session: Session, record: RunRecord, metric: str) -> Column:
    """A run's values of a metric: its scorer's, or a figure of the calls."""
    fingerprint = scorer_of(record, metric)
    if fingerprint is None and metric in OUTPUT_FIELDS:
        return scores.output_column(session.store, record.id, OUTPUT_FIELDS[metric])
    return scores.score_column(session.store, record.id, fingerprint or "")

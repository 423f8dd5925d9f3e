"""The rows of two runs side by side: a page at a time, and as a list of places where a filter or order needs it.

The plain list costs the rows' numbers (50 bytes each); filters and orders read score columns, never objects.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from llmexp_tui.domain.dataset import Row
from llmexp_tui.domain.run import Output, RunRecord
from llmexp_tui.domain.score import Score
from llmexp_tui.store import datasets, runs, scores
from llmexp_tui.store.datasets import RowRef, RowRefs
from llmexp_tui.tui.state.paging import TableRow
from llmexp_tui.tui.state.rows import ArmRow, RowDetail, RowLine, RowQuery, excerpt_of, table_row
from llmexp_tui.workflows.columns import OUTPUT_FIELDS
from llmexp_tui.workflows.session import Session

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from llmexp_tui.tui.reads.columns import PairColumns

_TEXT_BATCH = 512


class RowSource:
    """A PageSource over the rows of two runs. Made in a thread; every call reads."""

    immediate = False

    def __init__(self, query: RowQuery, session: Session) -> None:
        self.query = query
        self._session = session
        self._runs = (
            runs.get_run(session.store, query.baseline_run),
            runs.get_run(session.store, query.candidate_run),
        )
        self._refs: RowRefs | None = None
        self._places: npt.NDArray[np.int64] | None = None
        self._columns: PairColumns | None = None
        source = session.project.datasets.get(self._runs[0].dataset)
        self._expected = source.expected_column if source else "expected"
        self._hidden = (self._expected, source.id if source and source.id else "")

    @property
    def whole(self) -> bool:
        """True where every row of the version is shown in its order."""
        plain = self.query.filter == "all" and self.query.sort == "order" and not self.query.text
        return plain and self.query.slice is None

    def count(self) -> int:
        """How many rows the query has."""
        self._refs = datasets.row_refs(self._session.store, self._runs[0].dataset_hash)
        if self.whole and min(record.rows for record in self._runs) >= len(self._refs):
            self._places = None
            return len(self._refs)
        self._places = self._select()
        return len(self._places)

    def page(self, start: int, size: int) -> Sequence[TableRow]:
        """Rows start … start + size - 1."""
        refs = self._slice(start, size)
        contents = datasets.rows_by_no(self._session.store, [ref.no for ref in refs])
        sides = [self._values(record, [ref.no for ref in refs]) for record in self._runs]
        return [table_row(self._line(ref, contents[ref.no], sides), self.query.direction) for ref in refs]

    def locate(self, key: str) -> int | None:
        """Where a key is in the list."""
        place = next((at for at, ref in enumerate(self._all()) if ref.key == key), None)
        if place is None or self._places is None:
            return place
        hits = (self._places == place).nonzero()[0]
        return int(hits[0]) if len(hits) else None

    def find_regression(self, start: int, step: int) -> int | None:
        """The next row (step 1) or the one before (step -1) that got worse, None where there is none."""
        changes = self._pair().changes(self.query.direction)
        if self._places is not None:
            changes = changes[self._places]
        worse = (changes < 0).nonzero()[0]
        hits = worse[worse > start] if step > 0 else worse[worse < start]
        if not len(hits):
            return None
        return int(hits[0] if step > 0 else hits[-1])

    def detail(self, index: int) -> RowDetail | None:
        """Everything on the row at an index."""
        refs = self._slice(index, 1)
        if not refs:
            return None
        ref = refs[0]
        row = datasets.rows_by_no(self._session.store, [ref.no])[ref.no]
        expected = row.values.get(self._expected)
        left, right = (self._arm(record, ref.no) for record in self._runs)
        return RowDetail(ref.key, ref.hash, row.values, None if expected is None else str(expected), left, right)

    # ---- reading

    def _all(self) -> RowRefs:
        if self._refs is None:
            self.count()
        assert self._refs is not None
        return self._refs

    def _slice(self, start: int, size: int) -> list[RowRef]:
        refs = self._all()
        if self._places is None:
            return [refs[place] for place in range(start, min(start + size, len(refs)))]
        return [refs[int(place)] for place in self._places[start : start + size]]

    def _line(self, ref: RowRef, row: Row, sides: Sequence[Mapping[int, tuple[float | None, bool]]]) -> RowLine:
        (left, left_failed), (right, right_failed) = (side.get(ref.no, (None, False)) for side in sides)
        excerpt = excerpt_of(row.values, self._hidden)
        return RowLine(ref.key, ref.no, left, right, left_failed, right_failed, excerpt)

    def _values(self, record: RunRecord, nos: Sequence[int]) -> dict[int, tuple[float | None, bool]]:
        """row number -> (mean value over repeats, whether a call failed), for some rows."""
        field = OUTPUT_FIELDS.get(self.query.metric)
        fingerprint = scorer_of(record, self.query.metric)
        if fingerprint is None and field is not None:
            return _means(
                (no, _figure(output, field), output.error_kind is not None)
                for no, output in self._outputs(record, nos)
            )
        found = scores.scores_of(self._session.store, record.id, nos)
        shown = _means(
            (no, score.value, False)
            for (no, _), by_scorer in found.items()
            if (score := by_scorer.get(fingerprint or "")) is not None
        )
        missing = [no for no in nos if no not in shown]
        if missing:
            shown |= {no: (None, output.error_kind is not None) for no, output in self._outputs(record, missing)}
        return shown

    def _outputs(self, record: RunRecord, nos: Sequence[int]) -> Iterable[tuple[int, Output]]:
        by_hash = {row.hash: no for no, row in datasets.rows_by_no(self._session.store, nos).items()}
        return [(by_hash[output.row_hash], output) for output in runs.outputs(self._session.store, record.id, nos)]

    def _arm(self, record: RunRecord, no: int) -> ArmRow:
        outputs = tuple(runs.outputs(self._session.store, record.id, [no]))
        names = {fingerprint: name for name, fingerprint in record.environment.get("scorers", {}).items()}
        found = scores.scores_of(self._session.store, record.id, [no])
        by_repeat: list[dict[str, Score]] = []
        for output in outputs:
            scored = found.get((no, output.repeat), {})
            by_repeat.append({names.get(fp, fp[:12]): score for fp, score in scored.items()})
        return ArmRow(record.variant, outputs, tuple(by_repeat))

    # ---- filters

    def _pair(self) -> PairColumns:
        if self._columns is None:
            from llmexp_tui.tui.reads.columns import PairColumns

            self._columns = PairColumns(self._session, self._runs, self.query.metric, self._all().nos)
        return self._columns

    def _select(self) -> npt.NDArray[np.int64]:
        """The places of the rows that the query asks for, in its order."""
        import numpy as np

        pair, query = self._pair(), self.query
        keep = pair.mask(query.filter, query.direction)
        if query.slice is not None:
            keep &= self._in_slice(*query.slice)
        places = np.flatnonzero(keep)
        if query.text:
            places = self._with_text(places, query.text.casefold())
        return pair.ordered(places, query.sort, query.direction)

    def _in_slice(self, column: str, value: str) -> npt.NDArray[np.bool_]:
        import numpy as np

        from llmexp_tui.workflows.columns import frame

        source = self._session.project.datasets[self._runs[0].dataset]
        rows = frame(self._session, self._runs[0].dataset_hash, source, [column])
        return rows.mask(column, value)[rows.codes(np.asarray(self._all().nos, dtype=np.int64))]

    def _with_text(self, places: npt.NDArray[np.int64], wanted: str) -> npt.NDArray[np.int64]:
        """The places whose row has the text in its key or any of its values."""
        import numpy as np

        refs, kept = self._all(), []
        for at in range(0, len(places), _TEXT_BATCH):
            batch = places[at : at + _TEXT_BATCH]
            rows = datasets.rows_by_no(self._session.store, [refs[int(place)].no for place in batch])
            kept += [place for place in batch if _has(rows[refs[int(place)].no], wanted)]
        return np.array(kept, dtype=np.int64)


def scorer_of(record: RunRecord, metric: str) -> str | None:
    """The fingerprint that a metric's scorer had in a run; None for a figure of the calls themselves."""
    found: Mapping[str, str] = record.environment.get("scorers", {})
    return found.get(metric)


def _has(row: Row, wanted: str) -> bool:
    return wanted in row.key.casefold() or any(wanted in str(value).casefold() for value in row.values.values())


def _figure(output: Output, field: str) -> float | None:
    if field == "errors":
        return float(output.error_kind is not None)
    if field == "tokens":
        known = output.input_tokens is not None and output.output_tokens is not None
        return float((output.input_tokens or 0) + (output.output_tokens or 0)) if known else None
    value: Any = getattr(output, field)
    return None if value is None else float(value)


def _means(found: Iterable[tuple[int, float | None, bool]]) -> dict[int, tuple[float | None, bool]]:
    values: dict[int, list[float]] = {}
    failed: dict[int, bool] = {}
    for no, value, bad in found:
        values.setdefault(no, [])
        failed[no] = failed.get(no, False) or bad
        if value is not None:
            values[no].append(value)
    return {no: (sum(own) / len(own) if own else None, failed[no]) for no, own in values.items()}

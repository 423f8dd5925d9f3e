"""The rows of two runs side by side, a page at a time, over the store's pair pages; and one row in full."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from llmexp_tui.domain.run import RunRecord
from llmexp_tui.domain.score import Score, against
from llmexp_tui.domain.watch import Watch, unwatched
from llmexp_tui.scoring.human import GRADES, PREFERENCE
from llmexp_tui.store import runs, scores
from llmexp_tui.store.pages import PairPages, PairRow
from llmexp_tui.store.pair_lists import PairQuery
from llmexp_tui.tui.reads.scorers import kept_of, scorers_of
from llmexp_tui.tui.state.paging import TableRow
from llmexp_tui.tui.state.rows import ArmRow, RowDetail, RowLine, RowQuery, excerpt_of, row_key, row_no_of, table_row
from llmexp_tui.workflows.human import human_fingerprint
from llmexp_tui.workflows.session import Session


class RowSource:
    """A PageSource over the rows of two runs. Every call reads.

    `earlier` is another question about the same runs, what it found need not be found again. `watch` hears how far a
    long search is and may call it off (CalledOffError).
    """

    immediate = False

    def __init__(
        self, asked: RowQuery, session: Session, *, earlier: RowSource | None = None, watch: Watch = unwatched
    ) -> None:
        self.asked = asked
        self._session = session
        self._runs = (
            runs.get_run(session.store, asked.baseline_run),
            runs.get_run(session.store, asked.candidate_run),
        )
        self._scorers = scorers_of(session, self._runs[0])
        source = session.project.datasets.get(self._runs[0].dataset)
        self._expected = source.expected_column if source else "expected"
        self._id = source.id if source else None
        self._slices = source.slices if source else ()
        self._hidden = (self._expected, self._id or "")
        lists = None if earlier is None else earlier._pages.lists
        self._pages: PairPages = PairPages(session.store, self._query(), lists=lists, watch=watch)

    def _query(self) -> PairQuery:
        asked, (baseline, candidate) = self.asked, self._runs
        metrics = tuple(
            (fingerprint, direction)
            for name, direction in asked.directions
            if (fingerprint := self._scorers.get(name)) is not None
        )
        kept = kept_of(self._session, self._scorers, asked.metric, baseline, candidate)
        return PairQuery(
            baseline.id,
            candidate.id,
            kept.metric,
            asked.direction,
            asked.filter,
            asked.sort,
            asked.descending,
            text=asked.text,
            slice=asked.slice,
            metrics=metrics,
            hidden=self._hidden,
            by=kept.by,
            preference=kept.preference,
            over=kept.over,
        )

    def count(self) -> int:
        """How many rows the query has."""
        return self._pages.count()

    def page(self, start: int, size: int) -> Sequence[TableRow]:
        """Rows start … start + size - 1."""
        found = self._pages.page(start, size)
        return [table_row(self._line(row), self.asked.direction) for row in found]

    def locate(self, key: str) -> int | None:
        """Where a row is in the list."""
        return self._pages.locate(row_no_of(key))

    def find_regression(self, start: int, step: int) -> int | None:
        """The next row (step 1) or the one before (step -1) that got worse, None where there is none."""
        return self._pages.find_next(start, "regressed", backwards=step < 0)

    def detail(self, index: int) -> RowDetail | None:
        """Everything on the row at an index."""
        found = self._pages.page(index, 1)
        if not found:
            return None
        row = found[0]
        expected = row.values.get(self._expected)
        left, right = (self._arm(record, row.row_no) for record in self._runs)
        return RowDetail(
            row.key,
            row.hash,
            row.values,
            None if expected is None else str(expected),
            left,
            right,
            dataset=self._runs[0].dataset,
            id_column=self._id,
            expected_column=self._expected,
            slices=tuple((name, _slice_text(row.values.get(name))) for name in self._slices),
        )

    def _line(self, row: PairRow) -> RowLine:
        excerpt = excerpt_of(row.values, self._hidden)
        left, right = row.baseline, row.candidate
        key = row_key(row.row_no, row.key)
        return RowLine(key, row.key, left.value, right.value, left.failed > 0, right.failed > 0, excerpt)

    def _arm(self, record: RunRecord, no: int) -> ArmRow:
        outputs = tuple(runs.outputs(self._session.store, record.id, [no]))
        names = {fingerprint: name for name, fingerprint in self._scorers.items()}
        givers = ("", against(self._runs[0].id))
        found = [scores.scores_of(self._session.store, record.id, [no], by=by) for by in givers]
        people = self._people(record, no)
        by_repeat = tuple(
            {names.get(fp, fp[:12]): score for one in found for fp, score in one.get((no, output.repeat), {}).items()}
            | people.get(output.repeat, {})
            for output in outputs
        )
        return ArmRow(record.variant, outputs, by_repeat)

    def _people(self, record: RunRecord, no: int) -> dict[int, dict[str, Score]]:
        """repeat -> whose grade or preference -> the score, with when it was given and the note as its reason."""
        found: dict[int, dict[str, Score]] = {}
        for word, kind in (("grade", GRADES), ("preference", PREFERENCE)):
            fingerprint = human_fingerprint(kind, *self._runs)
            for repeat, said in scores.said_of_row(self._session.store, record.id, fingerprint, no).items():
                for who, (at, score) in said.items():
                    told = " · ".join([f"{at[:16].replace('T', ' ')} UTC", *([score.reason] if score.reason else [])])
                    label = score.label if kind == PREFERENCE else None
                    found.setdefault(repeat, {})[f"{word} by {who}"] = replace(score, label=label, reason=told)
        return found


def _slice_text(value: object) -> str:
    """A column's value as slices compare it: nothing for null and absent."""
    return "" if value is None else str(value)

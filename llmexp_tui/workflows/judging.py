"""Scores that need calls: asks judges about stored outputs, all arms' answers of a row side by side.

A judge's time is never part of a variant's latency: judging follows the calls. Rows are judged in one order over
all arms, so that a judge that drifts drifts for all alike.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import merge
from typing import Any, NamedTuple

from llmexp_tui.domain.dataset import Row
from llmexp_tui.domain.hashing import derived_seed
from llmexp_tui.domain.run import SLOT_AA, SLOT_MAIN, RunRecord
from llmexp_tui.domain.score import Score, again, against
from llmexp_tui.engine.events import Listener, StepStarted, ignore
from llmexp_tui.engine.plan import SEED_BITS
from llmexp_tui.engine.stop import DRAIN_S
from llmexp_tui.errors import LlmexpError, OfflineError
from llmexp_tui.scoring.base import Sample, Scorer
from llmexp_tui.scoring.outputs import ascore_safely, sample_of
from llmexp_tui.scoring.pairwise import against_baseline
from llmexp_tui.store import datasets, runs, scores
from llmexp_tui.store.names import chunks
from llmexp_tui.store.scores import OutputKey, StoredAnswer
from llmexp_tui.workflows.judge_calls import Bench, ScoreCall
from llmexp_tui.workflows.prepare import Prepared
from llmexp_tui.workflows.session import Session

CHUNK = 64
"""Answers in front of the judges at a time; what was paid for is stored after each chunk."""


@dataclass(frozen=True, slots=True)
class Hearings:
    """One run before one judge. `by` is how its scores are stored, `nth` tells further judgements of the same outputs
    apart, `opponent` is the run whose answers it is compared with."""

    record: RunRecord
    by: str = ""
    nth: int = 0
    opponent: RunRecord | None = None


class _Item(NamedTuple):
    """One answer to be judged, in the order of rows, repeats and runs."""

    row_no: int
    repeat: int
    place: int
    answer: StoredAnswer
    hearings: Hearings


@dataclass(slots=True)
class Judging:
    """Asks the judges of one experiment. `opponents` names the run to compare with where it is of another group."""

    session: Session
    prepared: Prepared
    bench: Bench
    listener: Listener = ignore
    opponents: Mapping[str, RunRecord] = field(default_factory=dict)
    _began: str = field(default="", init=False)

    async def run(self, records: Sequence[RunRecord], *, retry: bool = False) -> LlmexpError | None:
        """Scores every output that a calling scorer has not seen, with `retry` those too on which it failed.

        What it failed on it asks anew: the cache holds the very answers that could not be read.
        What stopped it, or None; what was scored until then is stored.
        """
        self._began = self.session.at()
        for name, scorer in self.prepared.scorers.items():
            if not scorer.calls:
                continue
            await self._ask(name, scorer, self._hearings(scorer, records), retry)
            error = self.bench.flag.error
            if error is not None:
                return error if isinstance(error, LlmexpError) else None
        if self.bench.missing:
            what = f"offline, and {self.bench.missing} judgements are neither stored nor cached"
            return OfflineError(what, mend="judge once without --offline")
        return None

    def _hearings(self, scorer: Scorer, records: Sequence[RunRecord]) -> list[Hearings]:
        found = []
        for record in records:
            if scorer.needs_baseline:
                opponent = self.opponents.get(record.id) or opponent_of(self.session, self.prepared, record)
                if opponent is not None:
                    found.append(Hearings(record, against(opponent.id), opponent=opponent))
                continue
            found.append(Hearings(record))
            if (record.variant, record.slot, record.number) == (self.prepared.baseline, SLOT_MAIN, 1):
                found += [Hearings(record, again(nth), nth) for nth in range(1, scorer.rejudge + 1)]
        return found

    async def _ask(self, name: str, scorer: Scorer, wanted: Sequence[Hearings], retry: bool) -> None:
        said = False
        streams = [self._open(scorer, place, hearings, retry) for place, hearings in enumerate(wanted)]
        for part in chunks(merge(*streams), CHUNK):
            if not said:
                self.listener(StepStarted(self.prepared.experiment.name, f"judging {name}"))
                said = True
            rows = datasets.rows_by_no(self.session.store, {item.row_no for item in part})
            others = self._opponents(part) if scorer.needs_baseline else {}
            work = [self._score(scorer, item, rows[item.row_no], others) for item in part]
            self._keep(scorer, part, await self._finished(work))
            if self.bench.flag.requested:
                return

    async def _finished(self, work: Sequence[Coroutine[Any, Any, Score | None]]) -> list[Score | None]:
        """The scores; None for those that a stop cut off, which calls in flight may delay by DRAIN_S."""
        tasks = [asyncio.ensure_future(one) for one in work]
        watcher = asyncio.create_task(self._cut_off(tasks))
        try:
            found = await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            watcher.cancel()
        for one in found:
            if isinstance(one, BaseException) and not isinstance(one, asyncio.CancelledError):
                raise one
        return [None if isinstance(one, BaseException) else one for one in found]

    async def _cut_off(self, tasks: Sequence[asyncio.Task[Score | None]]) -> None:
        flag = self.bench.flag
        await flag.event.wait()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(flag.cancelled.wait(), DRAIN_S)
        for task in tasks:
            task.cancel()

    def _open(self, scorer: Scorer, place: int, hearings: Hearings, retry: bool) -> Iterator[_Item]:
        """The answers that are still to be judged."""
        store = self.session.store
        opened = scores.outputs_for_scoring(
            store, hearings.record.id, scorer.fingerprint, by=hearings.by, again=retry
        )
        for chunk in opened:
            for answer in chunk:
                yield _Item(answer.row_no, answer.repeat, place, answer, hearings)

    def _opponents(self, part: Sequence[_Item]) -> dict[tuple[str, int, int], str]:
        """(run, row, repeat) -> the answer that another is compared with."""
        found = {}
        for run in {item.hearings.opponent.id for item in part if item.hearings.opponent is not None}:
            wanted = {item.row_no for item in part}
            for (row, repeat), text in scores.answer_texts(self.session.store, run, wanted).items():
                found[run, row, repeat] = text
        return found

    async def _score(
        self, scorer: Scorer, item: _Item, row: Row, others: Mapping[tuple[str, int, int], str]
    ) -> Score | None:
        """The score, one with an error for what a judge got wrong, None where the run is stopping."""
        record = item.hearings.record
        sample = self._sample(record, row, item.answer)
        if item.hearings.opponent is not None:
            other = others.get((item.hearings.opponent.id, item.row_no, item.repeat))
            if other is None:
                return Score(None, error="there is no answer of the baseline to compare with")
            sample = against_baseline(sample, other)
        slot = record.slot if record.number == 1 else f"{record.slot}{record.number}"
        more = (item.hearings.nth,) if item.hearings.nth else ()
        seed = derived_seed(record.seed, row.hash, item.repeat, slot, "judge", *more) & ((1 << SEED_BITS) - 1)
        since = record.created_at if record.fresh or record.slot == SLOT_AA else ""
        call = ScoreCall(self.bench, record.rules, since=self._began if item.answer.tried else since)
        score = await ascore_safely(scorer, sample, call, seed=seed, repeat=item.repeat)
        return None if call.stopped else score

    def _sample(self, record: RunRecord, row: Row, answer: StoredAnswer) -> Sample:
        prompt = self.prepared.prompts.get(record.variant)
        messages = prompt.render(row.values).messages if prompt is not None else ()
        return sample_of(row, answer.completion, messages, self.prepared.source.expected_column)

    def _keep(self, scorer: Scorer, part: Sequence[_Item], found: Sequence[Score | None]) -> None:
        by: dict[str, list[tuple[OutputKey, Score]]] = {}
        for item, score in zip(part, found, strict=True):
            if score is not None:
                by.setdefault(item.hearings.by, []).append((item.answer.output_no, score))
        for name, results in by.items():
            scores.write_scores(self.session.store, scorer.fingerprint, results, at=self.session.at(), by=name)


def opponent_of(session: Session, prepared: Prepared, record: RunRecord) -> RunRecord | None:
    """The run of the same group that a run's answers are compared with; None for the baseline's own.

    An A/A copy meets the run that it copies, a candidate the baseline.
    """
    group = runs.find_runs(session.store, group=record.group)
    wanted = record.variant if record.slot == SLOT_AA else prepared.baseline
    return next(
        (
            other
            for other in group
            if other.slot == SLOT_MAIN
            and (other.variant, other.number) == (wanted, record.number)
            and other.id != record.id
        ),
        None,
    )

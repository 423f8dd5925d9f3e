"""Scores stored outputs that a scorer has not seen yet. Only judge scorers call anything, and not from here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from llmexp_tui.domain.run import RunRecord
from llmexp_tui.scoring.base import Scorer
from llmexp_tui.scoring.outputs import sample_of, score_safely
from llmexp_tui.store import datasets, scores
from llmexp_tui.workflows.prepare import Prepared
from llmexp_tui.workflows.session import Session

CHUNK = 2048
"""Answers read and scores written at a time: a commit waits for the disk as long as some hundred scores take."""


def rescore(session: Session, prepared: Prepared, records: Sequence[RunRecord]) -> int:
    """Adds every missing score of the runs' stored outputs; how many were made."""
    return sum(1 for _ in rescoring(session, prepared, records))


def rescoring(
    session: Session, prepared: Prepared, records: Sequence[RunRecord], *, own: bool = False
) -> Iterator[str]:
    """The same one score after the other, telling whose; `own`: only those that the project's code gives."""
    for record in records:
        for name, scorer in prepared.scorers.items():
            if not scorer.calls and not scorer.by_people and (scorer.own or not own):
                for _ in _rescore_run(session, prepared, record, scorer):
                    yield name


def _rescore_run(session: Session, prepared: Prepared, record: RunRecord, scorer: Scorer) -> Iterator[None]:
    prompt = prepared.prompts.get(record.variant)
    for chunk in scores.outputs_for_scoring(session.store, record.id, scorer.fingerprint, size=CHUNK):
        rows = datasets.rows_by_no(session.store, [output.row_no for output in chunk])
        results = []
        for output in chunk:
            row = rows[output.row_no]
            messages = prompt.render(row.values).messages if prompt is not None else ()
            sample = sample_of(row, output.completion, messages, prepared.source.expected_column)
            results.append((output.output_no, score_safely(scorer, sample)))
            yield
        scores.write_scores(session.store, scorer.fingerprint, results, at=session.at(), by="")

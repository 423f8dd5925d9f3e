"""Scores as columns for statistics, and in chunks for re-scoring. A column costs 30 bytes a cell and no object.

NumPy is imported inside functions: the app's first frame reads no column.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Connection, func, select, text, tuple_

from llmexp_tui.domain.score import Score
from llmexp_tui.domain.usage import Completion
from llmexp_tui.errors import UsageError
from llmexp_tui.store.bulk import plain_rows
from llmexp_tui.store.cells import REPLACE_SCORES, scorer_numbers
from llmexp_tui.store.engine import Store
from llmexp_tui.store.mapping import completion_of, score_of, score_values
from llmexp_tui.store.names import find_no, run_no
from llmexp_tui.store.tables import CompletionTable, OutputTable, ScorerTable, ScoreTable, core

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_COMPLETION, _OUTPUT, _SCORE, _SCORER = core(CompletionTable), core(OutputTable), core(ScoreTable), core(ScorerTable)
_NONE = "9e999"

OUTPUT_FIELDS: Mapping[str, str] = {
    "latency_ms": "o.latency_ms",
    "ttft_ms": "o.ttft_ms",
    "cost_usd": "o.cost_usd",
    "tokens": "o.tokens",
    "errors": "o.failed",
    "input_tokens": "(SELECT c.input_tokens FROM completion c WHERE c.no = o.completion_no)",
    "output_tokens": "(SELECT c.output_tokens FROM completion c WHERE c.no = o.completion_no)",
}
"""What of an output is a number, and where it stands."""


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One number for each cell of a run, all arrays of shape (N,), ascending by row number, then repeat.

    value: NaN where there is none. failed: the call failed. scorer_failed: the scorer did. cached: the answer was
    taken from another run's call.
    """

    row_no: npt.NDArray[np.int64]
    repeat: npt.NDArray[np.int64]
    value: npt.NDArray[np.float64]
    failed: npt.NDArray[np.bool_]
    scorer_failed: npt.NDArray[np.bool_]
    cached: npt.NDArray[np.bool_]


class OutputKey(NamedTuple):
    """Names one stored output to `write_scores`."""

    run_no: int
    row_no: int
    repeat: int


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """An answer to be scored; `output_no` names it to `write_scores`. `tried`: the scorer failed on it before."""

    output_no: OutputKey
    row_no: int
    repeat: int
    completion: Completion
    tried: bool = False


def score_column(store: Store, run_id: str, fingerprint: str, *, by: str = "") -> Column:
    """A scorer's values over a run. A failed call has NaN and `failed`, an output not scored yet NaN alone.

    `by` names a further judgement of the same outputs, or the person who gave it.
    """
    query = (
        f"SELECT o.row_no, o.repeat, o.failed, s.error IS NOT NULL, o.cached, ifnull(s.value, {_NONE}) FROM output o"
        " LEFT JOIN score s ON s.run_no = o.run_no AND s.scorer_no = :scorer"
        " AND s.row_no = o.row_no AND s.repeat = o.repeat AND s.by = :by"
        " WHERE o.run_no = :run ORDER BY o.row_no, o.repeat"
    )
    with store.read() as connection:
        run = run_no(store, connection, run_id)
        scorer = find_no(connection, _SCORER, "fingerprint", fingerprint)
        return _column(connection, query, {"run": run, "scorer": scorer, "by": by})


def people_column(store: Store, run_id: str, fingerprint: str) -> Column:
    """What people gave a run's outputs, the mean over them; only outputs that somebody scored."""
    query = (
        f"SELECT o.row_no, o.repeat, o.failed, 0, o.cached, ifnull(avg(s.value), {_NONE}) FROM score s"
        " JOIN output o ON o.run_no = s.run_no AND o.row_no = s.row_no AND o.repeat = s.repeat"
        " WHERE s.run_no = :run AND s.scorer_no = :scorer AND s.by <> '' AND s.by NOT LIKE ':%'"
        " AND s.value IS NOT NULL GROUP BY o.row_no, o.repeat ORDER BY o.row_no, o.repeat"
    )
    with store.read() as connection:
        run = run_no(store, connection, run_id)
        scorer = find_no(connection, _SCORER, "fingerprint", fingerprint)
        return _column(connection, query, {"run": run, "scorer": scorer})


def ratings(store: Store, run_id: str, fingerprint: str) -> dict[tuple[int, int], dict[str, Score]]:
    """(row_no, repeat) -> person -> score, for all that people said of a run's outputs; taken-back ones left out."""
    query = (
        select(_SCORE)
        .where(_SCORE.c.by != "", ~_SCORE.c.by.startswith(":"), _SCORE.c.value.is_not(None))
        .order_by(_SCORE.c.row_no, _SCORE.c.repeat, _SCORE.c.by)
    )
    found: dict[tuple[int, int], dict[str, Score]] = {}
    with store.read() as connection:
        run = run_no(store, connection, run_id)
        scorer = find_no(connection, _SCORER, "fingerprint", fingerprint)
        rows = connection.execute(query.where(_SCORE.c.run_no == run, _SCORE.c.scorer_no == scorer)).mappings()
        for row in rows:
            found.setdefault((row["row_no"], row["repeat"]), {})[row["by"]] = score_of(row)
    return found


def last_said(store: Store, run_id: str, fingerprint: str) -> tuple[str, int]:
    """When a person last scored an output of a run, or took a score back, and how many people did; empty and 0."""
    query = select(func.max(_SCORE.c.at), func.count(_SCORE.c.by.distinct()))
    query = query.where(_SCORE.c.by != "", ~_SCORE.c.by.startswith(":"))
    with store.read() as connection:
        run = run_no(store, connection, run_id)
        scorer = find_no(connection, _SCORER, "fingerprint", fingerprint)
        at, people = connection.execute(query.where(_SCORE.c.run_no == run, _SCORE.c.scorer_no == scorer)).one()
        return at or "", people


def said_of_row(store: Store, run_id: str, fingerprint: str, row_no: int) -> dict[int, dict[str, tuple[str, Score]]]:
    """repeat -> person -> (when, score), for what people said of one row of a run; taken-back ones left out."""
    query = (
        select(_SCORE)
        .where(_SCORE.c.by != "", ~_SCORE.c.by.startswith(":"), _SCORE.c.value.is_not(None))
        .where(_SCORE.c.row_no == row_no)
        .order_by(_SCORE.c.repeat, _SCORE.c.by)
    )
    found: dict[int, dict[str, tuple[str, Score]]] = {}
    with store.read() as connection:
        run = run_no(store, connection, run_id)
        scorer = find_no(connection, _SCORER, "fingerprint", fingerprint)
        rows = connection.execute(query.where(_SCORE.c.run_no == run, _SCORE.c.scorer_no == scorer)).mappings()
        for row in rows:
            found.setdefault(row["repeat"], {})[row["by"]] = (row["at"], score_of(row))
    return found


def scored_at(store: Store, run_id: str, fingerprint: str, *, by: str = "") -> dict[tuple[int, int], str]:
    """(row_no, repeat) -> when a scorer, or the person `by`, scored a run's output."""
    query = select(_SCORE.c.row_no, _SCORE.c.repeat, _SCORE.c.at).where(_SCORE.c.by == by)
    with store.read() as connection:
        run = run_no(store, connection, run_id)
        scorer = find_no(connection, _SCORER, "fingerprint", fingerprint)
        found = connection.execute(query.where(_SCORE.c.run_no == run, _SCORE.c.scorer_no == scorer))
        return {(row, repeat): at for row, repeat, at in found}


def labels_of(store: Store, run_id: str, fingerprint: str, *, by: str = "") -> list[str]:
    """The labels that a scorer gave a run's outputs, those without one left out."""
    query = select(_SCORE.c.label).where(_SCORE.c.label.is_not(None), _SCORE.c.by == by)
    with store.read() as connection:
        run = run_no(store, connection, run_id)
        scorer = find_no(connection, _SCORER, "fingerprint", fingerprint)
        return list(connection.execute(query.where(_SCORE.c.run_no == run, _SCORE.c.scorer_no == scorer)).scalars())


def commonest_error(store: Store, run_id: str, fingerprint: str, *, by: str = "") -> str | None:
    """Why the scorer failed on most of those answers of the run that it failed on; None where it failed on none."""
    times = func.count()
    query = select(_SCORE.c.error).where(_SCORE.c.error.is_not(None), _SCORE.c.by == by).group_by(_SCORE.c.error)
    with store.read() as connection:
        run = run_no(store, connection, run_id)
        scorer = find_no(connection, _SCORER, "fingerprint", fingerprint)
        query = query.where(_SCORE.c.run_no == run, _SCORE.c.scorer_no == scorer)
        return connection.execute(query.order_by(times.desc(), _SCORE.c.error).limit(1)).scalar()


def judge_cost(store: Store, run_id: str, fingerprints: Iterable[str]) -> float | None:
    """USD that the judgements of a run cost, every further judgement included; None where one's cost is not known."""
    numbers = select(_SCORER.c.no).where(_SCORER.c.fingerprint.in_(list(fingerprints)))
    query = select(func.coalesce(func.sum(_SCORE.c.cost_usd), 0.0), func.count() - func.count(_SCORE.c.cost_usd))
    with store.read() as connection:
        run = run_no(store, connection, run_id)
        spent, unknown = connection.execute(
            query.where(_SCORE.c.run_no == run, _SCORE.c.scorer_no.in_(numbers))
        ).one()
    return None if unknown else float(spent)


def output_column(store: Store, run_id: str, field: str) -> Column:
    """A figure of the calls themselves over a run: one of OUTPUT_FIELDS. Raises UsageError for another name."""
    return output_columns(store, run_id, [field])[field]


def output_columns(store: Store, run_id: str, fields: Sequence[str]) -> dict[str, Column]:
    """Several such figures, read in one go."""
    for field in fields:
        if field not in OUTPUT_FIELDS:
            raise UsageError(f'outputs have no figure "{field}"', mend=f"known: {', '.join(OUTPUT_FIELDS)}")
    figures = "".join(f", ifnull({OUTPUT_FIELDS[field]}, {_NONE})" for field in fields)
    query = (
        f"SELECT o.row_no, o.repeat, o.failed, 0, o.cached{figures} FROM output o"
        " WHERE o.run_no = :run ORDER BY o.row_no, o.repeat"
    )
    with store.read() as connection:
        columns = _columns(connection, query, {"run": run_no(store, connection, run_id)}, len(fields))
    return dict(zip(fields, columns, strict=True))


def _column(connection: Connection, query: str, values: dict[str, Any]) -> Column:
    return _columns(connection, query, values, 1)[0]


def _columns(connection: Connection, query: str, values: dict[str, Any], count: int) -> list[Column]:
    """Reads a query of (row_no, repeat, failed, scorer_failed, cached, value …), without an object a cell.

    The columns share all but their values.
    """
    import numpy as np

    cells = chain.from_iterable(plain_rows(connection, query, values))
    # Row numbers fit a float's 53 bits. No stored figure is infinite, so infinity stands for none on the way.
    table = np.fromiter(cells, dtype=np.float64).reshape(-1, 5 + count)
    figures = table[:, 5:].T.copy()
    figures[np.isinf(figures)] = np.nan
    row_no, repeat = table[:, 0].astype(np.int64), table[:, 1].astype(np.int64)
    failed, scorer_failed, cached = (table[:, n] != 0 for n in (2, 3, 4))
    return [Column(row_no, repeat, value, failed, scorer_failed, cached) for value in figures]


def scores_of(
    store: Store, run_id: str, row_nos: Iterable[int], *, by: str = ""
) -> dict[tuple[int, int], dict[str, Score]]:
    """(row_no, repeat) -> scorer's fingerprint -> score, for some rows of a run; `by` names a person who scored."""
    found: dict[tuple[int, int], dict[str, Score]] = {}
    with store.read() as connection:
        run = run_no(store, connection, run_id)
        # The scorers of a run are few; naming them lets each row be found by the table's own key.
        scorers = connection.execute(select(_SCORER.c.no, _SCORER.c.fingerprint)).all()
        query = select(_SCORE).where(
            _SCORE.c.run_no == run,
            _SCORE.c.scorer_no.in_([no for no, _ in scorers]),
            _SCORE.c.row_no.in_(list(row_nos)),
            _SCORE.c.by == by,
        )
        names = dict(scorers)
        for row in connection.execute(query).mappings():
            found.setdefault((row["row_no"], row["repeat"]), {})[names[row["scorer_no"]]] = score_of(row)
    return found


def judges_of(store: Store, run_id: str, fingerprint: str) -> tuple[str, ...]:
    """The model ids that scored the run, as the provider named them, sorted; empty where no model did.

    A score that took several models names them with commas between.
    """
    query = select(_SCORE.c.model_returned).distinct().where(_SCORE.c.model_returned.is_not(None))
    with store.read() as connection:
        run = run_no(store, connection, run_id)
        scorer = find_no(connection, _SCORER, "fingerprint", fingerprint)
        found = connection.execute(query.where(_SCORE.c.run_no == run, _SCORE.c.scorer_no == scorer)).scalars()
        return tuple(sorted({name for names in found for name in names.split(", ")}))


def unscored(store: Store, run_id: str, fingerprint: str, *, by: str = "") -> int:
    """How many answers of the run the scorer has not seen."""
    with store.read() as connection:
        run = run_no(store, connection, run_id)
        scorer = find_no(connection, _SCORER, "fingerprint", fingerprint)
        answers = "SELECT count(*) FROM output WHERE run_no = :run AND NOT failed"
        seen = "SELECT count(*) FROM score WHERE run_no = :run AND scorer_no = :scorer AND by = :by"
        values = {"run": run, "scorer": scorer, "by": by}
        return int(connection.execute(text(f"SELECT ({answers}) - ({seen})"), values).scalar_one())


def outputs_for_scoring(
    store: Store, run_id: str, fingerprint: str | None = None, *, by: str = "", again: bool = False, size: int = 256
) -> Iterator[list[StoredAnswer]]:
    """The run's answers in chunks: those that the scorer has not seen, or all where it is None.

    `by` as in `score_column`; `again` gives those too that the scorer saw and failed on. Each chunk is a snapshot of
    its own, so scores may be written between two chunks.
    """
    after = (-1, -1)
    while chunk := _answers_after(store, run_id, _Unseen(fingerprint, by, again), after, size):
        yield chunk
        after = (chunk[-1].row_no, chunk[-1].repeat)


class _Unseen(NamedTuple):
    """Which answers are wanted: those without a score of this scorer; all where `fingerprint` is None."""

    fingerprint: str | None
    by: str
    again: bool


def _answers_after(
    store: Store, run_id: str, wanted: _Unseen, after: tuple[int, int], size: int
) -> list[StoredAnswer]:
    with store.read() as connection:
        query = (
            select(_OUTPUT.c.run_no, _OUTPUT.c.row_no, _OUTPUT.c.repeat, _COMPLETION)
            .join(_COMPLETION, _COMPLETION.c.no == _OUTPUT.c.completion_no)
            .where(_OUTPUT.c.run_no == run_no(store, connection, run_id), ~_OUTPUT.c.failed)
            .where(tuple_(_OUTPUT.c.row_no, _OUTPUT.c.repeat) > tuple_(*after))
            .order_by(_OUTPUT.c.row_no, _OUTPUT.c.repeat)
            .limit(size)
        )
        if wanted.fingerprint is not None:
            score = select(_SCORE.c.row_no).where(
                _SCORE.c.run_no == _OUTPUT.c.run_no,
                _SCORE.c.scorer_no == find_no(connection, _SCORER, "fingerprint", wanted.fingerprint),
                _SCORE.c.row_no == _OUTPUT.c.row_no,
                _SCORE.c.repeat == _OUTPUT.c.repeat,
                _SCORE.c.by == wanted.by,
            )
            done = score.where(_SCORE.c.value.is_not(None)) if wanted.again else score
            query = query.where(~done.exists()).add_columns(score.exists().label("tried"))
        rows = connection.execute(query).mappings().all()
    return [
        StoredAnswer(
            OutputKey(r["run_no"], r["row_no"], r["repeat"]), r["row_no"], r["repeat"], completion_of(r),
            bool(r.get("tried")),
        )
        for r in rows
    ]


def answer_texts(store: Store, run_id: str, row_nos: Iterable[int]) -> dict[tuple[int, int], str]:
    """(row_no, repeat) -> the answer's text, for some rows of a run; failed calls left out."""
    query = (
        select(_OUTPUT.c.row_no, _OUTPUT.c.repeat, _COMPLETION.c.text)
        .join(_COMPLETION, _COMPLETION.c.no == _OUTPUT.c.completion_no)
        .where(_OUTPUT.c.row_no.in_(list(row_nos)), ~_OUTPUT.c.failed)
    )
    with store.read() as connection:
        rows = connection.execute(query.where(_OUTPUT.c.run_no == run_no(store, connection, run_id))).all()
    return {(row, repeat): text or "" for row, repeat, text in rows}


def write_scores(
    store: Store, fingerprint: str, results: Sequence[tuple[OutputKey, Score]], *, at: str, by: str = ""
) -> None:
    """Stores scores of stored outputs in one transaction, replacing earlier ones of the same scorer and `by`."""
    if not results:
        return
    with store.write() as connection:
        scorer = scorer_numbers(store, connection, [fingerprint])[fingerprint]
        values = [
            {**key._asdict(), "scorer_no": scorer, "by": by, "at": at, **score_values(score)}
            for key, score in results
        ]
        REPLACE_SCORES.insert(connection, values)

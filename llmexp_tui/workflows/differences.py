"""Row by row: what each scored, and the rows on which a candidate lost most, with both answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from llmexp_tui.domain.run import RunRecord
from llmexp_tui.reports.record import RowDifference, RowScores
from llmexp_tui.stats.pairs import Samples
from llmexp_tui.store import datasets, runs
from llmexp_tui.workflows.columns import Frame, metric_samples
from llmexp_tui.workflows.floors import usable_rows
from llmexp_tui.workflows.metrics import Metric
from llmexp_tui.workflows.prepare import Prepared
from llmexp_tui.workflows.session import Session

AT_MOST = 100
"""Rows shown of each metric: a person reads no more, and a page of them stays small."""
ERRORS = 100
EXCERPT = 4000
FloatArray = npt.NDArray[np.float64]


def worst_rows(
    session: Session,
    prepared: Prepared,
    rows: Frame,
    baseline: Sequence[RunRecord],
    candidates: Sequence[Sequence[RunRecord]],
    metrics: Sequence[Metric],
) -> tuple[RowDifference, ...]:
    """Rows that got worse, largest loss first, of each candidate and scored gate metric (or the first scorer)."""
    scored = [m for m in metrics if m.fingerprint is not None and m.directed and m.spec.slice is None]
    # A metric may be gated by its mean and by a quantile: its rows are the same.
    chosen = {m.spec.name: m for m in scored if m.spec.registered}.values() or scored[:1]
    found: list[RowDifference] = []
    for candidate in candidates:
        for metric in chosen:
            found += _of_metric(session, prepared, rows, baseline, candidate, metric)
    return tuple(found)


def row_scores(
    session: Session,
    rows: Frame,
    baseline: Sequence[RunRecord],
    candidates: Sequence[Sequence[RunRecord]],
    metrics: Sequence[Metric],
) -> tuple[RowScores, ...]:
    """The scores of every row that was run, for each candidate and each registered metric of a scorer."""
    chosen = [m for m in metrics if m.spec.registered and m.fingerprint is not None and not m.by_people]
    return tuple(_scores_of(session, rows, baseline, arm, metric) for arm in candidates for metric in chosen)


def _scores_of(
    session: Session, rows: Frame, baseline: Sequence[RunRecord], candidate: Sequence[RunRecord], metric: Metric
) -> RowScores:
    means, (_, samples) = _means(session, rows, baseline, candidate, metric)
    tried = np.bincount(samples.rows, minlength=rows.size)
    lost = np.zeros(len(samples.rows), dtype=bool) if samples.failed is None else samples.failed
    failed = (tried > 0) & (np.bincount(samples.rows[lost], minlength=rows.size) == tried)
    kept = np.flatnonzero((tried > 0) & usable_rows(rows, metric))
    worse = np.nan_to_num(metric.spec.sign * (means[1] - means[0]), nan=0.0) < 0
    broken = [int(rows.numbers[code]) for code in kept[failed[kept]][:ERRORS]]
    texts = runs.texts(session.store, candidate[0].id, broken) if broken else {}
    firsts = {number: text for (number, _), text in reversed(texts.items())}
    names = {number: rows.labels[code] for code, number in enumerate(rows.numbers.tolist()) if number in firsts}
    return RowScores(
        candidate=candidate[0].variant,
        metric=metric.spec.name,
        slice=metric.spec.slice,
        labels=[rows.labels[code] for code in kept.tolist()],
        baseline=means[0][kept],
        candidate_scores=means[1][kept],
        worse=worse[kept],
        failed=failed[kept],
        errors={names[number]: text for number, text in firsts.items()},
    )


def row_means(samples: Samples, size: int) -> FloatArray:
    """(size,) mean score of each row over its repeats; NaN where there is none."""
    finite = np.isfinite(samples.scores)
    totals = np.bincount(samples.rows[finite], samples.scores[finite], minlength=size)
    counts = np.bincount(samples.rows[finite], minlength=size)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(counts > 0, totals / counts, np.nan), dtype=np.float64)


def _of_metric(
    session: Session,
    prepared: Prepared,
    rows: Frame,
    baseline: Sequence[RunRecord],
    candidate: Sequence[RunRecord],
    metric: Metric,
) -> list[RowDifference]:
    means, sides = _means(session, rows, baseline, candidate, metric)
    change = metric.spec.sign * (means[1] - means[0])
    losing = np.flatnonzero(np.nan_to_num(change, nan=0.0) < 0)
    worst = losing[np.argsort(change[losing], kind="stable")][:AT_MOST]
    numbers = [int(rows.numbers[code]) for code in worst]
    contents = datasets.rows_by_no(session.store, numbers)
    texts = [[runs.texts(session.store, run.id, numbers) for run in arm] for arm in (baseline, candidate)]
    answers = _worst_answers(metric, (baseline, candidate), sides, worst)
    expected = prepared.source.expected_column
    return [
        RowDifference(
            candidate=candidate[0].variant,
            metric=metric.spec.name,
            row=rows.labels[code],
            baseline_score=float(means[0][code]),
            candidate_score=float(means[1][code]),
            baseline_text=texts[0][answers[code][0]].get((number, answers[code][1]), ""),
            candidate_text=texts[1][answers[code][0]].get((number, answers[code][1]), ""),
            input=excerpt(contents[number].values, expected, prepared.source.id),
            expected=_text(contents[number].values.get(expected)),
        )
        for code, number in zip(worst.tolist(), numbers, strict=True)
    ]


def _worst_answers(
    metric: Metric, arms: Sequence[Sequence[RunRecord]], sides: Sequence[Samples], codes: npt.NDArray[np.int64]
) -> dict[int, tuple[int, int]]:
    """Row code -> place of the run and repeat on which it lost most: of several answers, most may be no worse."""
    scores: list[dict[tuple[int, int, int], float]] = []
    for arm, side in zip(arms, sides, strict=True):
        places = {run.number - 1: place for place, run in enumerate(arm)}
        some = side.select(np.isin(side.rows, codes) & np.isfinite(side.scores))
        repeats = np.zeros(len(some.rows), dtype=np.int64) if some.repeats is None else some.repeats
        runs_of = [places[number] for number in some.run_numbers.tolist()]
        cells = zip(some.rows.tolist(), runs_of, repeats.tolist(), strict=True)
        scores.append(dict(zip(cells, (metric.spec.sign * some.scores).tolist(), strict=True)))
    found: dict[int, tuple[int, int]] = dict.fromkeys(codes.tolist(), (0, 0))
    least: dict[int, float] = {}
    for (code, run, repeat), score in scores[1].items():
        change = score - scores[0].get((code, run, repeat), 0.0 if metric.against_baseline else score)
        if change < least.get(code, 0.0):
            least[code], found[code] = change, (run, repeat)
    return found


def _means(
    session: Session, rows: Frame, baseline: Sequence[RunRecord], candidate: Sequence[RunRecord], metric: Metric
) -> tuple[list[FloatArray], list[Samples]]:
    """Each side's mean score of every row, and its samples."""
    sides = [metric_samples(session, rows, arm, metric, baseline) for arm in (baseline, candidate)]
    means = [row_means(samples, rows.size) for samples in sides]
    if metric.against_baseline:  # the baseline itself has no preference: it is what a tie would be
        means[0] = np.where(np.isnan(means[1]), np.nan, 0.0)
    return means, sides


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def excerpt(values: Mapping[str, Any], expected: str, id_column: str | None) -> str:
    """What a person would call the input of a row: its longest text besides the id and the expected answer."""
    texts = [str(v) for k, v in values.items() if k not in (expected, id_column) and isinstance(v, str)]
    return max(texts, key=len, default="")[:EXCERPT]

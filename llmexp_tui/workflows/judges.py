"""What a report says of an experiment's judges: pinned or not, drift, mixed scorers, position bias, their own noise.

Reads what is stored, asks nobody. Sentences only; the numbers of the metrics are made elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from llmexp_tui.domain.run import RunRecord
from llmexp_tui.domain.score import again, against
from llmexp_tui.domain.text import one_line
from llmexp_tui.errors import UnknownNameError
from llmexp_tui.reports.record import JudgeNoise
from llmexp_tui.scoring.base import Scorer
from llmexp_tui.scoring.discipline import drift_between, drift_within, judge_warnings, mixed_scorers
from llmexp_tui.scoring.pairwise import orders_of
from llmexp_tui.stats.agreement import PositionBias, position_bias
from llmexp_tui.stats.floor import FloorRecord, NoiseShares, change_shares, judge_share
from llmexp_tui.stats.pairs import Samples, pair
from llmexp_tui.store import experiments, runs, scores
from llmexp_tui.workflows.columns import Frame, metric_samples
from llmexp_tui.workflows.metrics import Metric
from llmexp_tui.workflows.prepare import Prepared
from llmexp_tui.workflows.session import Session

Arm = Sequence[RunRecord]
BIAS_ALPHA = 0.05


def warnings_of(session: Session, prepared: Prepared, baseline: Arm, candidates: Sequence[Arm]) -> tuple[str, ...]:
    """What makes the judges' numbers doubtful: not pinned, under test, changed, partial to a place, mixed."""
    found = list(doubtful_judges(session, prepared))
    for name, scorer in prepared.scorers.items():
        if scorer.models:
            found += _drift(session, scorer, [*baseline, *(run for arm in candidates for run in arm)])
        if scorer.calls:
            found += _mixed(session, prepared, name, scorer, baseline, candidates)
        if not scorer.by_people:
            found += _unread(session, name, scorer, baseline, candidates)
        if is_preference(scorer):
            found += _bias(session, name, scorer, baseline, candidates)
    return tuple(dict.fromkeys(found))


def doubtful_judges(session: Session, prepared: Prepared) -> tuple[str, ...]:
    """What can be said of the judges before they are asked: not pinned, under test."""
    under_test = [variant.model.model for variant in prepared.variants.values()]
    return judge_warnings(prepared.scorers.values(), session.project.models, under_test)


def is_preference(scorer: Scorer) -> bool:
    """True where a judge was asked in both orders which of two answers is better."""
    return scorer.body().get("type") == "pairwise"


def _unread(
    session: Session, name: str, scorer: Scorer, baseline: Arm, candidates: Sequence[Arm]
) -> Iterator[str]:
    """Answers that the scorer failed on: how many of which arm, why most often, and how to have it asked again."""
    counts, why = [], None
    for arm in ((baseline,) if not scorer.needs_baseline else ()) + tuple(candidates):
        by = against(baseline[-1].id) if scorer.needs_baseline else ""
        error = scores.commonest_error(session.store, arm[-1].id, scorer.fingerprint, by=by)
        if error is not None:
            why = why or error
            left = runs.unscored(session.store, arm[-1].id, {"": scorer.fingerprint}, by=by)[""]
            counts.append(f"{left:,} of {arm[-1].variant}")
    if why is not None:
        said = f"{name} left answers without a score, {' and '.join(counts)}, most often as {one_line(why, 160)}"
        ids = " ".join(arm[-1].id for arm in (baseline, *candidates))
        yield f"{said}; `llmexp-tui judge {ids}` asks again" if scorer.calls else said


def _drift(session: Session, scorer: Scorer, records: Sequence[RunRecord]) -> Iterator[str]:
    used = [judges_of(session, scorer, record) for record in records]
    first = next((ids for ids in used if ids), ())
    several = len(scorer.models) if scorer.body().get("type") == "composite" else 1
    for ids in used:
        within = drift_within(scorer.meta.name, ids) if len(ids) > several else None
        for said in (within, drift_between(scorer.meta.name, first, ids)):
            if said is not None:
                yield said


def judges_of(session: Session, scorer: Scorer, record: RunRecord) -> tuple[str, ...]:
    """The model ids that judged a run, as their provider named them."""
    return scores.judges_of(session.store, record.id, scorer.fingerprint)


def _mixed(
    session: Session, prepared: Prepared, name: str, scorer: Scorer, baseline: Arm, candidates: Sequence[Arm]
) -> Iterator[str]:
    """Runs that this scorer was never asked about: by what they were judged instead, and how to mend it."""
    for arm in candidates:
        pairs = [(run, against(base.id)) for run, base in zip(arm, baseline, strict=False)]
        sides = pairs if scorer.needs_baseline else [(run, "") for run in (*baseline, *arm)]
        missing = [run for run, by in sides if _unjudged(session, scorer, run, by)]
        if not missing:
            continue
        changed = len(missing) == len(sides)
        told = (_differs(session, name, scorer, run, changed=changed) for run in missing)
        said = next((text for text in told if text is not None), None)
        if said is None:
            who = ", ".join(f"{run.variant} (run {run.id})" for run in missing)
            said = f"{name} has not scored {who}, so there is nothing to compare."
        names = " ".join(run.id for run in (baseline[-1], arm[-1]))
        yield f"{said} `llmexp-tui judge {names}` does so."


def _unjudged(session: Session, scorer: Scorer, run: RunRecord, by: str) -> bool:
    answered = runs.totals(session.store, run.id).completed
    left = runs.unscored(session.store, run.id, {"": scorer.fingerprint}, by=by)[""]
    tried = scores.commonest_error(session.store, run.id, scorer.fingerprint, by=by) is not None
    return answered > 0 and left == answered and not tried


def _differs(session: Session, name: str, scorer: Scorer, run: RunRecord, *, changed: bool) -> str | None:
    """The settings in which the run's own scorer of that name differs from the present one."""
    known = run.environment.get("scorers")
    old = known.get(name) if isinstance(known, dict) else None
    if not isinstance(old, str) or old == scorer.fingerprint:
        return None
    try:
        return mixed_scorers(name, experiments.scorer(session.store, old), scorer.body(), changed=changed)
    except UnknownNameError:
        return None


def _bias(session: Session, name: str, scorer: Scorer, baseline: Arm, candidates: Sequence[Arm]) -> Iterator[str]:
    """Whether the judge of a preference chose places instead of answers."""
    sides = candidates if scorer.needs_baseline else (baseline, *candidates)
    orders = [order for arm in sides for order in _orders(session, scorer, baseline, arm)]
    if not orders:
        return
    bias = position_bias([first for first, _ in orders], [second for _, second in orders])
    if bias.p_value < BIAS_ALPHA and bias.first_share is not None:
        place = "first" if bias.first_share > 0.5 else "second"
        share = max(bias.first_share, 1 - bias.first_share)
        yield (
            f"{name}: the judge prefers the answer shown {place}: the order changed its mind on {bias.flips} of "
            f"{bias.rows} answers, {share:.0%} of them towards that place; these count as ties"
        )


def _orders(session: Session, scorer: Scorer, baseline: Arm, arm: Arm) -> list[tuple[int, int]]:
    """What the judge preferred in either order, for every answer of an arm."""
    return [
        order
        for run, base in zip(arm, baseline, strict=False)
        for label in scores.labels_of(
            session.store, run.id, scorer.fingerprint, by=against(base.id) if scorer.needs_baseline else ""
        )
        if (order := orders_of(label)) is not None
    ]


def position_notes(
    session: Session, prepared: Prepared, baseline: Arm, candidates: Sequence[Arm]
) -> tuple[str, ...]:
    """For each preference and arm, how often the other order changed the judge's mind, and whether places decided."""
    found = []
    for name, scorer in prepared.scorers.items():
        if not is_preference(scorer):
            continue
        for arm in candidates if scorer.needs_baseline else (baseline, *candidates):
            orders = _orders(session, scorer, baseline, arm)
            if orders:
                said = _position(position_bias([first for first, _ in orders], [second for _, second in orders]))
                found.append(f"{name}, {arm[-1].variant}: {said}")
    return tuple(found)


def _position(bias: PositionBias) -> str:
    said = f"the other order changed the judge's mind on {bias.flips} of {bias.rows} answers (ties)"
    if bias.first_share is None or bias.first_low is None or bias.first_high is None:
        return said
    shares = f"{bias.first_share:.0%} ({bias.first_low:.0%} to {bias.first_high:.0%})"
    return f"{said}, {shares} of them for the one shown first, binomial p = {bias.p_value:.2g}"


def noise_of(
    session: Session, rows: Frame, metrics: Sequence[Metric], prepared: Prepared, baseline: Arm,
    candidates: Sequence[Arm], floors: dict[str, FloorRecord],
) -> tuple[JudgeNoise, ...]:
    """For each judge that judged the baseline's outputs again, its share of the noise of one call, and of a change's.

    `floors` are the A/A's by metric; without one the judge's own variance alone is known.
    """
    found = []
    by_name = {m.name: m for m in metrics if m.spec.slice is None and m.rule is None and m.spec.statistic == "mean"}
    for name, scorer in prepared.scorers.items():
        metric = by_name.get(name)
        if not scorer.rejudge or metric is None:
            continue
        first = metric_samples(session, rows, baseline[:1], metric)
        more = [
            metric_samples(session, rows, baseline[:1], metric, by=again(nth)) for nth in range(1, scorer.rejudge + 1)
        ]
        more = [one for one in more if bool(np.isfinite(one.scores).any())]
        if not more:
            continue
        floor = floors.get(name)
        total = None if floor is None else floor.variance
        shares = judge_share(total or 0.0, _repeated(first, len(more)), _end_to_end(more))
        share = shares.judge_share if total else None
        of_change = _of_change(session, rows, metric, baseline, candidates, shares) if total else None
        found.append(JudgeNoise(name, len(more) + 1, shares.judge, total, share, *(of_change or ())))
    return tuple(found)


def _of_change(
    session: Session, rows: Frame, metric: Metric, baseline: Arm, candidates: Sequence[Arm], shares: NoiseShares
) -> tuple[float, float, float] | None:
    """What judge, generation and rows contribute to the uncertainty of a change, over all candidates."""
    first = metric_samples(session, rows, tuple(baseline), metric)
    pairs = [
        pair(metric.spec, first, metric_samples(session, rows, tuple(arm), metric), rows.size) for arm in candidates
    ]
    usable = [one for one in pairs if one.problem is None and one.n > 1]
    if not usable:
        return None
    variance = float(np.mean([np.var(one.candidate - one.baseline, ddof=1) for one in usable]))
    return change_shares(shares, variance, float(np.mean([one.repeats for one in usable])))


def _repeated(samples: Samples, times: int) -> Samples:
    return _end_to_end([samples] * times)


def _end_to_end(parts: Sequence[Samples]) -> Samples:
    return Samples(np.concatenate([p.rows for p in parts]), np.concatenate([p.scores for p in parts]))

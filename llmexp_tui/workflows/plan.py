"""`plan`: before any money is spent, what a check would call, cost and take, and what it could show.

Reads stored A/As and comparisons where there are any, and says so; calls nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from llmexp_tui.domain.run import SLOT_MAIN, RunRecord, RunStatus
from llmexp_tui.domain.usage import Price, Request, usd
from llmexp_tui.engine.budget import ASSUMED_OUTPUT_TOKENS
from llmexp_tui.errors import UsageError
from llmexp_tui.providers.base import build_request
from llmexp_tui.providers.prices import price_of
from llmexp_tui.reports.figures import above
from llmexp_tui.scoring.base import check_programs
from llmexp_tui.stats.compare import compare_arms
from llmexp_tui.stats.engine import effective_clusters
from llmexp_tui.stats.floor import REACH
from llmexp_tui.stats.planner import (
    MetricForecast,
    Variance,
    forecast,
    variance_assumed,
    variance_from_aa,
    variance_from_pilot,
)
from llmexp_tui.stats.result import MetricResult
from llmexp_tui.stats.spec import tail_rows
from llmexp_tui.stats.verdict import MIN_CLUSTERS
from llmexp_tui.store import datasets, runs
from llmexp_tui.store.carry import import_cache
from llmexp_tui.store.spending import spent_usd
from llmexp_tui.workflows.arms import DONE, find_aa, stored_arms
from llmexp_tui.workflows.columns import Frame, frame
from llmexp_tui.workflows.floors import floor_from_runs, has_floors, stored_floor
from llmexp_tui.workflows.judge import JudgedArms, arm_data
from llmexp_tui.workflows.judges import doubtful_judges
from llmexp_tui.workflows.metrics import Metric, metrics_of
from llmexp_tui.workflows.plan_judges import JudgeEstimate, judge_estimates
from llmexp_tui.workflows.plan_stored import fresh_rows, is_complete, stored_answers
from llmexp_tui.workflows.prepare import Prepared, prepare
from llmexp_tui.workflows.session import Session

SAMPLE_ROWS = 50
ASSUMED_LATENCY_MS = 1000.0
DEFAULT_POWER = 0.8
ASSUMED_ICC = 0.3


@dataclass(frozen=True, slots=True)
class ArmEstimate:
    """What one arm would take. Tokens and USD as (low, high); USD None where the price is unknown.

    Of its calls, `stored` are answered from the store by a run that may, and `missing` are left for a check to make.
    """

    variant: str
    slot: str
    calls: int
    tokens: tuple[int, int]
    cost_usd: tuple[float, float] | None
    stored: int = 0
    missing: int = 0


@dataclass(frozen=True, slots=True)
class GateForecast:
    """One gate with what its metric can show. `type` is the metric's (stats.spec.MetricType), `slice` its rows.

    `must_improve`: not being worse is not enough for it to pass. `some_timed`: only some of its rows are called by
    both arms in this job. `limit`: what a share is counted above.
    """

    metric: str
    statistic: str
    margin: float | None
    forecast: MetricForecast
    type: str = ""
    slice: str | None = None
    must_improve: bool = False
    some_timed: bool = False
    limit: float | None = None

    @property
    def title(self) -> str:
        """What tells it from the other gates: `latency p95 channel=email`."""
        statistic = "" if self.statistic == "mean" else self.statistic
        if self.limit is not None:
            statistic = above(self.metric, self.limit)
        return " ".join(filter(None, (self.metric, statistic, self.slice)))


@dataclass(frozen=True, slots=True)
class PlanReport:
    """All of it. `seconds` is (low, high); `warnings` say what cannot work with this margin and these rows.

    `aa`: an A/A is among the arms; `measured`: the noise floor is known without one. Neither: the plan asks for none.
    """

    experiment: str
    dataset: str
    rows: int
    repeats: int
    registration: str
    aa: bool
    arms: tuple[ArmEstimate, ...]
    seconds: tuple[float, float]
    gates: tuple[GateForecast, ...]
    effect: float | None
    power: float
    warnings: tuple[str, ...]
    judging: tuple[JudgeEstimate, ...] = ()
    measured: bool = False

    @property
    def calls(self) -> int:
        """Calls of all arms, cached answers not deducted; those to judges are apart."""
        return sum(arm.calls for arm in self.arms)

    @property
    def missing(self) -> int:
        """Calls of all arms that a check would still make."""
        return sum(arm.missing for arm in self.arms)

    @property
    def judge_calls(self) -> int:
        """Calls to judges and embedding models, cached answers not deducted."""
        return sum(one.calls for one in self.judging)

    @property
    def cost_usd(self) -> tuple[float, float] | None:
        """(low, high) USD of all arms and their judges, None where a price is unknown."""
        costs = [arm.cost_usd for arm in self.arms] + [one.cost_usd for one in self.judging]
        known = [cost for cost in costs if cost is not None]
        if len(known) < len(costs):
            return None
        return sum(c[0] for c in known), sum(c[1] for c in known)

    def cost_of(self, *, rows: int | None = None, repeats: int | None = None) -> tuple[float, float] | None:
        """(low, high) USD of all arms with this many rows, or repeats, instead of the planned ones."""
        share = (self.rows if rows is None else rows) * (self.repeats if repeats is None else repeats)
        cost, planned = self.cost_usd, self.rows * self.repeats
        return None if cost is None or not planned else (cost[0] * share / planned, cost[1] * share / planned)


def plan_experiment(
    session: Session, name: str, effect: float | None = None, power: float = DEFAULT_POWER, *,
    seed: int | None = None, cache: Path | None = None,
) -> PlanReport:
    """The plan of a check of this experiment, with what a carried cache brings. Raises what `prepare` raises."""
    _require_sense(effect, power)
    if cache is not None and cache.exists():
        import_cache(session.store, cache)
    prepared = prepare(session, name, seed=seed)
    for scorer in prepared.scorers.values():
        check_programs(scorer, session.root)
    aa = find_aa(session, prepared)
    known = aa is not None or has_floors(session, prepared, session.now())
    needs_aa = not known and prepared.experiment.plan.aa == "required"
    complete = is_complete(session, prepared)
    arms = [_main_arm(session, prepared, variant, complete) for variant in prepared.variants]
    if needs_aa:
        copy = _arm(session, prepared, prepared.baseline, "aa")
        arms.append(replace(copy, missing=copy.calls))
    gates = _gates(session, prepared, effect, power)
    warnings = [f"{g.title}: {g.forecast.impossible}" for g in gates if g.forecast.impossible]
    warnings += [f"{g.title}: {g.forecast.warning}" for g in gates if g.forecast.warning]
    warnings += _of_the_plan(prepared)
    judging = judge_estimates(session, prepared, aa=needs_aa)
    warnings += doubtful_judges(session, prepared)
    warnings += _of_the_cap(session, [(a.cost_usd, a.missing / max(1, a.calls)) for a in arms]
                            + [(one.cost_usd, 1.0) for one in judging])
    return PlanReport(
        experiment=name,
        dataset=f"{prepared.dataset.name} {prepared.dataset.label}",
        rows=prepared.dataset.rows,
        repeats=prepared.experiment.repeats,
        registration=prepared.registration.hash,
        aa=needs_aa,
        arms=tuple(arms),
        seconds=_seconds(session, prepared, arms, judging),
        gates=gates,
        effect=effect,
        power=power,
        warnings=tuple(warnings) + prepared.warnings,
        judging=judging,
        measured=known,
    )


def _require_sense(effect: float | None, power: float) -> None:
    if effect is not None and not (-1.0 < effect != 0.0 and math.isfinite(effect)):
        raise UsageError(f"{effect:g} is no effect to be found", where="--effect", mend="give the gain wished for")
    if not 0.0 < power < 1.0:
        raise UsageError(f"a power of {power:g}", where="--power", mend="give a share between 0 and 1; 0.8 is usual")


def _of_the_plan(prepared: Prepared) -> list[str]:
    """What the plan itself makes impossible, or adds to the calls."""
    rows, experiment = prepared.dataset.rows, prepared.experiment
    found: list[str] = []
    if experiment.plan.runs == 3:
        more = 2 * rows * experiment.repeats * len(prepared.variants)
        found.append(f"where the first run leaves a gate undecided, two more follow: up to {more:,} calls more")
    if experiment.plan.early_stop:
        found.append("a run that may stop early passes a little less often at its full size than these figures say")
    return found


def _of_the_cap(session: Session, costs: Sequence[tuple[tuple[float, float] | None, float]]) -> list[str]:
    """Whether what is left of the project's cap is enough for these costs, of each the part that is not stored."""
    cap_usd = session.project.max_cost_usd
    wanted = [(cost, part) for cost, part in costs if part]
    if cap_usd is None or not wanted:
        return []
    known = [(cost[0] * part, cost[1] * part) for cost, part in wanted if cost is not None]
    if len(known) < len(wanted):
        return [f"a price is unknown: under the project's cost cap of {usd(cap_usd)} nothing is called"]
    with session.store.read() as connection:
        left_usd = max(0.0, cap_usd - spent_usd(connection))
    low, high = (sum(ends) for ends in zip(*known, strict=True))
    if high <= left_usd:
        return []
    stops = "stops" if low > left_usd else "may stop"
    return [f"{usd(left_usd)} are left of the project's cost cap of {usd(cap_usd)}: a check {stops} before its end"]


def _main_arm(session: Session, prepared: Prepared, variant: str, complete: bool) -> ArmEstimate:
    """An arm of the run itself. Rows that a check times are called though their answers are stored."""
    arm = _arm(session, prepared, variant, SLOT_MAIN)
    stored = stored_answers(session, prepared, variant)
    if complete:
        return replace(arm, stored=stored)
    timed = min(fresh_rows(prepared), prepared.dataset.rows) / max(1, prepared.dataset.rows)
    return replace(arm, stored=stored, missing=arm.calls - stored + round(timed * stored))


def _arm(session: Session, prepared: Prepared, variant: str, slot: str) -> ArmEstimate:
    """Prompt tokens from a sample of rendered rows, output between one token and the full allowance."""
    calls = prepared.dataset.rows * prepared.experiment.repeats
    requests = _sample(session, prepared, variant)
    size = sum(request.likely_tokens for request in requests) / max(1, len(requests))
    allowed = prepared.variants[variant].model.params.get("max_tokens")
    longest = allowed if isinstance(allowed, int) else ASSUMED_OUTPUT_TOKENS
    tokens = (int(calls * (size + 1)), int(calls * (size + longest)))
    price = price_of(prepared.variants[variant].model)
    return ArmEstimate(variant, slot, calls, tokens, _cost(price, calls, size, longest))


def _cost(price: Price | None, calls: int, prompt: float, longest: int) -> tuple[float, float] | None:
    if price is None:
        return None
    low, high = (
        calls * (prompt * price.input_per_mtok + output * price.output_per_mtok) / 1e6 for output in (1, longest)
    )
    return low, high


def _sample(session: Session, prepared: Prepared, variant: str) -> list[Request]:
    refs = datasets.row_refs(session.store, prepared.dataset.hash)
    step = max(1, len(refs) // SAMPLE_ROWS)
    rows = datasets.rows_by_no(session.store, [ref.no for ref in refs[::step][:SAMPLE_ROWS]])
    rendered = [prepared.prompts[variant].render(row.values) for row in rows.values()]
    model = prepared.variants[variant].model
    return [build_request(model, r.messages, seed=0, output_schema=r.output_schema, tools=r.tools) for r in rendered]


def _seconds(
    session: Session, prepared: Prepared, arms: Sequence[ArmEstimate], judging: Sequence[JudgeEstimate]
) -> tuple[float, float]:
    """Calls over concurrency, by the latency that the models showed before, or a second where they never ran."""
    low = high = 0.0
    for one in judging:
        waves = one.calls / session.project.models[one.model].max_concurrency
        low, high = low + waves * ASSUMED_LATENCY_MS / 4000, high + waves * ASSUMED_LATENCY_MS / 250
    for arm in arms:
        variant = prepared.variants[arm.variant]
        known = runs.find_runs(session.store, variant_hash=variant.hash, statuses=(RunStatus.COMPLETE,), limit=1)
        typical = runs.median_latency_ms(session.store, known[0].id) if known else None
        waves = arm.calls / variant.model.max_concurrency
        low += waves * (typical or ASSUMED_LATENCY_MS / 4) / 1000
        high += waves * (2 * typical if typical else 4 * ASSUMED_LATENCY_MS) / 1000
    return low, high


def _gates(session: Session, prepared: Prepared, effect: float | None, power: float) -> tuple[GateForecast, ...]:
    experiment = prepared.experiment
    slices = sorted({g.slice_parts[0] for g in experiment.gates if g.slice_parts})
    rows = frame(session, prepared.dataset.hash, prepared.source, slices)
    metrics = metrics_of(experiment, prepared.scorers, prepared.variants[prepared.baseline])
    registered = [m for m in metrics if m.spec.registered]
    chosen = registered or [m for m in metrics if m.fingerprint is not None and m.directed][:1]
    timed = _timed_share(session, prepared, rows.size)
    found = []
    for metric in chosen:
        spec = metric.spec
        chosen_rows = np.ones(rows.size, dtype=bool) if spec.slice is None else _mask(rows, metric)
        size, clusters = int(chosen_rows.sum()), _cluster_size(rows, chosen_rows)
        some = spec.same_job and timed < 1.0
        size = round(size * timed) if some else size
        variance = _variance(session, prepared, rows, metric)
        outlook = forecast(
            spec,
            size,
            experiment.repeats,
            variance,
            alpha=experiment.plan.alpha,
            power=power,
            effect=effect,
            cluster_size=clusters,
            # A pilot's variance holds what clusters add; without one, an intraclass correlation is assumed.
            icc=ASSUMED_ICC if clusters > 1 and variance.basis != "pilot" else 0.0,
            anytime=experiment.plan.anytime,
        )
        must = spec.role == "must_improve"
        found.append(
            GateForecast(
                spec.name, spec.statistic, spec.margin, outlook, spec.type, spec.slice, must, some, spec.threshold
            )
        )
    return tuple(found)


def _timed_share(session: Session, prepared: Prepared, rows: int) -> float:
    """Share of the rows that both arms call in this job: beside a baseline that is stored, `fresh_rows` of them."""
    if not rows or stored_arms(session, prepared, DONE) is not None:
        return 1.0
    baseline = prepared.variants[prepared.baseline].hash
    known = runs.find_runs(
        session.store, variant_hash=baseline, dataset_hash=prepared.dataset.hash, statuses=DONE, limit=1
    )
    carried = known or has_floors(session, prepared, session.now())
    return min(1.0, prepared.experiment.plan.fresh_rows / rows) if carried else 1.0


def _cluster_size(rows: Frame, chosen: np.ndarray) -> float:
    """Rows for each effective cluster: many clusters beside a huge one are worth little more than that one."""
    if rows.clusters is None or not chosen.any():
        return 1.0
    return float(chosen.sum()) / effective_clusters(np.bincount(rows.clusters[chosen]))


def _mask(rows: Frame, metric: Metric) -> np.ndarray:
    column, _, value = (metric.spec.slice or "").partition("=")
    return rows.mask(column.strip(), value.strip())


def _variance(session: Session, prepared: Prepared, rows: Frame, metric: Metric) -> Variance:
    """From a stored A/A (or a floor that a carried cache brought) and a stored pilot; assumed where there is none."""
    aa = find_aa(session, prepared)
    if aa is None:
        floor = stored_floor(session, prepared, rows, metric, session.now())
    else:
        floor = floor_from_runs(session, rows, metric, aa.main, aa.copy)
    call = None if floor is None else floor.variance
    pilot = _pilot(session, prepared, rows, metric)
    if pilot is not None and pilot.sd is not None and pilot.standard_error is not None:
        own = _call_variance(pilot) if call is None else call
        # Without bounds the pilot's own shift is no spread; with them the error holds the phantom pair.
        spread = pilot.standard_error**2 * pilot.n_pairs if metric.spec.width is None else pilot.sd**2
        return variance_from_pilot(metric.spec, spread, pilot.n_pairs, pilot.repeats, own)
    return variance_assumed(metric.spec) if call is None else variance_from_aa(metric.spec, call)


def _pilot(session: Session, prepared: Prepared, rows: Frame, metric: Metric) -> MetricResult | None:
    """The newest finished runs of the baseline and a candidate that were made together, on however few rows."""
    names = {variant.hash: name for name, variant in prepared.variants.items()}
    groups: dict[str, dict[str, RunRecord]] = {}
    for run in runs.find_runs(session.store, dataset_hash=prepared.dataset.hash, statuses=DONE):
        if run.slot == SLOT_MAIN and run.number == 1 and names.get(run.variant_hash) == run.variant:
            groups.setdefault(run.group, {})[run.variant] = run
    for arms in groups.values():
        candidate = next((arms[name] for name in prepared.candidates if name in arms), None)
        if prepared.baseline not in arms or candidate is None:
            continue
        baseline = arms[prepared.baseline]
        data = arm_data(session, prepared, rows, JudgedArms((baseline,), ((candidate,),)), metric)
        if data is not None:
            judged = compare_arms([data], baseline=baseline.variant, candidates=[candidate.variant], details=False)
            found = judged.metrics[0]
            least = MIN_CLUSTERS if metric.spec.quantile is None else tail_rows(metric.spec.quantile)
            if not found.invalid and found.n_pairs >= least:
                return found
    return None


def _call_variance(pilot: MetricResult) -> float | None:
    """Sampling variance of a call on the working scale, where the pilot's own repeats show it."""
    if pilot.floor_source != "repeats" or pilot.noise_floor is None:
        return None
    floor = math.log1p(pilot.noise_floor) if pilot.is_ratio else pilot.noise_floor
    return (floor / REACH) ** 2 * pilot.repeats * pilot.n_pairs / 2.0

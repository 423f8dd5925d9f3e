"""Which metrics an experiment has: its registered gates first, then everything else, as exploratory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import cast

from llmexp_tui.domain.experiment import Experiment
from llmexp_tui.domain.gate import BUILT_IN_METRICS, Gate
from llmexp_tui.domain.hashing import content_hash
from llmexp_tui.domain.score import MetricMeta
from llmexp_tui.domain.variant import Variant
from llmexp_tui.errors import ConfigError, UnknownNameError
from llmexp_tui.scoring.base import RepeatRule, Scorer
from llmexp_tui.scoring.human import GRADES, human_body
from llmexp_tui.stats.spec import Direction, MetricSpec, MetricType, OnInconclusive, Role, Statistic

_BUILT_IN_TYPES: Mapping[str, MetricType] = {
    "latency": "latency", "ttft": "latency", "cost": "ratio", "tokens": "ratio", "errors": "errors",
}  # fmt: skip
EXPLORATORY_BUILT_IN: tuple[tuple[str, Statistic], ...] = (
    ("latency", "mean"), ("latency", "p50"), ("latency", "p95"),
    ("cost", "mean"), ("tokens", "mean"), ("errors", "mean"), ("ttft", "mean"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric to be judged: its spec for statistics, and where its values are stored.

    `fingerprint` None: a figure of the calls. `rule` makes one value of a row's repeats. `by_people`: the values are
    what people gave. `against_baseline`: they are preferences over the baseline's output, so the baseline has none.
    """

    spec: MetricSpec
    fingerprint: str | None
    directed: bool = True
    rule: RepeatRule | None = None
    by_people: bool = False
    against_baseline: bool = False
    rejudged: bool = False

    @property
    def name(self) -> str:
        """The metric's name."""
        return self.spec.name


def metrics_of(experiment: Experiment, scorers: Mapping[str, Scorer], baseline: Variant | None) -> tuple[Metric, ...]:
    """Registered metrics in the order of the gates, then every other one. Raises ConfigError for a bad gate."""
    timeout_ms = None if baseline is None else baseline.model.timeout_s * 1000
    registered = [_gate_metric(experiment, gate, scorers, timeout_ms) for gate in experiment.gates]
    named = {(m.spec.name, m.spec.statistic) for m in registered if m.spec.slice is None}
    rest = [
        _scorer_metric(scorer, name) for name, scorer in scorers.items() if (name, "mean") not in named
    ] + [
        _built_in(name, statistic, timeout_ms)
        for name, statistic in EXPLORATORY_BUILT_IN
        if (name, statistic) not in named
    ]
    return (*registered, *rest)


def _gate_metric(
    experiment: Experiment, gate: Gate, scorers: Mapping[str, Scorer], timeout_ms: float | None
) -> Metric:
    where = f"experiments.{experiment.name}.gates, metric {gate.metric}"
    if gate.metric in BUILT_IN_METRICS:
        metric = _built_in(gate.metric, cast(Statistic, gate.statistic), timeout_ms, gate.limit)
    elif gate.metric in scorers:
        metric = _scorer_metric(scorers[gate.metric], gate.metric)
    else:
        raise UnknownNameError("metric", gate.metric, [*scorers, *BUILT_IN_METRICS], where=where)
    if not metric.directed:
        raise ConfigError(
            f'metric "{gate.metric}" has no better or worse side, a gate cannot judge it',
            where=where,
            mend='set direction = "higher" or "lower" on the scorer',
        )
    if not gate.interval_scale and (metric.spec.type != "bounded" or gate.statistic != "mean"):
        raise ConfigError(
            "interval_scale = false is for the mean of graded scores", where=where, mend="leave it out"
        )
    spec = replace(
        metric.spec,
        margin=gate.margin,
        statistic=cast(Statistic, gate.statistic),
        role=cast(Role, gate.role),
        on_inconclusive=cast(OnInconclusive, gate.on_inconclusive),
        slice=gate.slice,
        min_effect=gate.min_effect,
        max_change=gate.max_change,
        strict=gate.strict,
        type=metric.spec.type if gate.interval_scale else "ordinal",
    )
    return replace(metric, spec=spec)


def _scorer_metric(scorer: Scorer, name: str) -> Metric:
    meta: MetricMeta = scorer.meta
    directed = meta.direction != "none"
    spec = MetricSpec(
        name,
        "bounded" if scorer.repeat_rule else cast(MetricType, meta.type),
        direction=cast(Direction, meta.direction) if directed else "higher",
        range=meta.range,
        role="exploratory",
    )
    fingerprint = content_hash(human_body(GRADES)) if scorer.by_people else scorer.fingerprint
    return Metric(spec, fingerprint, directed, scorer.repeat_rule, scorer.by_people, scorer.needs_baseline,
                  scorer.rejudge > 0)  # fmt: skip


def _built_in(name: str, statistic: Statistic, timeout_ms: float | None, limit: float | None = None) -> Metric:
    if limit is not None:
        return Metric(MetricSpec(name, "share", statistic=statistic, role="exploratory", threshold=limit), None)
    failure = timeout_ms if statistic != "mean" and name in ("latency", "ttft") else None
    spec = MetricSpec(name, _BUILT_IN_TYPES[name], statistic=statistic, role="exploratory", failure_value=failure)
    return Metric(spec, None)

"""Gates, plans and scorers of an experiment as the project file writes them: everything that gets registered."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from llmexp_tui.domain.dataset import DatasetSource
from llmexp_tui.domain.gate import BUILT_IN_METRICS, RATIO_METRICS, SHARE, TIME_METRICS, Gate, Plan
from llmexp_tui.domain.score import ScorerSpec
from llmexp_tui.domain.text import one_line
from llmexp_tui.errors import ConfigError, UnknownNameError
from llmexp_tui.project.sections import Section, kind_of
from llmexp_tui.stats.spec import QUANTILES, tail_rows

GATE_KEYS = (
    "metric", "statistic", "margin", "role", "on_inconclusive", "slice", "min_effect", "max_change", "strict",
    "interval_scale", "limit",
)  # fmt: skip
PLAN_KEYS = ("alpha", "aa", "runs", "worst_run", "early_stop", "anytime", "max_error_rate", "seed", "fresh_rows")
STATISTICS = ("mean", *QUANTILES, SHARE)
ROLES = ("gate", "must_improve", "exploratory")
_TIME = re.compile(r"\s*(\d{1,9}(?:\.\d{1,6})?)\s*(ms|s)\s*")
_PERCENT = re.compile(r"\s*(\d{1,6}(?:\.\d{1,6})?)\s*%\s*")
_DEFAULT_MARGINS = {"latency": 0.10, "ttft": 0.10, "cost": 0.10, "tokens": 0.10, "errors": 0.02}
_SHARE_MARGIN = 0.05
_TAIL_MARGIN = 0.25
"""A tail quantile is noisy: with less than a quarter, equal variants rarely pass at a few hundred rows."""
_POWER_KEYS = ("python", "command")
_REPEAT_RULES = ("pass_at", "pass_hat")


def read_scorers(section: Section) -> tuple[ScorerSpec, ...]:
    """The scorers, each with its own name. Raises ConfigError."""
    specs: list[ScorerSpec] = []
    for index, item in enumerate(section.items("scorers")):
        spec = _bare(section, index, item) if isinstance(item, str) else _scorer(section, index, item)
        if any(spec.name == other.name for other in specs):
            raise ConfigError(
                f'two scorers are called "{one_line(spec.name, 60)}"', where=section.place("scorers", index),
                mend='give each one a name = "…" of its own',
            )  # fmt: skip
        if spec.name in BUILT_IN_METRICS:
            raise ConfigError(
                f'"{spec.name}" is always measured', where=section.place("scorers", index),
                mend='remove it, or give the scorer another name = "…"',
            )  # fmt: skip
        specs.append(spec)
    return tuple(specs)


def _bare(section: Section, index: int, name: str) -> ScorerSpec:
    if not name.strip():
        raise ConfigError("is empty", where=section.place("scorers", index), mend="name a scorer")
    section.check_name(name)
    return ScorerSpec(name, name)


def _scorer(section: Section, index: int, item: Any) -> ScorerSpec:
    if not isinstance(item, dict):
        where = section.place("scorers", index)
        raise ConfigError(f"is {kind_of(item)}, but a text or a table is needed", where=where)
    table = section.item("scorers", index, item, None)
    power = next((key for key in _POWER_KEYS if table.has(key)), None)
    if power is None:
        table.require("type", '"contains"')
    kind = table.text("type") if table.has("type") else str(power)
    if power is not None and kind != power:
        table.refuse("type", f'is "{one_line(kind, 40)}", but {power} = … makes it one of type {power}', "remove it")
    name = table.text_or_none("name") or _own_name(kind, power, item)
    section.check_name(name)
    settings = {key: table.plain(key, value) for key, value in item.items() if key not in ("type", "name")}
    return ScorerSpec(kind, name, settings)


def _own_name(kind: str, power: str | None, item: dict[str, Any]) -> str:
    """What a scorer without a name goes by: its type or function, and how its repeats are counted."""
    name = _function(item["python"]) if kind == "python" and power else kind
    return next((f"{name}_{rule}_{item[f'{rule}_k']}" for rule in _REPEAT_RULES if f"{rule}_k" in item), name)


def _function(reference: Any) -> str:
    """`scorers.py:my_score` goes by `my_score`."""
    return reference.rpartition(":")[2].strip() or "python" if isinstance(reference, str) else "python"


def read_gates(section: Section, scorers: Iterable[ScorerSpec], dataset: DatasetSource) -> tuple[Gate, ...]:
    """The gates in their order; the list is the whole family. Raises ConfigError."""
    metrics = [*(spec.name for spec in scorers), *BUILT_IN_METRICS]
    gates: list[Gate] = []
    for index, item in enumerate(section.items("gates")):
        table = section.item("gates", index, item, GATE_KEYS)
        gate = _gate(table, metrics, dataset)
        if any((g.metric, g.statistic, g.slice) == (gate.metric, gate.statistic, gate.slice) for g in gates):
            table.refuse(None, f"a second gate on the {gate.statistic} of {gate.metric}", "keep one of them")
        gates.append(gate)
    return tuple(gates)


def _gate(table: Section, metrics: list[str], dataset: DatasetSource) -> Gate:
    table.require("metric", '"exact_match"')
    metric = table.text("metric")
    if metric not in metrics:
        raise UnknownNameError("metric", one_line(metric, 60), metrics, where=table.place("metric"))
    statistic = table.choice("statistic", "mean", STATISTICS)
    limit = _limit(table, metric, statistic)
    if metric == "errors" and statistic != "mean":
        table.refuse("statistic", f"errors have no {statistic}", 'the share of failed calls is statistic = "mean"')
    return Gate(
        metric=metric,
        margin=_margin(table, metric, statistic),
        statistic=statistic,
        role=table.choice("role", "gate", ROLES),
        on_inconclusive=table.choice("on_inconclusive", "fail", ("fail", "pass")),
        slice=_slice(table, dataset),
        min_effect=_size(table, "min_effect", metric, statistic) if table.has("min_effect") else 0.0,
        max_change=_size(table, "max_change", metric, statistic) if table.has("max_change") else None,
        strict=table.truth("strict", False),
        interval_scale=table.truth("interval_scale", True),
        limit=limit,
    )


def _limit(table: Section, metric: str, statistic: str) -> float | None:
    """The time above which a call counts, in milliseconds; None for every statistic but the share."""
    if statistic != SHARE:
        if table.has("limit"):
            table.refuse("limit", f"does not go with the {statistic}", f'add statistic = "{SHARE}", or leave it out')
        return None
    if metric not in TIME_METRICS:
        mend = "give a scorer threshold = … and gate its mean"
        table.refuse("statistic", f"a share above a limit is for {' and '.join(TIME_METRICS)} only", mend)
    table.require("limit", '"2 s"')
    text = table.text("limit")
    time = _TIME.fullmatch(text)
    milliseconds = float(time[1]) * (1000 if time[2] == "s" else 1) if time else 0.0
    if milliseconds <= 0:
        table.refuse("limit", f'"{one_line(text, 30)}" is no time above zero', 'write "2 s" or "800 ms"')
    return milliseconds


def _margin(table: Section, metric: str, statistic: str) -> float:
    if table.has("margin"):
        return _size(table, "margin", metric, statistic)
    if metric not in _DEFAULT_MARGINS:
        table.refuse(None, 'no "margin"', "add how much worse is still acceptable, such as margin = 0.02")
    if statistic == SHARE:
        return _SHARE_MARGIN
    return _DEFAULT_MARGINS[metric] if statistic in ("mean", "p50") else _TAIL_MARGIN


def _size(table: Section, key: str, metric: str, statistic: str) -> float:
    """A positive size in the metric's own unit, or a percentage of a ratio."""
    value = table.values[key]
    if isinstance(value, str):
        percent = _PERCENT.fullmatch(value)
        if percent is None:
            table.refuse(key, f'"{one_line(value, 30)}" is no {key}', 'write 0.02, or "10%" for a ratio')
        if metric not in RATIO_METRICS or statistic == SHARE:
            only = f"a percentage is for {', '.join(RATIO_METRICS)} only"
            what = "a share of the calls is no ratio" if statistic == SHARE else only
            table.refuse(key, what, f"write {key} = {float(percent[1]) / 100:g} in the metric's own unit")
        size = round(float(percent[1]) / 100, 12)
    else:
        size = table.number(key, 0.0, 0.0)
    if size <= 0:
        why = "is zero, and nothing can be shown to be exactly equal" if key == "margin" else "is zero"
        table.refuse(key, why, f"give a positive {key}" + ("" if key == "margin" else ", or leave it out"))
    return size


def _slice(table: Section, dataset: DatasetSource) -> str | None:
    value = table.text_or_none("slice")
    if value is None:
        return None
    column, equals, wanted = (part.strip() for part in value.partition("="))
    if not equals or not wanted:
        table.refuse("slice", f'"{one_line(value, 60)}" is no slice', 'write it as "column=value"')
    if column not in dataset.slices:
        raise UnknownNameError("slice", one_line(column, 60), dataset.slices, where=table.place("slice"))
    return f"{column}={wanted}"


def read_plan(section: Section, gates: Iterable[Gate]) -> Plan:
    """The plan, defaults filled in: as many fresh rows as the gates' quantiles of times need. Raises ConfigError."""
    table, plan = section.section("plan", PLAN_KEYS), Plan()
    runs = table.whole("runs", plan.runs, 1, 3)
    if runs == 2:
        table.refuse("runs", "is 2, which has no majority", "write 1 or 3")
    chosen = [key for key in ("early_stop", "anytime") if table.truth(key, False)] + (["runs"] if runs == 3 else [])
    if len(chosen) > 1:
        table.refuse(chosen[-1], f"does not go with {chosen[0]}: each spends alpha in its own way", "choose one")
    tails = [tail_rows(QUANTILES[gate.statistic]) for gate in gates if gate.is_ratio and gate.statistic in QUANTILES]
    return Plan(
        alpha=table.number("alpha", plan.alpha, 0.0001, 0.5),
        aa=table.choice("aa", plan.aa, ("required", "optional")),
        runs=runs,
        worst_run=table.choice("worst_run", plan.worst_run, ("guard", "strict", "off")),
        early_stop=table.truth("early_stop", plan.early_stop),
        anytime=table.truth("anytime", plan.anytime),
        max_error_rate=table.number("max_error_rate", plan.max_error_rate, 0, 1),
        seed=table.whole("seed", plan.seed, 0, 2**63 - 1),
        fresh_rows=table.whole("fresh_rows", max(plan.fresh_rows, *tails, 0), 0),
    )

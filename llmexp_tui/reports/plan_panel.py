"""A plan as text: what it would cost and what it could show, before any money is spent."""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING

from llmexp_tui.domain.text import one_line
from llmexp_tui.reports import figures
from llmexp_tui.stats.spec import RATIO_TYPES

if TYPE_CHECKING:
    from llmexp_tui.stats.planner import MetricForecast
    from llmexp_tui.workflows.plan import ArmEstimate, GateForecast, PlanReport
    from llmexp_tui.workflows.plan_judges import JudgeEstimate

WIDTH = 80
_POINTS = figures.SHARE_TYPES | {"ordinal", "pairwise"}
NOISE_BASIS = {"aa": "from a stored A/A", "pilot": "from stored runs", "assumed": "assumed: nothing is measured yet"}


def plan_panel(plan: PlanReport) -> str:
    """The whole plan at 80 columns, without a line end."""
    name, dataset = one_line(plan.experiment, 40), one_line(plan.dataset, 40)
    lines = [
        *_wrapped(f"{name} · {dataset} · {plan.rows:,} rows × {plan.repeats}", 1),
        *_wrapped(f"{plan.calls:,} calls{_to_judges(plan)} · {_range(plan.cost_usd)} · {_time(plan.seconds)}", 1),
        f" registered {plan.registration.removeprefix('sha256:')[:12]}",
        "",
        " Arms",
        *(line for arm in plan.arms for line in _arm(arm)),
    ]
    if plan.missing < plan.calls:
        lines.append(f" Much of it is stored: a check now calls {plan.missing:,} of {plan.calls:,}.")
    if plan.judging:
        lines += [" Judges", *(line for one in plan.judging for line in _judge(one))]
    if plan.measured:
        lines.append(" The noise floor is measured already: no A/A is needed.")
    elif not plan.aa:
        lines.append(" The plan asks for no A/A: the noise floor stays unmeasured.")
    if plan.gates:
        lines += ["", f" What these rows can show, {plan.power:.0%} of the time"]
        lines += [line for gate in plan.gates for line in _gate(gate, plan)]
    for warning in plan.warnings:
        lines += _wrapped(f"- warning: {one_line(warning, 600)}", 1)
    return "\n".join(lines)


def _wrapped(text: str, indent: int) -> list[str]:
    """The text within the panel's width, what follows the first line two cells further in."""
    first, later = " " * indent, " " * (indent + 2)
    return textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=later, break_on_hyphens=False)


def _arm(arm: ArmEstimate) -> list[str]:
    slot = " (A/A)" if arm.slot == "aa" else ""
    low, high = arm.tokens
    name = one_line(arm.variant, 24) + slot
    return _wrapped(f"{name:<16} {arm.calls:>8,} calls  {low:,}–{high:,} tokens  {_range(arm.cost_usd)}", 2)


def _to_judges(plan: PlanReport) -> str:
    return f" and {plan.judge_calls:,} to judges" if plan.judging else ""


def _judge(one: JudgeEstimate) -> list[str]:
    low, high = one.tokens
    name = f"{one_line(one.metric, 24)} ({one_line(one.model, 16)})"
    return _wrapped(f"{name:<16} {one.calls:>8,} calls  {low:,}–{high:,} tokens  {_range(one.cost_usd)}", 2)


def _gate(gate: GateForecast, plan: PlanReport) -> list[str]:
    found = gate.forecast
    lines = _wrapped(
        f"{one_line(gate.title, 40):<16} smallest effect {gate_size(gate, found.mde)}, "
        f"noise floor {gate_size(gate, found.noise_floor)}, margin {gate_size(gate, gate.margin)}", 2
    )  # fmt: skip
    if gate.must_improve:
        lines.append("    it must improve: an equal candidate does not pass")
    elif found.power is not None:
        passes = f"an equal candidate passes {found.power:.0%} of the time{_remedy(found, plan.power)}"
        lines += _wrapped(passes, 4)
    if gate.some_timed:
        lines += _wrapped(f"on {found.rows:,} rows: what is stored of the baseline is not timed again", 4)
    if plan.effect is not None:
        lines += _wrapped(f"an effect of {gate_size(gate, plan.effect)} needs {_needs(found, plan)}", 4)
    lines.append(f"    noise {_basis(str(found.basis))}")
    return lines


def _needs(found: MetricForecast, plan: PlanReport) -> str:
    """Rows that would show the wished effect, or repeats on the rows there are, each with what it would cost."""
    rows, repeats = found.rows_for_effect, found.repeats_for_effect
    if rows is None:
        return "more rows than can be"
    text = f"{rows:,} rows ({_range(plan.cost_of(rows=rows))})"
    if rows <= found.rows or (repeats is not None and repeats <= found.repeats):
        return f"{text}; there are {found.rows:,}"
    if repeats is None:
        return f"{text}; repeats of these {found.rows:,} would not do"
    return f"{text}, or {repeats} repeats on these {found.rows:,} ({_range(plan.cost_of(repeats=repeats))})"


def _remedy(found: MetricForecast, wanted: float) -> str:
    """What would make a pass likely, where it is not."""
    if (found.power or 0.0) >= wanted or found.rows_needed is None:
        return ""
    more = found.repeats_needed is not None and found.repeats_needed > found.repeats
    repeats = f", or {found.repeats_needed} repeats," if more else ""
    return f"; {found.rows_needed:,} rows{repeats} would make it {wanted:.0%}"


def _basis(basis: str) -> str:
    return NOISE_BASIS.get(basis, basis)


def gate_size(gate: GateForecast, value: float | None) -> str:
    """An effect, floor or margin of a gate's metric with its unit: points of a share, percent of a ratio."""
    if value is None:
        return figures.UNKNOWN
    if gate.type in RATIO_TYPES:
        return f"{figures.percent(value)} %"
    return f"{figures.percent(value)} pts" if gate.type in _POINTS else figures.number(value)


def _range(cost: tuple[float, float] | None) -> str:
    return "cost unknown" if cost is None else f"{figures.money(cost[0])}–{figures.money(cost[1])}"


def _time(seconds: tuple[float, float]) -> str:
    low, high = int(seconds[0]), max(math.ceil(seconds[1]), 1)
    return f"{low}–{high} s" if high < 120 else f"{low // 60}–{-(-high // 60)} min"

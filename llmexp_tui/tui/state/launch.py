"""Before a run: what it takes, what it could show, what differs. From a plan report; computes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from llmexp_tui.domain.gate import RATIO_METRICS
from llmexp_tui.domain.variant import FieldDiff
from llmexp_tui.reports import figures
from llmexp_tui.tui.state.cells import Line, line
from llmexp_tui.tui.state.format import count, duration, plural
from llmexp_tui.workflows.plan import GateForecast, PlanReport

_LIKELY = 0.8


@dataclass(frozen=True, slots=True)
class Preflight:
    """A plan with the fields in which each candidate differs from the baseline."""

    plan: PlanReport
    differences: tuple[tuple[str, tuple[FieldDiff, ...]], ...] = ()
    axis: str = ""


@dataclass(frozen=True, slots=True)
class LaunchChoice:
    """How it shall run. `rows` and `repeats` None mean as the experiment says."""

    kind: str = "run"
    rows: int | None = None
    repeats: int | None = None
    fresh: bool = False
    max_cost: float | None = None


def size_lines(plan: PlanReport, choice: LaunchChoice) -> list[Line]:
    """Calls, cost, time for the choice; the plan's figures scaled to the rows and repeats chosen."""
    share = _share(plan, choice)
    arms = [arm for arm in plan.arms if arm.slot == "main"]
    calls = round(share * sum(arm.calls for arm in arms))
    if choice.kind == "aa":
        calls = round(2 * share * (arms[0].calls if arms else 0))
    scale = calls / plan.calls if plan.calls else 0.0
    cost = plan.cost_usd
    money = (
        "unknown price" if cost is None else f"{figures.money(scale * cost[0])} to {figures.money(scale * cost[1])}"
    )
    low, high = (scale * seconds for seconds in plan.seconds)
    rows = choice.rows or plan.rows
    repeats = choice.repeats or plan.repeats
    what = (
        "both sides fresh"
        if choice.kind == "aa"
        else ("every call fresh" if choice.fresh else "stored answers are used again")
    )
    return [
        line(
            (f"{count(calls)} calls", "strong"),
            (f" and {count(round(scale * plan.judge_calls))} to judges" if plan.judge_calls else "", "strong"),
            (f"  {plural(rows, 'row')} × {plural(repeats, 'repeat')}, {what}", "muted"),
        ),
        line((money, "strong"), ("  if nothing is cached", "muted")),
        line((f"{duration(low)} to {duration(high)}", "strong")),
    ]


def _share(plan: PlanReport, choice: LaunchChoice) -> float:
    rows = min(choice.rows or plan.rows, plan.rows)
    return (rows / plan.rows if plan.rows else 0.0) * ((choice.repeats or plan.repeats) / max(1, plan.repeats))


def gate_lines(plan: PlanReport) -> list[Line]:
    """Each registered gate with the smallest change it could find."""
    lines = [_gate(gate) for gate in plan.gates]
    return lines or [line(("No gate is registered: the figures will be for looking around.", "muted"))]


def _gate(gate: GateForecast) -> Line:
    found = gate.forecast
    name = gate.metric if gate.statistic == "mean" else f"{gate.metric} {gate.statistic}"
    spans: list[str | tuple[str, str]] = [(f"{name:<14}", "strong"), f" finds {_size(gate, found.mde)} or more"]
    spans.append((f" · floor {_size(gate, found.noise_floor)} · margin {_size(gate, gate.margin)}", "muted"))
    if found.power is not None:
        tone = "muted" if found.power >= _LIKELY else "warn"
        spans.append((f" · an equal one passes {found.power:.0%}", tone))
    return line(*spans)


def _size(gate: GateForecast, value: float | None) -> str:
    if value is None:
        return figures.UNKNOWN
    return f"{figures.percent(value)} %" if gate.metric in RATIO_METRICS else figures.number(value)


def difference_lines(differences: Sequence[tuple[str, tuple[FieldDiff, ...]]], axis: str) -> list[Line]:
    """In what each candidate differs from the baseline, field by field."""
    lines: list[Line] = []
    for name, fields in differences:
        lines.append(line((name, "strong"), ("  differs from the baseline in", "muted")))
        for field in fields:
            off = axis not in ("any", field.axis)
            lines.append(
                line((f"  {field.path}  ", "warn" if off else ""), f"{_value(field.left)} → {_value(field.right)}")
            )
        if not fields:
            lines.append(line(("  nothing", "warn")))
    return lines


def _value(value: object) -> str:
    if value is None:
        return "absent"
    text = str(value)
    return text[:10] if len(text) == 64 else text


def warning_lines(plan: PlanReport) -> list[Line]:
    """What cannot work."""
    return [line(("! ", "warn"), (text, "warn")) for text in plan.warnings]

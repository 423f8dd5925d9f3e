"""Before a run: what it takes, what it could show, what differs. From a plan report; computes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from llmexp_tui.domain.variant import FieldDiff
from llmexp_tui.reports import figures
from llmexp_tui.reports.plan_panel import NOISE_BASIS, gate_size
from llmexp_tui.tui.state.cells import Line, fit, line
from llmexp_tui.tui.state.format import count, duration, plural, short_hash
from llmexp_tui.workflows.plan import ArmEstimate, GateForecast, PlanReport

KINDS = {
    "check": "check: what is missing, the A/A, the verdict",
    "run": "run: the variants alone",
    "aa": "A/A: the baseline against itself",
}
_GATE_CELLS, _NARROW_CELLS = (20, 12, 12, 12, 19), (16, 11, 12, 8, 10)
_GATE_TITLES = ("gate", "finds from", "noise floor", "margin", "an equal one passes")


@dataclass(frozen=True, slots=True)
class Preflight:
    """A plan with the fields in which each candidate differs from the baseline."""

    plan: PlanReport
    differences: tuple[tuple[str, tuple[FieldDiff, ...]], ...] = ()
    axis: str = ""
    gated: bool = True

    @property
    def kinds(self) -> tuple[str, ...]:
        """What can be started, the most useful first: only what has gates can be checked."""
        return tuple(KINDS) if self.gated else tuple(kind for kind in KINDS if kind != "check")


@dataclass(frozen=True, slots=True)
class LaunchChoice:
    """How it shall run; a `kind` of nothing is not decided yet. `rows` and `repeats` None: as the experiment says."""

    kind: str = ""
    rows: int | None = None
    repeats: int | None = None
    fresh: bool = False

    @property
    def sized(self) -> bool:
        """Whether rows and repeats can be chosen: a check does what was registered, all of it."""
        return self.kind != "check"


def size_lines(plan: PlanReport, choice: LaunchChoice) -> list[Line]:
    """Calls, cost, time for the choice: the plan's figures, for the rows and repeats chosen, less what is stored."""
    share = _rows(plan, choice) / max(1, plan.rows) * _repeats(plan, choice) / plan.repeats
    made = [(arm, _calls(plan, arm, choice, share)) for arm in _chosen(plan, choice)]
    calls, judges = sum(number for _, number in made), round(share * plan.judge_calls)
    costs = [_part(arm.cost_usd, number, arm.calls) for arm, number in made if number]
    costs += [_part(one.cost_usd, judges, plan.judge_calls) for one in plan.judging if judges]
    part = (calls + judges) / max(1, plan.calls + plan.judge_calls)
    low, high = (part * seconds for seconds in plan.seconds)
    time = f"{duration(low)} to {duration(high)}" if high >= 1 else "under 1 s"
    size = f"{plural(_rows(plan, choice), 'row')} × {plural(_repeats(plan, choice), 'repeat')}"
    stored = round(share * sum(arm.calls for arm in _chosen(plan, choice))) - calls
    first = line(
        (plural(calls, "call"), "strong"),
        (f" and {count(judges)} to judges" if judges else "", "strong"),
        ("" if calls or judges else ": everything is stored", "strong"),
        (f"  {size}, {_arms(plan, choice)}", "muted"),
    )
    if not calls and not judges:
        return [first, (*line(("Nothing to pay", "strong")), *_again(choice))]
    return [
        first,
        line((_money(costs), "strong"), " · ", (time, "strong"), (_reuse(choice, stored), "muted")),
    ]


def _rows(plan: PlanReport, choice: LaunchChoice) -> int:
    return min(choice.rows or plan.rows, plan.rows) if choice.sized else plan.rows


def _repeats(plan: PlanReport, choice: LaunchChoice) -> int:
    return choice.repeats or plan.repeats if choice.sized else plan.repeats


def _chosen(plan: PlanReport, choice: LaunchChoice) -> list[ArmEstimate]:
    if choice.kind == "check":
        return list(plan.arms)
    main = [arm for arm in plan.arms if arm.slot == "main"]
    return [main[0], main[0]] if choice.kind == "aa" and main else main


def _calls(plan: PlanReport, arm: ArmEstimate, choice: LaunchChoice, share: float) -> int:
    """What is called of an arm: all that is fresh, else what the store lacks. It has no more repeats than planned."""
    if choice.kind == "check" and not choice.fresh:
        return arm.missing
    served = 0.0 if choice.fresh or choice.kind == "aa" else min(share, _rows(plan, choice) / max(1, plan.rows))
    return round(share * arm.calls) - round(served * arm.stored)


def _part(cost: tuple[float, float] | None, number: int, of: int) -> tuple[float, float] | None:
    return None if cost is None else (cost[0] * number / max(1, of), cost[1] * number / max(1, of))


def _money(costs: Sequence[tuple[float, float] | None]) -> str:
    known = [cost for cost in costs if cost is not None]
    if len(known) < len(costs):
        return "unknown price"
    return f"{figures.money(sum(low for low, _ in known))} to {figures.money(sum(high for _, high in known))}"


def _arms(plan: PlanReport, choice: LaunchChoice) -> str:
    names = [f"{arm.variant} (A/A)" if arm.slot == "aa" else arm.variant for arm in plan.arms]
    if choice.kind == "check":
        return ", ".join(names)
    return f"{names[0]} twice" if choice.kind == "aa" else ", ".join(a.variant for a in plan.arms if a.slot == "main")


def _reuse(choice: LaunchChoice, stored: int) -> str:
    if choice.kind == "aa":
        return "  both sides fresh"
    if choice.fresh:
        return "  every call fresh"
    return f"  {plural(stored, 'more answer')} {'is' if stored == 1 else 'are'} stored" if stored > 0 else ""


def _again(choice: LaunchChoice) -> Line:
    what = "judges what there is" if choice.kind == "check" else "makes a run of what there is"
    return line((f"  enter {what}; ", "muted"), ("f", "key"), (" calls it all again", "muted"))


def gate_lines(plan: PlanReport, room: int) -> list[Line]:
    """Each registered gate with the smallest change it could find, under a line that says what the noise is from."""
    if not plan.gates:
        return [line(("No gate is registered: the figures will be for looking around.", "muted"))]
    bases = dict.fromkeys(NOISE_BASIS.get(str(gate.forecast.basis), "") for gate in plan.gates)
    wide = room >= sum(_GATE_CELLS)
    cells = _GATE_CELLS if wide else _NARROW_CELLS
    titles = _GATE_TITLES if wide else (*_GATE_TITLES[:-1], "equal one")
    return [
        line(("What it could show", "strong"), (f"  noise {', '.join(bases)}", "muted")),
        tuple(span for text, size in zip(titles, cells, strict=True) for span in fit(line((text, "muted")), size)),
        *(_gate(gate, plan.power, cells) for gate in plan.gates),
    ]


def _gate(gate: GateForecast, wanted: float, widths: Sequence[int]) -> Line:
    found = gate.forecast
    likely = found.power is None or found.power >= wanted
    passes = "must improve" if gate.must_improve else figures.UNKNOWN
    passes = passes if found.power is None else f"{found.power:.0%}"
    cells = (
        line((gate.title, "strong")),
        line(gate_size(gate, found.mde)),
        line((gate_size(gate, found.noise_floor), "muted")),
        line((gate_size(gate, gate.margin), "muted")),
        line((passes, "" if likely else "warn")),
    )
    return tuple(span for text, room in zip(cells, widths, strict=True) for span in fit(text, room))


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
    return short_hash(text) if len(text) == 64 else text


def warning_lines(plan: PlanReport) -> list[Line]:
    """What cannot work."""
    return [line(("! ", "warn"), (text, "warn")) for text in plan.warnings]

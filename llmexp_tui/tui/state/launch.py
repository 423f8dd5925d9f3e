"""Before a run: what it takes, what it could show, what differs. From a plan report; computes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from llmexp_tui.domain.variant import FieldDiff
from llmexp_tui.errors import LlmexpError
from llmexp_tui.project.locate import PROJECT_FILE
from llmexp_tui.reports import figures
from llmexp_tui.reports.plan_panel import NOISE_BASIS, gate_size
from llmexp_tui.tui.state.cells import Line, fit, line
from llmexp_tui.tui.state.format import count, duration, plural, short_hash
from llmexp_tui.workflows.plan import GateForecast, PlanReport

KINDS = {
    "check": "check: what is missing, the A/A, the verdict",
    "run": "run: the variants alone",
    "aa": "A/A: the baseline against itself",
}
_GATE_CELLS = (20, 12, 12, 12, 18)


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
    """Calls, cost, time for the choice; the plan's figures scaled to the rows and repeats chosen."""
    calls = _calls(plan, choice)
    scale = calls / plan.calls if plan.calls else 0.0
    cost = plan.cost_usd
    money = (
        "unknown price" if cost is None else f"{figures.money(scale * cost[0])} to {figures.money(scale * cost[1])}"
    )
    low, high = (scale * seconds for seconds in plan.seconds)
    time = f"{duration(low)} to {duration(high)}" if high >= 1 else "under 1 s"
    rows, repeats = (choice.rows, choice.repeats) if choice.sized else (None, None)
    size = f"{plural(min(rows or plan.rows, plan.rows), 'row')} × {plural(repeats or plan.repeats, 'repeat')}"
    return [
        line(
            (f"{count(calls)} calls", "strong"),
            (f" and {count(round(scale * plan.judge_calls))} to judges" if plan.judge_calls else "", "strong"),
            (f"  {size}, {_arms(plan, choice)}", "muted"),
        ),
        line((money, "strong"), " · ", (time, "strong"), (_reuse(choice), "muted")),
    ]


def _calls(plan: PlanReport, choice: LaunchChoice) -> int:
    if choice.kind == "check":
        return plan.calls
    rows = min(choice.rows or plan.rows, plan.rows)
    share = (rows / plan.rows if plan.rows else 0.0) * ((choice.repeats or plan.repeats) / max(1, plan.repeats))
    arms = [arm for arm in plan.arms if arm.slot == "main"]
    return round(share * (2 * arms[0].calls if choice.kind == "aa" and arms else sum(arm.calls for arm in arms)))


def _arms(plan: PlanReport, choice: LaunchChoice) -> str:
    names = [f"{arm.variant} (A/A)" if arm.slot == "aa" else arm.variant for arm in plan.arms]
    if choice.kind == "check":
        return ", ".join(names)
    return f"{names[0]} twice" if choice.kind == "aa" else ", ".join(a.variant for a in plan.arms if a.slot == "main")


def _reuse(choice: LaunchChoice) -> str:
    if choice.kind == "aa":
        return "  both sides fresh"
    return "  every call fresh" if choice.fresh else "  at most: what is stored is not called again"


def file_of(error: LlmexpError) -> str:
    """The file to mend, relative to the project: the one that the error names with a path, else llmexp.toml."""
    path = (error.where or "").partition(":")[0]
    return path if "/" in path else PROJECT_FILE


def gate_lines(plan: PlanReport) -> list[Line]:
    """Each registered gate with the smallest change it could find, under a line that says what the noise is from."""
    if not plan.gates:
        return [line(("No gate is registered: the figures will be for looking around.", "muted"))]
    bases = dict.fromkeys(NOISE_BASIS.get(str(gate.forecast.basis), "") for gate in plan.gates)
    titles = ("gate", "finds from", "noise floor", "margin", "an equal one passes")
    return [
        line(("What it could show", "strong"), (f"  noise {', '.join(bases)}", "muted")),
        tuple(span for text, cells in zip(titles, _GATE_CELLS, strict=True)
              for span in fit(line((text, "muted")), cells + (text == titles[-1]))),
        *(_gate(gate, plan.power) for gate in plan.gates),
    ]  # fmt: skip


def _gate(gate: GateForecast, wanted: float) -> Line:
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
    return tuple(span for text, room in zip(cells, _GATE_CELLS, strict=True) for span in fit(text, room))


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

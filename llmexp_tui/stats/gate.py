"""Several metrics and candidates: when the whole passes, when it fails.

To pass, every gate metric must show its own claim at full alpha: an intersection-union test needs no correction over
metrics (Berger 1982), and correcting would only cost power. To fail, one regression is enough, so those are corrected
(Holm). Several candidates are several chances to pass, so they are corrected on that side too.

Precedence: a valid failure outranks an invalid metric, which outranks an undecided one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from llmexp_tui.stats.multiplicity import holm, holm_levels
from llmexp_tui.stats.result import GateState, Shortfall, Status, Verdict
from llmexp_tui.stats.spec import Levels, Role


@dataclass(frozen=True, slots=True)
class GateInput:
    """What the gate needs of one metric of one candidate. p-values are None where there are none."""

    candidate: str
    metric: str
    role: Role
    verdict: Verdict
    reason: str
    p_noninferior: float | None
    p_improved: float | None
    p_regressed: float | None
    invalid: bool = False
    floor_unmeasured: bool = False


@dataclass(frozen=True, slots=True)
class GateOutcome:
    """states, shortfalls: one for each input, None for exploratory metrics and where nothing is short.

    p_gate: the largest adjusted p over candidates.
    """

    status: Status
    states: tuple[GateState | None, ...]
    reasons: tuple[str, ...]
    p_gate: float | None
    shortfalls: tuple[Shortfall | None, ...]


def judge(inputs: Sequence[GateInput], levels: Levels, *, aa_required: bool) -> GateOutcome:
    """Gate states and the overall status. levels: the one-sided nominal levels of this look."""
    registered = [entry for entry in inputs if entry.role != "exploratory"]
    if not registered:
        none = (None,) * len(inputs)
        return GateOutcome("inconclusive", none, ("no metric is registered as a gate",), None, none)
    failing = _failing(registered, levels)
    candidates = list(dict.fromkeys(entry.candidate for entry in registered))
    p_pass = [_p_candidate(registered, name, "gate") for name in candidates]
    p_must = [_p_candidate(registered, name, "must_improve") for name in candidates]
    pass_level = dict(zip(candidates, holm_levels(p_pass, levels.noninferior), strict=True))
    must_level = dict(zip(candidates, holm_levels(p_must, levels.improve), strict=True))
    states: list[GateState | None] = []
    shortfalls: list[Shortfall | None] = []
    reasons: list[str] = []
    for entry in inputs:
        if entry.role == "exploratory":
            states.append(None)
            shortfalls.append(None)
            continue
        level = (must_level if entry.role == "must_improve" else pass_level)[entry.candidate]
        state, reason, shortfall = _passing(entry, level, aa_required)
        if id(entry) in failing:
            state, reason, shortfall = "fail", entry.reason, None
        states.append(state)
        shortfalls.append(shortfall)
        if state != "pass":
            reasons.append(f"{entry.candidate}, {entry.metric}: {reason}")
    p_gate = max(holm([max(a, b) for a, b in zip(p_pass, p_must, strict=True)]))
    return GateOutcome(_status(states, registered), tuple(states), tuple(reasons), p_gate, tuple(shortfalls))


def _failing(registered: Sequence[GateInput], levels: Levels) -> set[int]:
    """Identities of the entries that regressed after Holm over all registered metrics and candidates."""
    p_values = [1.0 if entry.invalid or entry.p_regressed is None else entry.p_regressed for entry in registered]
    corrected = holm_levels(p_values, levels.regress)
    return {
        id(entry)
        for entry, p, level in zip(registered, p_values, corrected, strict=True)
        if entry.verdict == "regressed" and not entry.invalid and p <= level
    }


def _p_entry(entry: GateInput) -> float:
    """The p-value of what the entry must show to pass."""
    if entry.invalid or entry.verdict not in ("improved", "no_regression"):
        return 1.0
    options = [entry.p_improved] if entry.verdict == "improved" else []
    if entry.role == "gate":
        options.append(entry.p_noninferior)
    return min((p for p in options if p is not None), default=1.0)


def _p_candidate(registered: Sequence[GateInput], candidate: str, role: Role) -> float:
    """Largest p over a candidate's metrics of one role: all of them must be shown. 0 where there is none."""
    return max((_p_entry(e) for e in registered if e.candidate == candidate and e.role == role), default=0.0)


def _passing(entry: GateInput, level: float, aa_required: bool) -> tuple[GateState, str, Shortfall | None]:
    if entry.verdict == "regressed":
        reason = "worse than the baseline, but not beyond the correction for several metrics or candidates"
        return "inconclusive", reason, "correction"
    if entry.verdict == "inconclusive":
        return "inconclusive", entry.reason, None
    if entry.role == "must_improve" and entry.verdict != "improved":
        return "inconclusive", "it must improve, and an improvement was not shown", "must_improve"
    if _p_entry(entry) > level:
        return "inconclusive", "shown for one candidate, but not beyond the correction for several", "correction"
    if aa_required and entry.floor_unmeasured:
        return "inconclusive", "the noise floor is not measured, and the plan requires it", "floor"
    return "pass", entry.reason, None


def _status(states: Sequence[GateState | None], registered: Sequence[GateInput]) -> Status:
    counted = [state for state in states if state is not None]
    if "fail" in counted:
        return "fail"
    if any(entry.invalid for entry in registered):
        return "invalid"
    return "pass" if all(state == "pass" for state in counted) else "inconclusive"

"""How a number of a result is written, one way for every face: units, signs, digits, uncertainty.

Percentages for what is a share, milliseconds and dollars for what is measured in them, percent of change for
ratios. Unknown is a dash, never 0. Nothing here decides anything.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from llmexp_tui.domain.run import RunTotals
from llmexp_tui.domain.text import one_line
from llmexp_tui.domain.usage import usd
from llmexp_tui.reports.record import JudgeNoise
from llmexp_tui.stats.result import MetricResult

if TYPE_CHECKING:
    from llmexp_tui.stats.agreement import Agreement

UNKNOWN = "–"
MANY_FLOORS = 99
LOPSIDED = 2.5
"""An interval is written by its ends where one of its sides is so many times as wide as the other."""
CALL_METRICS = frozenset({"latency", "ttft", "cost", "tokens", "errors"})
"""Figures of the calls, which every experiment has beside its scores."""
SHARE_TYPES = frozenset({"binary", "share", "errors"})
_STATISTIC_WORDS = {"latency": "typical", "ttft": "typical"}


@dataclass(frozen=True, slots=True)
class Badge:
    """A verdict as a glyph and a word: neither stands without the other."""

    glyph: str
    word: str

    def __str__(self) -> str:
        return f"{self.glyph} {self.word}"


_VERDICTS = {
    "improved": Badge("✓", "improved"),
    "regressed": Badge("✗", "regressed"),
    "no_regression": Badge("=", "no regression"),
    "inconclusive": Badge("?", "inconclusive"),
}
_STATUSES = {
    "pass": Badge("✓", "GATE PASSES"),
    "fail": Badge("✗", "GATE FAILS"),
    "inconclusive": Badge("?", "INCONCLUSIVE"),
    "invalid": Badge("!", "INVALID"),
    "error": Badge("!", "NOT COMPLETED"),
}


def verdict_badge(metric: MetricResult) -> Badge:
    """The glyph and word of a metric's verdict; a metric that cannot be judged says so."""
    if metric.invalid:
        return Badge("!", "invalid")
    if metric.verdict == "no_regression" and clearly_worse(metric):
        return Badge("=", "within margin")
    if metric.verdict == "no_regression" and metric.equivalent:
        return Badge("=", "equivalent")
    return _VERDICTS[metric.verdict]


def clearly_worse(metric: MetricResult) -> bool:
    """True where the whole interval lies on the worse side, if there is one: a loss, whatever the margin allows."""
    if metric.direction == "none":
        return False
    end = metric.ci_high if metric.direction == "higher" else metric.ci_low
    return end is not None and (end < 0 if metric.direction == "higher" else end > 0)


def status_badge(status: str, *, has_gates: bool = True) -> Badge:
    """The glyph and words of an experiment's status. Without gates nothing passes: there is only a result."""
    if not has_gates and status == "pass":
        return Badge("·", "NO GATES")
    return _STATUSES[status]


def metric_title(metric: MetricResult) -> str:
    """The metric's name with its statistic where that is not the plain mean, its scale, and its slice."""
    parts = [part for part in (_statistic_word(metric), metric.slice) if part]
    name = "cost / 1k rows" if _is_cost(metric) else metric.metric
    return f"{name} ({', '.join(parts)})" if parts else name


def _statistic_word(metric: MetricResult) -> str:
    if metric.threshold is not None:
        return above(metric.metric, metric.threshold)
    return metric.statistic if metric.statistic != "mean" else _STATISTIC_WORDS.get(metric.metric, "")


def above(name: str, limit: float) -> str:
    """`above 2 s`: what a share is of; a time in seconds where it is that long."""
    if name not in ("latency", "ttft"):
        return f"above {limit:g}"
    return f"above {limit / 1000:g} s" if limit >= 1000 else f"above {limit:g} ms"


def number(value: float | None, digits: int = 3) -> str:
    """A number with about so many significant digits ; a dash where it is unknown."""
    if value is None:
        return UNKNOWN
    if value == 0:
        return "0"
    decimals = max(digits - 1 - math.floor(math.log10(abs(value))), 0)
    return minus(f"{value:,.{decimals}f}" if decimals < 9 else f"{value:.{digits - 1}e}")


def minus(text: str) -> str:
    """A figure with the true minus sign."""
    return text.replace("-", "−")


def money(value: float | None) -> str:
    """USD with cents, or with three significant digits below ten cents; a dash where it is unknown."""
    return UNKNOWN if value is None else usd(value)


def spent_text(value: float | None) -> str:
    """What was spent, as a report says it."""
    return "cost unknown" if value is None else f"{money(value)} spent"


def percent(share: float | None, decimals: int = 1) -> str:
    """A share as percent without its sign's unit, from a thousand on without decimals; a dash where it is unknown."""
    if share is None:
        return UNKNOWN
    return minus(f"{100 * share + 0.0:,.{decimals if abs(share) < 10 else 0}f}")


def arm_values(metric: MetricResult) -> str:
    """`78.0 → 85.0 %`: the baseline's value, the candidate's, and their unit."""
    low, high = metric.baseline, metric.candidate_value
    if low is None and high is None:
        return UNKNOWN
    return f"{_value(metric, low, '$')} → {_value(metric, high, '$')}{_unit(metric)}"


def arm_level(metric: MetricResult, *, baseline: bool) -> str:
    """`85.0 % (81.2 … 88.1)`: one arm's value with its own interval, where it has one."""
    value, low, high = metric.candidate_value, metric.candidate_low, metric.candidate_high
    if baseline:
        value, low, high = metric.baseline, metric.baseline_low, metric.baseline_high
    if value is None:
        return UNKNOWN
    level = f"{_value(metric, value, '$')}{_unit(metric)}"
    return level if low is None or high is None else f"{level} ({_value(metric, low)} … {_value(metric, high)})"


def _value(metric: MetricResult, value: float | None, currency: str = "") -> str:
    if metric.type in SHARE_TYPES:
        return percent(value)
    if _is_cost(metric) and value is not None:
        # A single call costs so little that its zeros hide the figure.
        return f"{currency}{number(1000 * value)}"
    return number(value)


def _unit(metric: MetricResult) -> str:
    if metric.type in SHARE_TYPES:
        return " %"
    return " ms" if metric.metric in ("latency", "ttft") else ""


def _is_cost(metric: MetricResult) -> bool:
    return metric.metric == "cost" and metric.is_ratio


def change(metric: MetricResult) -> str:
    """`+7.0 ± 5.5 pts`: the delta with the half-width of its interval on the wider side, in the metric's own sign.

    `−44.1 … +834 %`, the interval alone, where one side of it is far wider: no one width would be true of both.
    """
    if metric.delta is None:
        return UNKNOWN
    half, unit = None, unit_of_change(metric)
    if metric.ci_low is not None and metric.ci_high is not None:
        sides = sorted((metric.delta - metric.ci_low, metric.ci_high - metric.delta))
        half = sides[1]
        if half > LOPSIDED * sides[0]:
            low, high = (difference(metric, end, signed=True) for end in (metric.ci_low, metric.ci_high))
            return f"{low} … {high}{unit}"
    return f"{difference(metric, metric.delta, signed=True)} ± {difference(metric, half)}{unit}"


def difference(metric: MetricResult, value: float | None, *, signed: bool = False) -> str:
    """A delta, margin, floor or half-width without its unit."""
    if value is None:
        return UNKNOWN
    text = percent(value) if metric.is_ratio or _in_points(metric) else number(value)
    if not any(digit in text for digit in "123456789"):
        return text.lstrip("−")
    return ("+" if signed and value > 0 else "") + text


def unit_of_change(metric: MetricResult) -> str:
    """` %` for ratios, ` pts` for shares and rows won less rows lost, nothing for scores in their own unit."""
    if metric.is_ratio:
        return " %"
    return " pts" if _in_points(metric) else ""


def _in_points(metric: MetricResult) -> bool:
    return metric.type in SHARE_TYPES or metric.net


def floor_text(metric: MetricResult) -> str:
    """How large the change is against the measured noise floor, or why that is not known."""
    if metric.noise_floor_state in ("unmeasured", "invalid"):
        return f"floor {metric.noise_floor_state}"
    if metric.noise_floor_state == "deterministic":
        return "floor 0"
    if metric.floor_ratio is not None:
        return f"{metric.floor_ratio:.1f}× floor" if metric.floor_ratio < MANY_FLOORS else f">{MANY_FLOORS}× floor"
    unit = "" if metric.noise_floor is None else unit_of_change(metric)
    return f"floor {difference(metric, metric.noise_floor)}{unit}"


def margin_text(metric: MetricResult) -> str:
    """The registered margin with its unit."""
    return "none" if metric.margin is None else f"{difference(metric, metric.margin)}{unit_of_change(metric)}"


def noise_text(noise: JudgeNoise) -> str:
    """How much of what an A/A moved is the judge's own doing, as one sentence."""
    moved = f"judged {noise.judgements} times over, {noise.metric} of the same output"
    if not noise.judge:
        return f"{moved} never changed: none of the noise is the judge's"
    spread = f"{moved} varies by {number(math.sqrt(noise.judge), 2)} (standard deviation)"
    if noise.share is None:
        return f"{spread}; the judge's share of the noise needs an A/A"
    rest = ", the rest is generation's" if noise.share < 0.995 else ""
    of_call = f"{spread}: {noise.share:.0%} of a call's noise is the judge's{rest}"
    if noise.change_judge is None or noise.change_generation is None or noise.change_rows is None:
        return of_call
    return (
        f"{of_call}; of the change's uncertainty {noise.change_judge:.0%} comes from the judge, "
        f"{noise.change_generation:.0%} from generation, {noise.change_rows:.0%} from which rows there are"
    )


def agreement_text(found: Agreement) -> str:
    """`0.45 (0.12 to 0.78)`: a coefficient of agreement with its interval; a dash where it is undefined."""
    if found.value is None or found.low is None or found.high is None:
        return UNKNOWN
    return minus(f"{found.value:.2f} ({found.low:.2f} to {found.high:.2f})")


def p_text(p: float | None) -> str:
    """A p-value with three decimals; tiny ones as a bound."""
    if p is None:
        return UNKNOWN
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def judging_text(judges: Sequence[str], cost_usd: float | None) -> str:
    """Who judged an arm's outputs and for how much: `judged by gpt-4o-2024-08-06 for $0.12`; "" for nobody."""
    if not judges:
        return ""
    cost = "at a cost unknown" if cost_usd is None else f"for {money(cost_usd)}"
    return f"judged by {one_line(', '.join(judges), 80)} {cost}"


def totals_text(totals: RunTotals) -> str:
    """How much of what was asked came back: `199 of 200 answered, 1 failed, 20 from cache, $0.41`."""
    parts = [f"{totals.completed:,} of {totals.planned:,} answered"]
    if totals.errored:
        parts.append(f"{totals.errored:,} failed")
    if totals.cached:
        parts.append(f"{totals.cached:,} from cache")
    parts.append("cost unknown" if totals.cost_usd is None else money(totals.cost_usd))
    return ", ".join(parts)

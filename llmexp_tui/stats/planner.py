"""Before any money is spent: rows, repeats, the smallest detectable effect, and whether the gate can pass at all.

Working scale, margins positive. Nothing here looks at scores; variances come from an A/A, a pilot, or an assumption.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from llmexp_tui.stats.distributions import normal_quantile
from llmexp_tui.stats.spec import MetricSpec

POWER = 0.80
ROWS_LIMIT = 10_000_000
Basis = Literal["pilot", "aa", "assumed"]


@dataclass(frozen=True, slots=True)
class Variance:
    """Variance of a row's difference, split. rows: between rows (omega^2), never falls with repeats. call: sampling

    variance of one call (sigma^2) of one arm. Both on the working scale. basis: where they come from.
    """

    rows: float
    call: float
    basis: Basis = "assumed"

    def at(self, repeats: float) -> float:
        """Variance of a row's difference with this many repeats in each arm."""
        return self.rows + 2.0 * self.call / repeats


def variance_from_aa(call: float) -> Variance:
    """From an A/A alone: rows are assumed to differ as much as calls do."""
    return Variance(call, call, "aa")


def variance_from_pilot(difference: float, call: float, repeats: float) -> Variance:
    """From a pilot A/B's variance of row differences and an A/A's sampling variance of a call."""
    return Variance(max(0.0, difference - 2.0 * call / repeats), call, "pilot")


def variance_assumed(spec: MetricSpec, baseline: float | None = None) -> Variance:
    """Without any data: a fifth of binary rows flip, graded scores differ with an SD of a fifth of the range,

    times and costs with a log SD of one half. baseline: a known rate, which bounds what can flip.
    """
    width = spec.width
    if width is None:
        total = 0.25 if spec.is_ratio else 1.0
    elif spec.type == "bounded" or spec.interval_scale:
        total = (0.2 * width) ** 2
    else:
        total = 0.2 if baseline is None else min(0.2, 2.0 * max(baseline * (1.0 - baseline), 0.01))
    return Variance(total / 3.0, total / 3.0, "assumed")


def rows_for_margin(
    variance: float, margin: float, *, width: float | None = None, effect: float = 0.0, alpha: float = 0.05,
    power: float = POWER,
) -> int | None:
    """Fewest rows that show non-inferiority with this power when the true (oriented) effect is `effect`.

    variance: of a row's difference. width: the largest row difference of a bounded score; it adds the phantom pair
    and the fewest rows without which a rare total loss cannot be excluded. None where no number of rows would do.
    Source: normal approximation; Julious 2004.
    """
    distance = margin + effect
    if distance <= 0.0:
        return None
    z = _power_z(alpha, power)
    ratio = z * z / (distance * distance)
    least = 2.0
    if width is not None:
        least = max(least, math.log(alpha) / math.log1p(-min(margin / width, 1 - 1e-9)))
        # n = ratio (V + 2 r^2 / n) solved for n.
        rows = (ratio * variance + math.sqrt((ratio * variance) ** 2 + 8.0 * ratio * width * width)) / 2.0
    else:
        rows = ratio * variance
    return _whole(max(rows, least))


def rows_for_effect(variance: float, effect: float, *, alpha: float = 0.05, power: float = POWER) -> int | None:
    """Fewest rows that find a true effect of this size as improved or regressed. Source: Miller 2024."""
    if effect == 0.0:
        return None
    return _whole(_power_z(alpha / 2.0, power) ** 2 * variance / effect**2)


def rows_for_flips(discordant: float, effect: float, *, alpha: float = 0.05, power: float = POWER) -> int | None:
    """The same for binary rows with this discordant share. Source: Connor 1987 (McNemar's test)."""
    if effect == 0.0 or discordant < abs(effect):
        return None
    za, zb = normal_quantile(1.0 - alpha / 2.0), normal_quantile(power)
    return _whole(((za * math.sqrt(discordant) + zb * math.sqrt(discordant - effect**2)) / effect) ** 2)


def detectable_effect(variance: float, rows: float, *, alpha: float = 0.05, power: float = POWER) -> float:
    """Smallest true effect found with this power at these rows (MDE), working scale."""
    return _power_z(alpha / 2.0, power) * math.sqrt(variance / rows)


def clustered_rows(rows: int, cluster_size: float, icc: float) -> int:
    """Rows needed when they come in clusters of this size with this intraclass correlation. Source: Kish 1965."""
    return math.ceil(rows * (1.0 + (cluster_size - 1.0) * icc))


def best_repeats(variance: Variance, row_cost: float, call_cost: float) -> int:
    """Repeats that buy most precision for the money, at least 1.

    row_cost: of one more row apart from its calls (labelling); 0 where rows are free: then add rows instead.
    """
    if variance.rows <= 0.0 or call_cost <= 0.0:
        return max(1, repeats_for_fixed_rows(variance)) if row_cost > 0 else 1
    return max(1, round(math.sqrt(row_cost / call_cost * 2.0 * variance.call / variance.rows)))


def repeats_for_fixed_rows(variance: Variance, limit: int = 100) -> int:
    """Repeats at which sampling noise is at most half the row noise, for a dataset that cannot grow."""
    if variance.call <= 0.0:
        return 1
    if variance.rows <= 0.0:
        return limit
    return max(1, min(limit, math.ceil(4.0 * variance.call / variance.rows)))


def repeats_for_margin(
    variance: Variance, rows: int, margin: float, *, width: float | None = None, alpha: float = 0.05,
    power: float = POWER, limit: int = 100,
) -> int | None:
    """Repeats that show non-inferiority of an equal candidate on this many rows; None where none would."""
    allowed = rows * (margin / _power_z(alpha, power)) ** 2 - variance.rows
    if width is not None:
        if (1.0 - min(1.0, margin / width)) ** rows > alpha:
            return None
        allowed -= 2.0 * width * width / rows
    if allowed <= 0.0:
        return None
    needed = max(1, math.ceil(2.0 * variance.call / allowed - 1e-9))
    return needed if needed <= limit else None


def noise_floor_at(variance: Variance, rows: int, repeats: float) -> float:
    """The floor to expect: 1.96 SD of the baseline against itself."""
    return 1.96 * math.sqrt(2.0 * variance.call / (repeats * rows))


def power_to_pass(
    variance: float, rows: float, margin: float, *, width: float | None = None, effect: float = 0.0,
    alpha: float = 0.05,
) -> float:
    """Chance that a gate with this margin passes when the true (oriented) effect is `effect`."""
    if width is not None:
        if (1.0 - min(1.0, margin / width)) ** rows > alpha:
            return 0.0
        variance += 2.0 * width * width / rows
    if variance <= 0.0:
        return 1.0 if margin + effect > 0 else 0.0
    z = (margin + effect) / math.sqrt(variance / rows) - normal_quantile(1.0 - alpha)
    return 0.5 * math.erfc(-z / math.sqrt(2.0))


@dataclass(frozen=True, slots=True)
class MetricForecast:
    """What a metric can show with the rows and repeats there are. Sizes in the metric's unit (ratio minus one).

    rows_needed, repeats_needed: for a pass of an equal candidate 8 times in 10. rows_for_effect: to find the wished
    effect as improved. power: chance that an equal candidate passes. impossible: why the gate can never pass.
    warning: why a pass is not to be counted on, the margin below the floor for one.
    """

    metric: str
    rows: int
    repeats: float
    mde: float
    noise_floor: float
    rows_needed: int | None
    repeats_needed: int | None
    rows_for_effect: int | None
    power: float | None
    impossible: str | None
    warning: str | None
    basis: Basis


def forecast(
    spec: MetricSpec, rows: int, repeats: float, variance: Variance, *, alpha: float = 0.05, power: float = POWER,
    effect: float | None = None, cluster_size: float = 1.0, icc: float = 0.0, floor: float | None = None,
) -> MetricForecast:
    """Judge a plan for one metric before any call.

    effect: a wished effect in the metric's unit (oriented: positive is better). floor: a stored floor already scaled
    to this size, on the working scale; otherwise expected from the variance.
    """
    inflation = 1.0 + (cluster_size - 1.0) * icc
    total = variance.at(repeats) * inflation
    margin, width = spec.working_margin, spec.width
    expected = noise_floor_at(variance, rows, repeats) if floor is None else floor
    chance = None if margin is None else power_to_pass(total, rows, margin, width=width, alpha=alpha)
    return MetricForecast(
        metric=spec.name,
        rows=rows,
        repeats=repeats,
        mde=_own_unit(spec, detectable_effect(total, rows, alpha=alpha, power=power)),
        noise_floor=_own_unit(spec, expected),
        rows_needed=None if margin is None else rows_for_margin(total, margin, width=width, alpha=alpha, power=power),
        repeats_needed=None
        if margin is None
        else repeats_for_margin(
            Variance(variance.rows * inflation, variance.call * inflation, variance.basis),
            rows, margin, width=width, alpha=alpha, power=power,
        ),
        rows_for_effect=None
        if effect is None
        else rows_for_effect(total, _working_effect(spec, effect), alpha=alpha, power=power),
        power=chance,
        impossible=_impossible(spec, rows, alpha),
        warning=_warning(spec, expected, chance),
        basis=variance.basis,
    )


def _impossible(spec: MetricSpec, rows: int, alpha: float) -> str | None:
    """Why a gate with this margin and this many rows can never pass; None where it can."""
    margin, width = spec.working_margin, spec.width
    if margin is None:
        return "the metric has no margin, so that no loss can be ruled out"
    if rows < 6:
        return f"{rows} rows are too few for any verdict; 6 is the least"
    if width is not None and (1.0 - min(1.0, margin / width)) ** rows > alpha:
        least = rows_for_margin(0.0, margin, width=width, alpha=alpha) or 0
        fewest = math.ceil(math.log(alpha) / math.log1p(-min(margin / width, 1 - 1e-9)))
        return (
            f"{rows} rows cannot rule out a loss of {margin:g} even if nothing goes wrong on any of them; "
            f"at least {fewest} are needed, {max(least, fewest)} to pass in practice"
        )
    return None


def _warning(spec: MetricSpec, floor: float, chance: float | None) -> str | None:
    """Why a pass is possible but not to be counted on."""
    margin = spec.working_margin
    if margin is not None and margin < floor:
        return (
            f"the margin {_own_unit(spec, margin):.3g} is smaller than the noise floor {_own_unit(spec, floor):.3g}: "
            "the baseline itself would often not pass"
        )
    if chance is not None and chance < POWER:
        return f"equal variants would pass {chance:.0%} of the time"
    return None


def _own_unit(spec: MetricSpec, size: float) -> float:
    return math.expm1(size) if spec.is_ratio else size


def _working_effect(spec: MetricSpec, effect: float) -> float:
    return math.log1p(effect) if spec.is_ratio else effect


def _power_z(alpha: float, power: float) -> float:
    return normal_quantile(1.0 - alpha) + normal_quantile(power)


def _whole(rows: float) -> int | None:
    return math.ceil(rows - 1e-9) if rows <= ROWS_LIMIT else None

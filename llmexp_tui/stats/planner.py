"""Before any money is spent: rows, repeats, the smallest detectable effect, and whether the gate can pass at all.

Working scale, margins positive. Nothing here looks at scores; variances come from an A/A, a pilot, or an assumption.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from llmexp_tui.stats.distributions import normal_quantile, normal_sf
from llmexp_tui.stats.spec import MetricSpec, tail_rows
from llmexp_tui.stats.verdict import MIN_CLUSTERS

POWER = 0.80
ROWS_LIMIT = 10_000_000
BETTING_ROWS = 2.0
"""Rows that the betting bound takes to show what an interval shows with one: 1.5 to 2 by simulation (equal variants,
margins .05 and .10, a tenth or a fifth of binary rows differing, graded scores with an SD of .1 or .2)."""
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


def variance_from_aa(spec: MetricSpec, call: float) -> Variance:
    """From an A/A alone: rows are assumed to differ as much as calls do.

    A baseline that never differs from itself says nothing of how a candidate will: that stays assumed.
    """
    return Variance(call, call, "aa") if call > 0.0 else Variance(variance_assumed(spec).at(1), 0.0, "assumed")


def variance_from_pilot(
    spec: MetricSpec, difference: float, rows: int, repeats: float, call: float | None
) -> Variance:
    """From a pilot A/B, however small. difference: its variance of a row's difference, on so many rows and repeats.

    call: sampling variance of a call, from an A/A or from repeats; without one rows are assumed to differ as much as
    calls do. Where scores have bounds one more row, as different as can be, keeps a few equal rows from promising
    that none will ever differ.
    """
    if spec.width is not None:
        difference = (rows * difference + spec.width**2) / (rows + 1)
    if call is None:
        call = difference / (1.0 + 2.0 / repeats)
    return Variance(max(0.0, difference - 2.0 * call / repeats), call, "pilot")


def variance_assumed(spec: MetricSpec, baseline: float | None = None) -> Variance:
    """Without any data: a fifth of binary rows flip, graded scores differ with an SD of a fifth of the range,

    times and costs with a log SD of one half; calls of a tail by 0.7. baseline: a known rate, which bounds what can
    flip. A quantile's variance is that of its density's normal limit. Source: Serfling 1980, s. 2.3.
    """
    if spec.quantile is not None:
        q = spec.quantile
        height = math.exp(-(normal_quantile(q) ** 2) / 2.0) / math.sqrt(2.0 * math.pi)
        graded = 0.2 * (spec.range[1] - spec.range[0]) if spec.range else 1.0
        one = (0.7 if spec.is_ratio else graded) ** 2 * q * (1.0 - q) / height**2
        return Variance(2.0 * one / 3.0, 2.0 * one / 3.0, "assumed")
    width = spec.width
    if width is None:
        total = 0.25 if spec.is_ratio else 1.0
    elif spec.type == "bounded" or spec.interval_scale:
        total = (0.2 * width) ** 2
    else:
        total = 0.2 if baseline is None else min(0.2, 2.0 * max(baseline * (1.0 - baseline), 0.01))
    return Variance(total / 3.0, total / 3.0, "assumed")


@dataclass(frozen=True, slots=True)
class MarginClaim:
    """ "Not worse by the margin", to be shown with some power. Working scale.

    margin: below zero for "better by more than that", which is how an improvement is claimed. width: the largest row
    difference of a bounded score; it adds the phantom pair, and the fewest independent rows below which a rare total
    loss of the margin's size may stay unseen. design_effect: rows that are worth one independent row, above 1 where
    rows come in clusters. tail: rows that a quantile needs, clustered or not. betting: the claim rests on the betting
    bound, for which a row is worth less.
    """

    margin: float
    width: float | None = None
    alpha: float = 0.05
    power: float = POWER
    design_effect: float = 1.0
    tail: int = 0
    betting: bool = False

    @property
    def least_rows(self) -> int:
        """Rows without which the claim can never be made."""
        least: float = MIN_CLUSTERS
        if self.width is not None and self.margin > 0.0:
            share = min(self.margin / self.width, 1.0 - 1e-9)
            least = max(least, math.ceil(math.log(self.alpha) / math.log1p(-share) - 1e-9))
        return max(math.ceil(least * self.design_effect - 1e-9), self.tail)

    def rows(self, variance: float, effect: float = 0.0) -> int | None:
        """Fewest rows that show it when the true (oriented) effect is `effect`; None where no number would do.

        variance: of a row's difference. Source: normal approximation; Julious 2004.
        """
        distance = self.margin + effect
        if distance <= 0.0:
            return None
        ratio = (self._z / distance) ** 2
        rows = ratio * variance
        if self.width is not None:
            # n = ratio (V + phantom / n), solved for n.
            rows = (rows + math.sqrt(rows**2 + 4.0 * ratio * self._phantom)) / 2.0
        return _whole(max(rows * self._price, self.least_rows))

    def repeats(self, variance: Variance, rows: int, effect: float = 0.0, limit: int = 100) -> int | None:
        """Repeats that show it on this many rows when the true effect is `effect`; None where none would."""
        distance = self.margin + effect
        if distance <= 0.0 or rows < self.least_rows:
            return None
        worth = rows / self._price
        allowed = worth * (distance / self._z) ** 2 - variance.rows - self._phantom / worth
        if allowed <= 0.0:
            return None
        needed = max(1, math.ceil(2.0 * variance.call / allowed - 1e-9))
        return needed if needed <= limit else None

    def chance(self, variance: float, rows: float, effect: float = 0.0) -> float:
        """Chance to show it on this many rows when the true (oriented) effect is `effect`."""
        if rows < self.least_rows:
            return 0.0
        worth = rows / self._price
        variance += self._phantom / worth
        if variance <= 0.0:
            return float(self.margin + effect > 0.0)
        gap = (self.margin + effect) * math.sqrt(worth) / math.sqrt(variance) - normal_quantile(1.0 - self.alpha)
        return normal_sf(-gap)

    def detectable(self, variance: float, rows: int) -> float:
        """Smallest true (oriented) effect at which it is shown on this many rows."""
        worth = rows / self._price
        return self._z * math.sqrt((variance + self._phantom / worth) / worth) - self.margin

    @property
    def _price(self) -> float:
        return BETTING_ROWS if self.betting else 1.0

    @property
    def _phantom(self) -> float:
        """What the phantom pair adds to the variance of a row's difference, times the rows."""
        return 2.0 * ((self.width or 0.0) * self.design_effect) ** 2

    @property
    def _z(self) -> float:
        return _power_z(self.alpha, self.power)


def rows_for_effect(variance: float, effect: float, *, alpha: float = 0.05, power: float = POWER) -> int | None:
    """Fewest rows that find a true effect of this size as improved or regressed. Source: Miller 2024."""
    if effect == 0.0:
        return None
    ratio = _power_z(alpha / 2.0, power) * math.sqrt(variance) / effect
    return _whole(ratio * ratio)


def detectable_effect(variance: float, rows: float, *, alpha: float = 0.05, power: float = POWER) -> float:
    """Smallest true effect found with this power at these rows (MDE), working scale."""
    return _power_z(alpha / 2.0, power) * math.sqrt(variance / rows)


def noise_floor_at(variance: Variance, rows: int, repeats: float) -> float:
    """The floor to expect: 1.96 SD of the baseline against itself."""
    return 1.96 * math.sqrt(2.0 * variance.call / (repeats * rows))


@dataclass(frozen=True, slots=True)
class MetricForecast:
    """What a metric can show with the rows and repeats there are. Sizes in the metric's unit (ratio minus one).

    mde: the smallest effect that would be found, `min_effect` counted. rows_needed, repeats_needed: for a pass of an
    equal candidate 8 times in 10. rows_for_effect, repeats_for_effect: to find the wished effect as improved (one
    below zero: as regressed), by more rows or by more calls for the rows there are. power: chance that an
    equal candidate passes. All of these are None of a metric that must improve: an equal candidate is not to pass.
    impossible: why the gate can never pass. warning: why a pass is not to be counted on, the
    margin below the floor for one. mde and noise_floor are None where there is no row.
    """

    metric: str
    rows: int
    repeats: float
    mde: float | None
    noise_floor: float | None
    rows_needed: int | None
    repeats_needed: int | None
    rows_for_effect: int | None
    repeats_for_effect: int | None
    power: float | None
    impossible: str | None
    warning: str | None
    basis: Basis


def forecast(
    spec: MetricSpec, rows: int, repeats: float, variance: Variance, *, alpha: float = 0.05, power: float = POWER,
    effect: float | None = None, cluster_size: float = 1.0, icc: float = 0.0, floor: float | None = None,
    anytime: bool = False,
) -> MetricForecast:
    """Judge a plan for one metric before any call.

    effect: a wished effect in the metric's unit (oriented: positive is better). floor: a stored floor already scaled
    to this size, on the working scale; otherwise expected from the variance. cluster_size: rows for each effective
    cluster. anytime: it may be looked at any time.
    """
    inflation = 1.0 + (cluster_size - 1.0) * icc
    inflated = Variance(variance.rows * inflation, variance.call * inflation, variance.basis)
    total = inflated.at(repeats)
    expected = noise_floor_at(variance, rows, repeats) if floor is None and rows else floor
    margin = spec.working_margin
    tail = tail_rows(spec.quantile) if spec.quantile is not None else 0
    claim = None
    if margin is not None and spec.role != "must_improve":
        claim = MarginClaim(margin, spec.width, alpha, power, inflation, tail, spec.strict or anytime)
    chance = claim.chance(total, rows) if claim else None
    impossible = _impossible(spec, claim, rows, rows / cluster_size, tail)
    size = None if effect is None else math.log1p(effect) if spec.is_ratio else effect
    least = spec.working_min_effect if size is None or size > 0.0 else 0.0
    change = MarginClaim(-least, spec.width, alpha / 2.0, power, inflation, tail, anytime)
    return MetricForecast(
        metric=spec.name,
        rows=rows,
        repeats=repeats,
        mde=_own_unit(spec, change.detectable(total, rows)) if rows else None,
        noise_floor=None if expected is None else _own_unit(spec, expected),
        rows_needed=claim.rows(total) if claim else None,
        repeats_needed=claim.repeats(inflated, rows) if claim else None,
        rows_for_effect=None if size is None else change.rows(total, abs(size)),
        repeats_for_effect=None if size is None else change.repeats(inflated, rows, abs(size)),
        power=chance,
        impossible=impossible,
        warning=None if impossible or claim is None or expected is None else _warning(spec, expected, chance),
        basis=variance.basis,
    )


def _impossible(
    spec: MetricSpec, claim: MarginClaim | None, rows: int, clusters: float, tail: int
) -> str | None:
    """Why a gate with this margin and this many rows can never pass; None where it can."""
    if claim is None and spec.role != "must_improve":
        return "the metric has no margin, so that no loss can be ruled out"
    if clusters < MIN_CLUSTERS:
        what = "rows" if clusters == rows else "independent clusters"
        there = math.floor(10 * clusters + 1e-6) / 10
        return f"{there:g} {what} are too few for any verdict; {MIN_CLUSTERS} is the least"
    if rows < tail:
        return f"{rows} rows are too few for it, this gate cannot pass; at least {tail} are needed"
    if claim is not None and rows < claim.least_rows:
        return (
            f"{rows} rows cannot rule out a loss of {_own_unit(spec, claim.margin):g} even if nothing goes "
            f"wrong on any of them; at least {claim.least_rows} are needed"
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


def _power_z(alpha: float, power: float) -> float:
    return normal_quantile(1.0 - alpha) + normal_quantile(power)


def _whole(rows: float) -> int | None:
    return math.ceil(rows - 1e-9) if rows <= ROWS_LIMIT else None

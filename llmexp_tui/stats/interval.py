"""Models of an estimate's uncertainty. Each answers the same three questions, so that verdicts need only one rule.

Oriented and on the working scale: positive is better, ratios are logs. No verdicts here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from llmexp_tui.stats.distributions import normal_quantile, normal_sf, t_quantile, t_sf

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

_SYMMETRIC = 1e-9


class IntervalModel(Protocol):
    """An estimate and what the data say around it."""

    @property
    def estimate(self) -> float:
        """The shown estimate."""

    @property
    def se(self) -> float:
        """Standard error, for planning."""

    def lower(self, level: float) -> float:
        """Lower confidence bound with one-sided error `level`."""

    def upper(self, level: float) -> float:
        """Upper confidence bound with one-sided error `level`."""

    def p_above(self, null: float) -> float:
        """One-sided p-value of "the truth is at most `null`"."""

    def p_below(self, null: float) -> float:
        """One-sided p-value of "the truth is at least `null`"."""


@dataclass(frozen=True, slots=True)
class StudentModel:
    """t interval: `centre` +- t(df) `se`; the estimate may differ from the centre by the phantom pair.

    skew: third moment of the jackknife deviations over their squared error^1.5. Where few rows carry large losses the
    standard error is small whenever they happen to be missing, and a t test passes 6 to 9 % of what is worse by the
    margin, at 500 rows too; the statistic is therefore corrected by Hall's cubic, but only towards caution: 5 %, 6 %
    at worst. Source: Hall 1992.
    """

    estimate: float
    centre: float
    se: float
    df: float
    skew: float = 0.0

    def lower(self, level: float) -> float:
        return self.centre - self._reach(level, self.skew) * self.se

    def upper(self, level: float) -> float:
        return self.centre + self._reach(level, -self.skew) * self.se

    def p_above(self, null: float) -> float:
        return self._tail(self.centre - null, self.skew)

    def p_below(self, null: float) -> float:
        return self._tail(null - self.centre, -self.skew)

    def _reach(self, level: float, skew: float) -> float:
        """The statistic at which `_tail` is `level`."""
        plain = t_quantile(1.0 - level, self.df)
        if abs(skew) < _SYMMETRIC:
            return plain
        return max(plain, 3.0 / skew * (math.cbrt(1.0 + skew * (plain - skew / 6.0)) - 1.0))

    def _tail(self, distance: float, skew: float) -> float:
        if self.se <= 0.0:
            return 0.0 if distance > 0 else 1.0
        t = distance / self.se
        return t_sf(min(t, t + skew * (t * t / 3.0 + 1.0 / 6.0) + skew * skew * t**3 / 27.0), self.df)


@dataclass(frozen=True, slots=True)
class TangoModel:
    """Score interval of a paired difference of two proportions, (wins - losses)/n, times what a row counts.

    width: by how much a row that differs does. Source: Tango 1998, Statistics in Medicine 17:891-908. The interval
    inverts the score test by bisection, because the closed form (a quartic) loses digits at the corners.
    """

    wins: int
    losses: int
    n: int
    width: float = 1.0

    @property
    def estimate(self) -> float:
        return self.width * (self.wins - self.losses) / self.n

    @property
    def se(self) -> float:
        discordant = self.wins + self.losses
        if discordant == 0:
            return self.upper(0.025) / normal_quantile(0.975)
        return self.width * math.sqrt(discordant) / self.n

    def score(self, null: float) -> float:
        """The score statistic at a hypothesised share in (-1, 1); positive where the data lie above it."""
        n, wins, losses = self.n, self.wins, self.losses
        b = (2 * n - wins + losses) * null - wins - losses
        c = -losses * null * (1.0 - null)
        root = math.sqrt(max(0.0, b * b - 8.0 * n * c))
        # Of the two roots' forms the one without cancellation is taken.
        q = (root - b) / (4.0 * n) if b <= 0 else (-2.0 * c) / (root + b)
        variance = n * (2.0 * q + null * (1.0 - null))
        gap = wins - losses - n * null
        if variance <= 0.0:
            return math.copysign(math.inf, gap) if gap else 0.0
        return gap / math.sqrt(variance)

    def lower(self, level: float) -> float:
        return self._solve(normal_quantile(1.0 - level), -1.0, self.estimate / self.width)

    def upper(self, level: float) -> float:
        return self._solve(-normal_quantile(1.0 - level), self.estimate / self.width, 1.0)

    def p_above(self, null: float) -> float:
        return normal_sf(self.score(null / self.width))

    def p_below(self, null: float) -> float:
        return normal_sf(-self.score(null / self.width))

    def _solve(self, z: float, low: float, high: float) -> float:
        """The difference at which the (decreasing) score equals z, to 1e-12."""
        for _ in range(60):
            middle = (low + high) / 2.0
            if self.score(middle) > z:
                low = middle
            else:
                high = middle
            if high - low < 1e-12:
                break
        return self.width * (low + high) / 2.0


@dataclass(frozen=True, slots=True, eq=False)
class BootstrapModel:
    """Percentile interval over sorted draws of the estimate. Source: Efron and Tibshirani 1993."""

    estimate: float
    draws: FloatArray

    @property
    def se(self) -> float:
        return float(np.std(self.draws, ddof=1))

    def lower(self, level: float) -> float:
        return float(np.quantile(self.draws, level))

    def upper(self, level: float) -> float:
        return float(np.quantile(self.draws, 1.0 - level))

    def p_above(self, null: float) -> float:
        return self._share(int(np.searchsorted(self.draws, null, side="right")))

    def p_below(self, null: float) -> float:
        return self._share(len(self.draws) - int(np.searchsorted(self.draws, null, side="left")))

    def _share(self, hits: int) -> float:
        return (1 + hits) / (len(self.draws) + 1)

"""Planned early looks: how much of alpha each look may spend, and the boundary that spends exactly that.

Passing follows O'Brien-Fleming (hardly anything early: a pass should rest on nearly all rows), failing follows Pocock
(a bad variant is stopped soon). Nothing here looks at data; the levels go into ComparisonPlan.levels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np

from llmexp_tui.errors import ConfigError
from llmexp_tui.stats.distributions import normal_quantile, normal_sf
from llmexp_tui.stats.interval import FloatArray
from llmexp_tui.stats.spec import Levels

FRACTIONS = (0.2, 0.4, 0.6, 0.8, 1.0)
FIRST_LOOK_ROWS = 40
_REACH = 8.0
_POINTS = 1001


def obrien_fleming(alpha: float, fraction: float) -> float:
    """Alpha spent when `fraction` of the information is in. Source: Lan and DeMets 1983."""
    return 2.0 * normal_sf(normal_quantile(1.0 - alpha / 2.0) / math.sqrt(fraction))


def pocock(alpha: float, fraction: float) -> float:
    """Alpha spent, Pocock-like. Source: Lan and DeMets 1983."""
    return alpha * math.log(1.0 + (math.e - 1.0) * fraction)


def nominal_levels(
    fractions: Sequence[float], alpha: float, spending: Callable[[float, float], float]
) -> tuple[float, ...]:
    """One-sided nominal p-value for each look that spends exactly the planned alpha.

    fractions: increasing shares of the information in (0, 1]. The score process is followed from look to look on a
    Simpson grid (Armitage, McPherson, Rowe 1969; Jennison and Turnbull 2000), each boundary found by bisection.
    """
    _check(fractions)
    levels: list[float] = []
    grid, density, before, spent = np.zeros(1), np.ones(1), 0.0, 0.0
    for fraction in fractions:
        target = spending(alpha, fraction) - spent
        step = math.sqrt(fraction - before)
        bound = _boundary(grid, density, step, target, fraction)
        levels.append(normal_sf(bound / math.sqrt(fraction)))
        spent += target
        points = np.linspace(-_REACH * math.sqrt(fraction), bound, _POINTS)
        kernel = np.exp(-0.5 * ((points[:, None] - grid[None, :]) / step) ** 2) / (step * math.sqrt(2 * math.pi))
        density = (kernel @ density) * _simpson(points)
        grid, before = points, fraction
    return tuple(levels)


def _check(fractions: Sequence[float]) -> None:
    if not fractions or fractions[0] <= 0.0 or fractions[-1] > 1.0 + 1e-9:
        raise ConfigError(f"looks at {list(fractions)}", mend="give increasing shares of the rows, at most 1")
    if any(later <= earlier for earlier, later in pairwise(fractions)):
        raise ConfigError(f"looks at {list(fractions)} do not increase", mend="give each look more rows")


def _boundary(grid: FloatArray, density: FloatArray, step: float, target: float, fraction: float) -> float:
    """Score above which the weighted `density` sends exactly `target` at the next look."""
    from scipy import special

    def beyond(bound: float) -> float:
        return float(density @ special.ndtr((grid - bound) / step))

    low, high = -2.0, 12.0 * math.sqrt(fraction)
    while high - low > 1e-7:
        middle = (low + high) / 2.0
        low, high = (middle, high) if beyond(middle) > target else (low, middle)
    return (low + high) / 2.0


def _simpson(points: FloatArray) -> FloatArray:
    """Simpson weights of an odd number of equally spaced points."""
    weights = np.full(len(points), 2.0)
    weights[1::2] = 4.0
    weights[0] = weights[-1] = 1.0
    return np.asarray(weights * (points[1] - points[0]) / 3.0)


@dataclass(frozen=True, slots=True)
class Boundaries:
    """The nominal levels of each planned look. fractions: share of the planned clusters in at that look."""

    fractions: tuple[float, ...]
    looks: tuple[Levels, ...]

    def levels(self, look: int) -> Levels:
        """Levels of look 0, 1, …"""
        return self.looks[look]

    def is_final(self, look: int) -> bool:
        """True at the last planned look."""
        return look == len(self.looks) - 1


@lru_cache(maxsize=32)
def plan_looks(fractions: tuple[float, ...] = FRACTIONS, alpha: float = 0.05) -> Boundaries:
    """Pass: O'Brien-Fleming at alpha. Improved: the same at alpha/2. Regressed: Pocock at alpha/2."""
    passing = nominal_levels(fractions, alpha, obrien_fleming)
    improving = nominal_levels(fractions, alpha / 2, obrien_fleming)
    failing = nominal_levels(fractions, alpha / 2, pocock)
    looks = tuple(Levels(i, f, p) for i, f, p in zip(improving, failing, passing, strict=True))
    return Boundaries(fractions, looks)


def look_sizes(n_max: int, fractions: Sequence[float] = FRACTIONS) -> tuple[int, ...]:
    """Clusters at which to look; a single look where the first would come before FIRST_LOOK_ROWS."""
    sizes = tuple(round(n_max * fraction) for fraction in fractions)
    return sizes if sizes[0] >= FIRST_LOOK_ROWS else (n_max,)


@lru_cache(maxsize=32)
def runs3_levels(alpha: float = 0.05) -> Boundaries:
    """The two looks of the three-run rule: after run 1 and after run 3, information taken as one half and one.

    Both claims follow O'Brien-Fleming, so that the first look decides clear cases only.
    """
    fractions = (0.5, 1.0)
    passing = nominal_levels(fractions, alpha, obrien_fleming)
    claiming = nominal_levels(fractions, alpha / 2, obrien_fleming)
    return Boundaries(fractions, tuple(Levels(c, c, p) for c, p in zip(claiming, passing, strict=True)))

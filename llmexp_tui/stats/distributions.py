"""Tail areas and quantiles of the four laws the package needs.

scipy.stats costs 0.6 s to import and scipy.special 0.15 s; the standard library and `stats.beta` have all of it.
"""

from __future__ import annotations

import math
from statistics import NormalDist

from llmexp_tui.stats.beta import beta_below, beta_density, beta_quantile, root

_NORMAL = NormalDist()
_TINY = 1e-300


def normal_sf(z: float) -> float:
    """P(Z > z) of the standard normal, accurate in the far tail."""
    return 0.5 * math.erfc(z / math.sqrt(2.0))


def normal_quantile(p: float) -> float:
    """The standard normal's quantile at p in (0, 1)."""
    return _NORMAL.inv_cdf(min(max(p, _TINY), 1.0 - 1e-16))


def t_sf(t: float, df: float) -> float:
    """P(T > t) of Student's t with df > 0 degrees of freedom (df need not be whole)."""
    if math.isinf(df):
        return normal_sf(t)
    upper = 0.5 * beta_below(df / 2.0, 0.5, *_t_share(abs(t), df))
    return upper if t >= 0.0 else 1.0 - upper


def t_quantile(p: float, df: float) -> float:
    """Student's t quantile at p in (0, 1)."""
    if math.isinf(df):
        return normal_quantile(p)
    if p == 0.5:
        return 0.0
    tail = min(p, 1.0 - p)

    def fall(t: float) -> float:
        """How fast ln P(T > t) falls."""
        x, y = _t_share(t, df)
        return beta_density(df / 2.0, 0.5, x, y) * x * y / (t * t_sf(t, df))

    found = root(lambda t: math.log(tail / t_sf(t, df)), fall, 0.0, math.inf, -normal_quantile(tail))
    return found if p > 0.5 else -found


def _t_share(t: float, df: float) -> tuple[float, float]:
    """df / (df + t²), and what it lacks to 1."""
    square = t * t
    return df / (df + square), square / (df + square)


def binomial_cdf(k: int, n: int, p: float = 0.5) -> float:
    """P(X <= k) of Binomial(n, p)."""
    return float(k >= n) if k < 0 or k >= n else beta_below(n - k, k + 1.0, 1.0 - p, p)


def sign_test(wins: int, losses: int) -> tuple[float, float]:
    """Two-sided exact and mid-p values of `wins` against `losses` under a fair coin (McNemar's exact test).

    Source: McNemar 1947; mid-p: Fagerland, Lydersen, Laake 2013. (1.0, 1.0) without a discordant row.
    """
    n, least = wins + losses, min(wins, losses)
    if n == 0:
        return 1.0, 1.0
    below = binomial_cdf(least, n)
    exact = min(1.0, 2.0 * below)
    point = below - binomial_cdf(least - 1, n)
    mid = 1.0 if wins == losses else min(1.0, 2.0 * below - point)
    return exact, mid


def wilson_interval(hits: float, n: float, level: float) -> tuple[float, float]:
    """Wilson score interval of a rate, for display of one variant. Source: Wilson 1927."""
    if n <= 0:
        return 0.0, 1.0
    z = normal_quantile(1.0 - (1.0 - level) / 2.0)
    p = hits / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def clopper_pearson(hits: int, n: int, level: float) -> tuple[float, float]:
    """Exact interval of a rate. Source: Clopper and Pearson 1934."""
    tail = (1.0 - level) / 2.0
    low = 0.0 if hits == 0 else beta_quantile(hits, n - hits + 1.0, tail)
    high = 1.0 if hits == n else beta_quantile(hits + 1.0, n - hits, 1.0 - tail)
    return low, high

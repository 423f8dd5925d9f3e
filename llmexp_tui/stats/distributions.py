"""Tail areas and quantiles of the four laws the package needs.

The laws are SciPy's, from scipy.special (imported on first use), and the normal one the standard library's, so that
an explanation is drawn without SciPy. scipy.stats, with scipy.optimize below it, costs as much to import as a whole
comparison: what the package needs of them (the intervals below, Benjamini-Hochberg, a root) is a few lines each, held
against SciPy's own by the tests.
"""

from __future__ import annotations

import math
from statistics import NormalDist

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
    from scipy import special

    return float(special.stdtr(df, -t))


def t_quantile(p: float, df: float) -> float:
    """Student's t quantile at p in (0, 1)."""
    if math.isinf(df):
        return normal_quantile(p)
    from scipy import special

    return float(special.stdtrit(df, p))


def binomial_cdf(k: int, n: int, p: float = 0.5) -> float:
    """P(X <= k) of Binomial(n, p)."""
    from scipy import special

    return 0.0 if k < 0 else float(special.bdtr(min(k, n), n, p))


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
    from scipy import special

    tail = (1.0 - level) / 2.0
    low = 0.0 if hits == 0 else float(special.betaincinv(hits, n - hits + 1, tail))
    high = 1.0 if hits == n else float(special.betaincinv(hits + 1, n - hits, 1.0 - tail))
    return low, high

"""The regularised incomplete beta function, which the tails of Student's t and of the binomial are made of.

scipy.special has it too, but importing that costs as much as a whole comparison of 10,000 rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable

_SERIES_FROM = 16.0
_CLOSE, _TINY = 1e-15, 1e-300
_MOST_TERMS = 100_000
_MOST_STEPS = 200
_NEAR = 1e-9
"""A step of Newton's that is this small against x leaves an error of its square."""


def beta_below(a: float, b: float, x: float, y: float) -> float:
    """I_x(a, b), the mass of Beta(a, b) below x in [0, 1]; `y` is 1 - x, which near 1 is the exact one.

    The continued fraction takes a number of terms like the root of a + b. Source: DLMF 8.17.22.
    """
    if x <= 0.0 or y <= 0.0:
        return float(x > 0.0)
    if x * (a + b + 2.0) > a + 1.0:
        return 1.0 - beta_below(b, a, y, x)
    return x * y * beta_density(a, b, x, y) * _fraction(a, b, x) / a


def beta_density(a: float, b: float, x: float, y: float) -> float:
    """The density of Beta(a, b) at x with y = 1 - x, both above 0.

    Written as its distance from the peak, so that nothing large is left to cancel. Source: Loader 2000.
    """
    n = a + b
    u, v = (x * b - y * a) / a, (y * a - x * b) / b
    distance = a * _beyond(u, x * n / a) + b * _beyond(v, y * n / b)
    rest = _stirling(n) - _stirling(a) - _stirling(b)
    return math.sqrt(a * b / (2.0 * math.pi * n)) * math.exp(rest - distance) / (x * y)


def beta_quantile(a: float, b: float, p: float) -> float:
    """The x with I_x(a, b) = p in (0, 1)."""
    return root(
        lambda x: beta_below(a, b, x, 1.0 - x) - p, lambda x: beta_density(a, b, x, 1.0 - x), 0.0, 1.0, a / (a + b)
    )


def root(
    value: Callable[[float], float], slope: Callable[[float], float], low: float, high: float, start: float
) -> float:
    """Where an increasing function crosses 0 between `low` and `high`: Newton's steps, halves where they leave."""
    x = start
    for _ in range(_MOST_STEPS):
        off, rise = value(x), slope(x)
        low, high = (x, high) if off < 0.0 else (low, x)
        after = x - off / rise if rise > 0.0 else high
        if abs(after - x) <= _NEAR * abs(x):
            return after
        x = after if low < after < high else 0.5 * (low + high)
    return x


def _beyond(off: float, ratio: float) -> float:
    """off - ln(ratio), where ratio is 1 + off."""
    return off - (math.log1p(off) if abs(off) < 0.5 else math.log(ratio))


def _stirling(z: float) -> float:
    """What Stirling's formula leaves out of ln Gamma(z). Source: DLMF 5.11.1."""
    if z < _SERIES_FROM:
        return math.lgamma(z) - ((z - 0.5) * math.log(z) - z + 0.5 * math.log(2.0 * math.pi))
    w = 1.0 / (z * z)
    return (1 / 12 - w * (1 / 360 - w * (1 / 1260 - w * (1 / 1680 - w * (1 / 1188 - w * 691 / 360360))))) / z


def _fraction(a: float, b: float, x: float) -> float:
    """The continued fraction by Lentz's method. Source: DLMF 8.17.22, 3.10(iii)."""
    c, d = 1.0, 1.0 / ((1.0 - (a + b) * x / (a + 1.0)) or _TINY)
    value = d
    for m in range(1, _MOST_TERMS):
        at = a + 2 * m
        even = m * (b - m) * x / ((at - 1.0) * at)
        d = 1.0 / ((1.0 + even * d) or _TINY)
        c = (1.0 + even / c) or _TINY
        value *= c * d
        odd = -(a + m) * (a + b + m) * x / (at * (at + 1.0))
        d = 1.0 / ((1.0 + odd * d) or _TINY)
        c = (1.0 + odd / c) or _TINY
        value *= c * d
        if abs(c * d - 1.0) < _CLOSE:
            break
    return value

"""The engine of every mean: paired row differences, cluster jackknife, t interval, phantom pair for bounded scores.

Chosen over the bootstrap because score differences are mostly zero: there BCa intervals cover 80-93 % at 20-50 rows.
"""

from __future__ import annotations

import math

import numpy as np

from llmexp_tui.stats.interval import FloatArray, IntArray, StudentModel


def effective_clusters(sizes: IntArray | FloatArray) -> float:
    """G = n^2 / sum m_c^2: how many equally large clusters carry the same information. sizes: (C,) rows a cluster."""
    squares = float(np.sum(np.square(sizes, dtype=np.float64)))
    return float(np.sum(sizes)) ** 2 / squares if squares else 0.0


def independent_rows(sums: FloatArray, sizes: FloatArray, row_squares: float) -> float:
    """How many rows that stand alone the clustered rows are worth: n over the measured design effect.

    sums, sizes: (C,) as in `mean_model`. row_squares: sum of squared row differences. Between G (a cluster moves as
    one, also taken where no row differs) and 4G; n where rows stand alone. Copies of rows inside their cluster leave
    it unchanged. Source: Kish 1965.
    """
    n, units = float(sizes.sum()), effective_clusters(sizes)
    naive = row_squares / n**2 - float(sums.sum()) ** 2 / n**3
    if naive <= 1e-12 * row_squares / n**2:
        return units
    clustered = mean_model(sums, sizes).se ** 2
    return min(max(n * naive / clustered, units), 4.0 * units) if clustered > 0.0 else 4.0 * units


def mean_model(
    sums: FloatArray,
    sizes: FloatArray,
    width: float | None = None,
    *,
    independent: float | None = None,
    extra_variance: float = 0.0,
) -> StudentModel:
    """Student model of the row-weighted mean sum(D)/n.

    sums, sizes: (C,) cluster sums of oriented differences and rows per cluster, C >= 2. width: the largest possible
    row difference; two imaginary pairs at +width and -width then keep the interval open where every difference is
    zero. independent: rows that the data are worth (`independent_rows`, n unless given); an imaginary pair is as
    large as one of them. extra_variance: drift between runs, added to the squared error.
    Their skewness is corrected for. Sources: CV3 jackknife, MacKinnon, Nielsen, Webb 2023; phantom pair after Bonett
    and Price 2012.
    """
    n, total, count = float(sizes.sum()), float(sums.sum()), len(sums)
    df = effective_clusters(sizes) - 1.0
    if width is None:
        centre = total / n
        deviation = (total - sums) / (n - sizes) - centre
        variance = (count - 1) / count * float(deviation @ deviation)
        return StudentModel(centre, centre, math.sqrt(variance + extra_variance), df)
    size = 1.0 if independent is None else n / independent
    centre = total / (n + 2.0 * size)
    deviation = (total - sums) / (n + 2.0 * size - sizes) - centre
    phantom = np.array([total - width * size, total + width * size]) / (n + size) - centre
    squares = float(deviation @ deviation) + float(phantom @ phantom)
    variance = (count + 1) / (count + 2) * squares + extra_variance
    alone = (sums - total / n * sizes) / (n - sizes)
    return StudentModel(total / n, centre, math.sqrt(variance), df, float(np.sum(alone**3)) / variance**1.5)


def totals_model(
    baseline: FloatArray, candidate: FloatArray, sizes: FloatArray, sign: int, extra_variance: float = 0.0
) -> StudentModel:
    """Student model of sign x log(sum candidate / sum baseline), by the cluster jackknife.

    baseline, candidate: (C,) cluster totals, not negative. Where both totals are zero nothing changed, and nothing is
    uncertain about it; where one is, the ratio has no bound. Raises ValueError where all of a total sits in one
    cluster: the jackknife is then undefined. Source: delta method; jackknife as above.
    """
    a, b, count = float(baseline.sum()), float(candidate.sum()), len(baseline)
    df = effective_clusters(sizes) - 1.0
    if a == 0.0 or b == 0.0:
        estimate = 0.0 if a == b else math.copysign(math.inf, sign * (b - a))
        return StudentModel(estimate, estimate, math.sqrt(extra_variance), df)
    rest_a, rest_b = a - baseline, b - candidate
    if rest_a.min() <= 1e-12 * a or rest_b.min() <= 1e-12 * b:
        raise ValueError("all of an arm's total sits in one cluster, so that no ratio can be judged")
    estimate = sign * math.log(b / a)
    deviation = sign * np.log(rest_b / rest_a) - estimate
    variance = (count - 1) / count * float(deviation @ deviation) + extra_variance
    return StudentModel(estimate, estimate, math.sqrt(variance), df)


def unseen_loss_p(independent: float, margin: float, width: float) -> float:
    """(1 - margin/width)^independent: the chance to see no total loss although the mean is worse by the margin.

    No claim about the margin can be surer than this: what is lost completely may be rare and not in the sample.
    Counting rows instead of independent rows passes 12 % of variants that lose one cluster in twenty completely
    (40 clusters of 5, margin .05), and single-row phantoms let copies of rows narrow the interval.
    """
    return float((1.0 - min(1.0, margin / width)) ** independent)

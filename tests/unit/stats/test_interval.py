"""Interval models against published numbers and independent routes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from llmexp_tui.stats.interval import BootstrapModel, StudentModel, TangoModel


@pytest.mark.parametrize(
    ("wins", "losses", "n", "low", "high"),
    [
        # Airway hyper-responsiveness before and after transplantation, as in Fagerland, Lydersen, Laake 2014.
        (1, 7, 21, -0.517, -0.026),
        (22, 8, 200, 0.0174, 0.1269),
    ],
)
def test_tango_matches_published_intervals(wins: int, losses: int, n: int, low: float, high: float) -> None:
    model = TangoModel(wins, losses, n)
    assert model.lower(0.025) == pytest.approx(low, abs=5e-4)
    assert model.upper(0.025) == pytest.approx(high, abs=5e-4)


def test_tango_interval_inverts_its_own_test() -> None:
    model = TangoModel(14, 9, 60)
    assert model.p_above(model.lower(0.025)) == pytest.approx(0.025, abs=1e-9)
    assert model.p_below(model.upper(0.05)) == pytest.approx(0.05, abs=1e-9)


def test_tango_score_at_zero_is_mcnemar_without_continuity() -> None:
    assert TangoModel(14, 9, 60).score(0.0) == pytest.approx((14 - 9) / math.sqrt(14 + 9))


def test_tango_score_uses_the_constrained_maximum_likelihood() -> None:
    """The nuisance q is the maximiser of the multinomial likelihood under p_win - p_loss = null, found by search."""
    wins, losses, n, null = 9, 4, 40, -0.1
    q = np.linspace(1e-6, 0.5, 2_000_001)
    p = q + null
    ok = (p > 0) & (p + q < 1)
    log_likelihood = wins * np.log(p[ok]) + losses * np.log(q[ok]) + (n - wins - losses) * np.log(1 - p[ok] - q[ok])
    best = q[ok][np.argmax(log_likelihood)]
    expected = (wins - losses - n * null) / math.sqrt(n * (2 * best + null - null**2))
    assert TangoModel(wins, losses, n).score(null) == pytest.approx(expected, abs=1e-3)


def test_tango_interval_stays_open_without_any_difference() -> None:
    model = TangoModel(0, 0, 50)
    assert model.upper(0.025) == pytest.approx(0.0713, abs=5e-4)
    assert model.lower(0.025) == -model.upper(0.025)
    assert model.se > 0


@pytest.mark.parametrize(("wins", "losses", "n"), [(10, 0, 10), (0, 10, 10), (0, 3, 7), (7, 0, 7)])
def test_tango_stays_inside_its_bounds_at_the_corners(wins: int, losses: int, n: int) -> None:
    model = TangoModel(wins, losses, n)
    assert -1 <= model.lower(0.025) <= model.estimate <= model.upper(0.025) <= 1
    assert 0 <= model.p_above(-0.05) <= 1


def test_student_tails_match_the_t_distribution() -> None:
    model = StudentModel(estimate=0.1, centre=0.1, se=0.05, df=9.0)
    assert model.p_above(0.0) == pytest.approx(stats.t.sf(2.0, 9))
    assert model.p_below(0.0) == pytest.approx(stats.t.cdf(2.0, 9))
    assert model.lower(0.025) == pytest.approx(0.1 - stats.t.ppf(0.975, 9) * 0.05)


def test_student_without_spread_is_certain() -> None:
    model = StudentModel(estimate=0.1, centre=0.1, se=0.0, df=9.0)
    assert (model.p_above(0.0), model.p_above(0.1), model.p_below(0.0)) == (0.0, 1.0, 1.0)


def test_bootstrap_counts_draws_and_never_reaches_zero() -> None:
    model = BootstrapModel(0.5, np.linspace(0.0, 1.0, 999))
    assert model.p_above(-1.0) == 1 / 1000
    assert model.p_above(0.5) == pytest.approx(0.5, abs=2e-3)
    assert model.lower(0.05) == pytest.approx(0.05, abs=2e-3)


@pytest.mark.parametrize("skew", [-0.6, -0.05, -1e-10, 0.0, 0.3])
@pytest.mark.parametrize("level", [0.4, 0.05, 0.001])
def test_the_corrected_bounds_invert_their_own_test_and_are_never_bolder(skew: float, level: float) -> None:
    model, plain = (StudentModel(0.1, 0.1, 0.04, 60.0, way) for way in (skew, 0.0))
    assert model.p_above(model.lower(level)) == pytest.approx(level, rel=1e-6)
    assert model.p_below(model.upper(level)) == pytest.approx(level, rel=1e-6)
    assert model.lower(level) <= plain.lower(level) + 1e-12
    assert model.upper(level) >= plain.upper(level) - 1e-12


def test_the_correction_is_halls_cubic() -> None:
    # Hall 1992, s. 3.9: T + a T^2 / 3 + a^2 T^3 / 27 + a / 6, for a = skewness / sqrt(n).
    model, t, a = StudentModel(0.0, 0.0, 1.0, math.inf, -0.3), 2.0, -0.3
    expected = stats.norm.sf(t + a * t**2 / 3 + a**2 * t**3 / 27 + a / 6)
    assert model.p_above(-t) == pytest.approx(float(expected))


@pytest.mark.parametrize(("rows", "margin"), [(300, 0.02), (200, 0.03), (175, 0.05), (100, 0.10)])
def test_what_only_loses_passes_at_the_margin_six_times_in_a_hundred_at_most(rows: int, margin: float) -> None:
    """The README's figure, exactly: without a row won the number lost is binomial, and these sizes are the worst."""
    most = max(lost for lost in range(rows // 2) if TangoModel(0, lost, rows).p_above(-margin) <= 0.05)
    assert 0.055 < stats.binom.cdf(most, rows, margin) < 0.0605

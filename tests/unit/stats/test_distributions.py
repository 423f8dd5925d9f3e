"""Tail areas against scipy.stats and statsmodels, which the package itself must not import."""

from __future__ import annotations

import math

import pytest
from scipy import stats

from llmexp_tui.stats import distributions as d


def test_normal_and_t_match_scipy() -> None:
    for z in (-3.0, 0.0, 1.7, 9.0):
        assert d.normal_sf(z) == pytest.approx(stats.norm.sf(z), rel=1e-9)
        assert d.t_sf(z, 7.3) == pytest.approx(stats.t.sf(z, 7.3), rel=1e-9)
    assert d.normal_quantile(0.975) == pytest.approx(1.959964, abs=1e-6)
    assert d.t_quantile(0.975, 9) == pytest.approx(stats.t.ppf(0.975, 9))
    assert d.t_sf(2.0, math.inf) == pytest.approx(stats.norm.sf(2.0))


@pytest.mark.parametrize(("wins", "losses"), [(0, 0), (5, 0), (8, 22), (10, 10), (11, 10)])
def test_sign_test_is_the_exact_binomial_test(wins: int, losses: int) -> None:
    exact, mid = d.sign_test(wins, losses)
    expected = stats.binomtest(wins, wins + losses).pvalue if wins + losses else 1.0
    assert exact == pytest.approx(expected)
    assert mid <= exact


def test_mid_p_takes_half_of_the_observed_point() -> None:
    exact, mid = d.sign_test(3, 12)
    assert exact - mid == pytest.approx(stats.binom.pmf(3, 15, 0.5))


def test_rate_intervals_match_statsmodels() -> None:
    from statsmodels.stats.proportion import proportion_confint

    assert d.wilson_interval(17, 60, 0.95) == pytest.approx(proportion_confint(17, 60, method="wilson"))
    assert d.clopper_pearson(17, 60, 0.95) == pytest.approx(proportion_confint(17, 60, method="beta"))
    assert d.clopper_pearson(0, 10, 0.95)[0] == 0.0
    assert d.clopper_pearson(10, 10, 0.95)[1] == 1.0

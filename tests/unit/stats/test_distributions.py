"""Tail areas against SciPy and statsmodels, which the package itself does not import for them."""

from __future__ import annotations

import math

import pytest
from scipy import special, stats

from llmexp_tui.stats import distributions as d


def test_normal_and_t_match_scipy() -> None:
    for z in (-3.0, 0.0, 1.7, 9.0):
        assert d.normal_sf(z) == pytest.approx(stats.norm.sf(z), rel=1e-9)
        assert d.t_sf(z, 7.3) == pytest.approx(stats.t.sf(z, 7.3), rel=1e-9)
    assert d.normal_quantile(0.975) == pytest.approx(1.959964, abs=1e-6)
    assert d.t_quantile(0.975, 9) == pytest.approx(stats.t.ppf(0.975, 9))
    assert d.t_sf(2.0, math.inf) == pytest.approx(stats.norm.sf(2.0))


@pytest.mark.parametrize("df", [0.5, 1.0, 3.7, 24.0, 399.5, 99_998.0, 3e6])
def test_tails_of_t_hold_from_its_middle_to_where_they_vanish(df: float) -> None:
    for t in (0.0, 1e-7, 0.3, 1.0, 2.2, 5.0, 30.0, 1e9):
        assert d.t_sf(t, df) == pytest.approx(float(special.stdtr(df, -t)), rel=1e-9, abs=1e-280)
        assert d.t_sf(-t, df) == pytest.approx(float(special.stdtr(df, t)), rel=1e-9)
    for p in (1e-12, 0.003, 0.2, 0.5, 0.500001, 0.75, 0.95, 0.9999999):
        assert d.t_quantile(p, df) == pytest.approx(float(special.stdtrit(df, p)), rel=1e-8)


@pytest.mark.parametrize("n", [1, 7, 60, 2_000, 100_000, 1_000_000])
def test_tails_of_the_binomial_hold_for_any_size(n: int) -> None:
    for share in (-1 / n, 0.0, 0.02, 0.4, 0.5, 0.51, 1.0):
        hits = round(share * n)
        for p in (0.001, 0.3, 0.5, 0.9):
            expected = float(stats.binom.cdf(hits, n, p))
            assert d.binomial_cdf(hits, n, p) == pytest.approx(expected, rel=1e-8, abs=1e-290)
        if hits >= 0:
            low, high = d.clopper_pearson(hits, n, 0.99)
            assert low == pytest.approx(0.0 if hits == 0 else stats.beta.ppf(0.005, hits, n - hits + 1), rel=1e-8)
            assert high == pytest.approx(1.0 if hits == n else stats.beta.ppf(0.995, hits + 1, n - hits), rel=1e-8)


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

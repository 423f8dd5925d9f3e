"""Tail areas against scipy.stats and statsmodels, which the package itself must not import."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import optimize, stats

from llmexp_tui.stats import distributions as d
from llmexp_tui.stats.interval import TangoModel
from llmexp_tui.stats.multiplicity import benjamini_hochberg


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


@pytest.mark.parametrize(("hits", "rows"), [(0, 1), (1, 7), (17, 60), (999, 1000)])
def test_what_scipy_has_ready_is_what_stands_here(hits: int, rows: int) -> None:
    found = stats.binomtest(hits, rows)
    for method, own in (("wilson", d.wilson_interval), ("exact", d.clopper_pearson)):
        assert own(hits, rows, 0.9) == pytest.approx(tuple(found.proportion_ci(0.9, method)), abs=1e-9)
    p_values = np.random.default_rng(rows).random(rows) ** 3
    assert benjamini_hochberg(list(p_values)) == pytest.approx(list(stats.false_discovery_control(p_values)))
    model, z = TangoModel(hits, 0, rows + 3), stats.norm.isf(0.01)
    root = optimize.brentq(lambda null: model.score(null) - z, -1 + 1e-9, model.estimate - 1e-9)
    assert model.lower(0.01) == pytest.approx(root, abs=1e-9)

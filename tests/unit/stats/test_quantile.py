"""Tail quantiles: the windowed bootstrap and swap test against plain resampling of whole data sets."""

from __future__ import annotations

import numpy as np
import pytest

from llmexp_tui.stats.quantile import bootstrap_model, quantile7, swap_statistics
from llmexp_tui.stats.spec import tail_rows


def lognormal_pair(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    row = rng.lognormal(0, 0.5, n)
    return row * rng.lognormal(0, 0.3, n), row * rng.lognormal(0.1, 0.3, n)


def plain_bootstrap(a: np.ndarray, b: np.ndarray, q: float, draws: int) -> np.ndarray:
    index = np.random.default_rng(99).integers(0, len(a), (draws, len(a)))
    return np.log(np.quantile(b[index], q, axis=1) / np.quantile(a[index], q, axis=1))


@pytest.mark.parametrize(("n", "q"), [(60, 0.5), (200, 0.95), (1000, 0.5)])
def test_windowed_bootstrap_has_the_plain_ones_law(n: int, q: float) -> None:
    a, b = lognormal_pair(n, 1)
    rows = np.arange(n)
    model = bootstrap_model((a, rows), (b, rows), rows, n, q, 3, log=True, sign=1, draws=20_000)
    plain = plain_bootstrap(a, b, q, 8_000)
    probabilities = [0.025, 0.05, 0.25, 0.5, 0.75, 0.95, 0.975]
    width = np.quantile(plain, 0.975) - np.quantile(plain, 0.025)
    gap = np.abs(np.quantile(model.draws, probabilities) - np.quantile(plain, probabilities))
    assert gap.max() < 0.05 * width
    assert model.estimate == pytest.approx(float(np.log(np.quantile(b, q) / np.quantile(a, q))))


@pytest.mark.parametrize(("n", "q"), [(50, 0.9), (300, 0.5), (300, 0.95)])
def test_windowed_swap_has_the_plain_ones_law(n: int, q: float) -> None:
    a, b = lognormal_pair(n, 2)
    rows = np.arange(n)
    observed, swapped = swap_statistics((a, rows), (b, rows), rows, n, q, 3, log=True, draws=20_000)
    keep = np.random.default_rng(5).integers(0, 2, (20_000, n)).astype(bool)
    first, second = np.where(keep, a, b), np.where(keep, b, a)
    plain = np.abs(np.log(np.quantile(second, q, axis=1) / np.quantile(first, q, axis=1)))
    for level in (0.3 * observed, observed, 1.3 * observed):
        p = float(np.mean(plain >= level))
        assert float(np.mean(swapped >= level)) == pytest.approx(p, abs=5 * np.sqrt(0.25 / 20_000) + 1e-9)


def test_clusters_are_resampled_whole() -> None:
    """Ten clusters of twenty equal rows carry the information of ten rows, not of two hundred."""
    rng = np.random.default_rng(3)
    clusters = np.repeat(np.arange(10), 20)
    a = rng.lognormal(0, 0.5, 10)[clusters]
    b = rng.lognormal(0, 0.5, 10)[clusters]
    rows = np.arange(200)
    whole = bootstrap_model((a, rows), (b, rows), clusters, 10, 0.5, 1, log=True, sign=1)
    alone = bootstrap_model((a, rows), (b, rows), rows, 200, 0.5, 1, log=True, sign=1)
    assert whole.se > 2 * alone.se


def test_repeats_are_pooled() -> None:
    values = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    rows = np.array([0, 0, 1, 1, 2, 2])
    model = bootstrap_model((values, rows), (2 * values, rows), np.arange(3), 3, 0.5, 1, log=True, sign=-1)
    assert model.estimate == pytest.approx(-np.log(2))
    assert np.allclose(model.draws, -np.log(2))


def test_swapping_the_arms_keeps_the_statistics() -> None:
    a, b = lognormal_pair(80, 4)
    rows = np.arange(80)
    one = swap_statistics((a, rows), (b, rows), rows, 80, 0.5, 7, log=True)
    other = swap_statistics((b, rows), (a, rows), rows, 80, 0.5, 7, log=True)
    assert one[0] == pytest.approx(other[0])
    assert np.array_equal(one[1], other[1])


def test_quantiles_are_type_seven() -> None:
    assert quantile7(np.array([1.0, 2.0, 3.0, 4.0]), 0.95) == pytest.approx(3.85)


def test_a_tail_needs_ten_rows_beyond_it() -> None:
    assert [tail_rows(q) for q in (0.5, 0.9, 0.95, 0.99)] == [20, 100, 200, 1000]

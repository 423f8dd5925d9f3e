"""The sign-flip test against brute force, McNemar, and its own faster routes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from llmexp_tui.stats import signflip
from llmexp_tui.stats.signflip import flip_sd, sign_flip


def brute_force(sums: np.ndarray) -> float:
    every = [abs(float(np.dot(signs, sums))) for signs in itertools.product((1, -1), repeat=len(sums))]
    return float(np.mean(np.array(every) >= abs(sums.sum()) - 1e-9))


@pytest.mark.parametrize("n", [2, 6, 8, 9, 14])
def test_small_samples_equal_the_enumeration(n: int) -> None:
    sums = np.random.default_rng(n).normal(0.4, 1.0, n)
    found = sign_flip(sums, seed=1)
    assert found.method == "sign-flip exact"
    assert found.p == pytest.approx(brute_force(sums), abs=1e-12)


def test_binary_differences_give_mcnemars_exact_test() -> None:
    sums = np.r_[np.ones(22), -np.ones(8), np.zeros(170)]
    found = sign_flip(sums, seed=1)
    assert found.p == pytest.approx(stats.binomtest(8, 30).pvalue)
    assert found.active == 30


def test_mcnemar_agrees_with_statsmodels() -> None:
    from statsmodels.stats.contingency_tables import mcnemar

    sums = np.r_[np.ones(11), -np.ones(3)]
    assert sign_flip(sums, seed=1).p == pytest.approx(mcnemar([[50, 3], [11, 20]], exact=True).pvalue)


def test_draws_agree_with_the_enumeration(monkeypatch: pytest.MonkeyPatch) -> None:
    sums = np.random.default_rng(3).normal(0.35, 1.0, 14)
    exact = sign_flip(sums, seed=1).p
    monkeypatch.setattr(signflip, "EXACT_CLUSTERS", 5)
    drawn = sign_flip(sums, seed=1, draws=200_000)
    assert drawn.method == "sign-flip 200000 draws"
    assert drawn.p == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 200_000))


def test_binomial_draws_agree_with_sign_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(4)
    sums = rng.choice([-1.0, -0.5, 0.0, 0.5, 1.0], size=900) + rng.choice([0.0, 0.0, 0.0, 0.5], size=900) * 0.4
    fast = sign_flip(sums, seed=1, draws=40_000).p
    monkeypatch.setattr(signflip, "CLUSTERS_PER_VALUE", 10_000)
    slow = sign_flip(sums, seed=2, draws=40_000).p
    assert fast == pytest.approx(slow, abs=6 * np.sqrt(0.25 / 40_000))


def test_normal_limit_agrees_with_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    sums = np.random.default_rng(5).standard_t(5, 6000) + 0.03
    limit = sign_flip(sums, seed=1)
    assert limit.method == "sign-flip normal limit"
    monkeypatch.setattr(signflip, "LIMIT_CLUSTERS", 10**9)
    drawn = sign_flip(sums, seed=1, draws=20_000)
    assert limit.p == pytest.approx(drawn.p, abs=5 * np.sqrt(max(drawn.p, 1e-3) / 20_000))


def test_one_heavy_cluster_keeps_the_normal_limit_away() -> None:
    sums = np.r_[np.random.default_rng(6).normal(0, 1, 6000), 500.0]
    assert "draws" in sign_flip(sums, seed=1).method


def test_neither_order_nor_direction_nor_scale_changes_the_p_value() -> None:
    rng = np.random.default_rng(7)
    sums = rng.normal(0.1, 1, 60)
    p = sign_flip(sums, seed=9).p
    assert sign_flip(rng.permutation(sums), seed=9).p == p
    assert sign_flip(-sums, seed=9).p == p
    assert sign_flip(sums * 1e-9, seed=9).p == p


def test_rounding_noise_of_equal_means_stays_a_tie() -> None:
    sums = np.array([0.1 + 0.2 - 0.3, 1.0, 1.0, 1.0, -1.0, 1.0, 1.0])
    assert sign_flip(sums, seed=1).active == 6


def test_no_difference_at_all_is_no_evidence() -> None:
    found = sign_flip(np.zeros(40), seed=1)
    assert (found.p, found.active) == (1.0, 0)


def test_five_rows_cannot_reach_five_percent() -> None:
    assert sign_flip(np.ones(5), seed=1).p == 0.0625
    assert sign_flip(np.ones(6), seed=1).p == 0.03125


def test_draws_stay_within_the_memory_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    sums = np.random.default_rng(8).normal(0, 1, 400)
    whole = sign_flip(sums, seed=1, draws=2000).p
    monkeypatch.setattr(signflip, "CHUNK_BYTES", 5_000)
    assert sign_flip(sums, seed=1, draws=2000).p == pytest.approx(whole, abs=0.06)


def test_flip_sd_is_the_sd_of_the_flipped_sum() -> None:
    sums = np.array([3.0, 4.0, 12.0])
    every = [float(np.dot(signs, sums)) for signs in itertools.product((1, -1), repeat=3)]
    assert flip_sd(sums) == pytest.approx(np.std(every)) == pytest.approx(13.0)

"""The betting process: its wealth by a literal loop, its bounds against its own test."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from llmexp_tui.stats.anytime import CAP, BettingModel, wealth


def literal_wealth(gains: np.ndarray, lowest: float, scale: float) -> list[float]:
    amount, out = 1.0, []
    for t, gain in enumerate(gains):
        earlier = gains[:t]
        mean = (earlier.sum() + 30 * 0.05 * scale) / (t + 30)
        second = (np.square(earlier).sum() + 30 * 0.2 * scale**2) / (t + 30)
        amount *= 1 + min(max(mean / second, 0.0), CAP / -lowest) * gain
        out.append(amount)
    return out


def test_wealth_uses_earlier_rows_only() -> None:
    gains = np.random.default_rng(1).uniform(-1, 1, 40) + 0.1
    assert wealth(gains, -0.9, 0.5) == pytest.approx(literal_wealth(gains, -0.9, 0.5))


def test_no_bet_can_ruin() -> None:
    gains = np.r_[np.ones(20), -np.ones(20)]
    assert wealth(gains, -1.0, 0.5).min() > 0


def test_wealth_is_a_fair_game_at_the_null() -> None:
    final = [wealth(np.array(game), -1.0, 0.5)[-1] for game in itertools.product((-1.0, 1.0), repeat=10)]
    assert np.mean(final) == pytest.approx(1.0, abs=1e-12)


def test_bounds_invert_the_test() -> None:
    sums = np.random.default_rng(3).normal(0.1, 0.3, 300).clip(-1, 1)
    model = BettingModel(sums, np.ones(300), 1.0)
    low, high = model.lower(0.025), model.upper(0.025)
    assert low < model.estimate < high
    assert model.p_above(low) <= 0.025 < model.p_above(low + 3e-4)
    assert model.p_below(high) <= 0.025 < model.p_below(high - 3e-4)


def test_clusters_count_by_their_rows() -> None:
    sizes = np.array([1.0, 4.0] * 100)
    model = BettingModel(np.full(200, 0.2) * sizes, sizes, 1.0)
    assert model.estimate == pytest.approx(0.2)
    assert model.p_above(0.0) < 0.01


def test_a_claim_beyond_the_scale_is_never_made() -> None:
    model = BettingModel(np.full(20, 0.5), np.ones(20), 1.0)
    assert model.p_above(1.0) == 1.0


def test_the_wealth_of_both_ways_is_fair_where_nothing_differs() -> None:
    games = itertools.product((-1.0, 1.0), repeat=9)
    final = [BettingModel(np.array(game), np.ones(9), 1.0).e_value for game in games]
    assert np.mean(final) == pytest.approx(1.0, abs=1e-12)


def test_of_clusters_that_still_grow_the_present_wealth_counts() -> None:
    sums = np.r_[np.full(40, 0.5), np.full(40, -0.5)]
    so_far = BettingModel(sums, np.ones(80), 1.0)
    now = BettingModel(sums, np.ones(80), 1.0, growing=True)
    assert so_far.p_above(0.0) < 0.01 < now.p_above(0.0)


def test_no_bet_is_too_large_for_the_cluster_that_is_still_to_come() -> None:
    sums, sizes = np.full(20, -1.2), np.full(20, 3.0)
    seen, planned = (BettingModel(sums, sizes, 1.0, largest) for largest in (1.0, 30.0))
    assert seen.p_below(0.0) < 0.025 < planned.p_below(0.0)

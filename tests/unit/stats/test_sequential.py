"""Spending functions and boundaries: published values, and the alpha they spend by simulation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from llmexp_tui.errors import ConfigError
from llmexp_tui.stats.distributions import normal_quantile
from llmexp_tui.stats.sequential import (
    FRACTIONS,
    look_sizes,
    nominal_levels,
    obrien_fleming,
    plan_looks,
    pocock,
    runs3_levels,
)


def test_spending_ends_at_alpha() -> None:
    assert obrien_fleming(0.05, 1.0) == pytest.approx(0.05)
    assert pocock(0.025, 1.0) == pytest.approx(0.025)


def test_boundaries_match_the_published_lan_demets_table() -> None:
    """One-sided .025 with five equal looks: z = 4.877, 3.357, 2.680, 2.290, 2.031 (Jennison and Turnbull 2000)."""
    levels = nominal_levels(FRACTIONS, 0.025, obrien_fleming)
    assert [-normal_quantile(p) for p in levels] == pytest.approx([4.877, 3.357, 2.680, 2.290, 2.031], abs=2e-3)


def test_the_planned_looks_are_the_designed_ones() -> None:
    looks = plan_looks().looks
    assert [look.noninferior for look in looks] == pytest.approx([1.2e-5, 0.0019, 0.0108, 0.0249, 0.0410], rel=0.03)
    assert [look.regress for look in looks] == pytest.approx([0.0074, 0.0076, 0.0080, 0.0083, 0.0085], rel=0.01)
    assert [look.improve for look in looks] == pytest.approx([5.4e-7, 0.0004, 0.0037, 0.0110, 0.0211], rel=0.04)


def test_the_three_run_rule_splits_alpha_as_designed() -> None:
    first, second = runs3_levels().looks
    assert (first.noninferior, second.noninferior) == pytest.approx((0.0056, 0.0482), abs=1e-4)
    assert (first.regress, second.regress) == pytest.approx((0.0015, 0.0245), abs=1e-4)
    assert first.improve == first.regress


@pytest.mark.parametrize("spending", [obrien_fleming, pocock])
def test_unequal_looks_spend_exactly_alpha(spending: Callable[[float, float], float]) -> None:
    fractions = (0.3, 0.45, 0.9, 1.0)
    levels = nominal_levels(fractions, 0.05, spending)
    rng = np.random.default_rng(1)
    steps = np.sqrt(np.diff([0.0, *fractions]))
    path = np.cumsum(rng.normal(0, 1, (200_000, 4)) * steps, axis=1) / np.sqrt(fractions)
    crossed = (path >= [-normal_quantile(p) for p in levels]).any(axis=1).mean()
    assert crossed == pytest.approx(0.05, abs=4 * np.sqrt(0.05 * 0.95 / 200_000))


def test_small_experiments_get_a_single_look() -> None:
    assert look_sizes(400) == (80, 160, 240, 320, 400)
    assert look_sizes(150) == (150,)


@pytest.mark.parametrize("fractions", [(), (0.5, 0.4), (0.5, 1.2), (0.0, 1.0)])
def test_senseless_looks_are_refused(fractions: tuple[float, ...]) -> None:
    with pytest.raises(ConfigError, match="looks at"):
        nominal_levels(fractions, 0.05, pocock)


def test_the_last_look_is_known() -> None:
    plan = plan_looks((0.5, 1.0))
    assert [plan.is_final(i) for i in range(2)] == [False, True]
    assert plan.levels(1).noninferior > plan.levels(0).noninferior

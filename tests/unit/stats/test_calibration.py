"""A small version of the calibration, every scenario on a few data sets; the full one is in tests/bench."""

from __future__ import annotations

import pytest
from scipy import stats

from tests.bench.calibration import SCENARIOS, Scenario, measure

SETS = 24
CHANCE = 1e-4
"""A true rate at its bound trips a scenario this rarely."""


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_the_rate_does_not_contradict_its_bound(scenario: Scenario) -> None:
    rate = measure(scenario, SETS, seed=3)
    if scenario.most is not None:
        assert stats.binom.sf(rate.hits - 1, SETS, scenario.most) > CHANCE
    if scenario.least is not None:
        assert stats.binom.cdf(rate.hits, SETS, scenario.least) > CHANCE


def test_the_small_version_can_fail() -> None:
    """A rule that claims always, or never finds anything, would be caught with this few data sets."""
    claims_always = Scenario("always", "claims", lambda rng, seed: True, most=0.05)
    assert stats.binom.sf(measure(claims_always, SETS, 1).hits - 1, SETS, 0.05) < CHANCE
    finds_nothing = Scenario("never", "passes", lambda rng, seed: False, least=0.5)
    assert stats.binom.cdf(measure(finds_nothing, SETS, 1).hits, SETS, 0.5) < CHANCE

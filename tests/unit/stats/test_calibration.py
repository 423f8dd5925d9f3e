"""A small version of the calibration, every scenario on as many data sets as a moment allows; the full one is in
tests/bench. What it can notice is shown by planting the faults that such code is known for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats

from llmexp_tui.stats import engine, estimate, gate, pairs
from tests.bench.calibration import NOT_INTERLEAVED, SCENARIOS, Scenario, measure

SETS = 40
FEWER = {"watched live": 6, "p95": 10, "early stop": 24, "slices": 12, "metrics": 30, "three": 30}
"""What costs more is asked of fewer data sets."""
CHANCE = 1e-4
"""A true rate at its bound trips a scenario this rarely."""


def sets_of(scenario: Scenario) -> int:
    return next((count for part, count in FEWER.items() if part in scenario.name), SETS)


def contradicts(scenario: Scenario, hits: int, sets: int) -> bool:
    """True where so many hits would be seen less than CHANCE of the time were the rate at its bound."""
    most, least = scenario.most, scenario.least
    too_many = most is not None and stats.binom.sf(hits - 1, sets, most) <= CHANCE
    return too_many or (least is not None and stats.binom.cdf(hits, sets, least) <= CHANCE)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_the_rate_does_not_contradict_its_bound(scenario: Scenario) -> None:
    sets = sets_of(scenario)
    assert not contradicts(scenario, measure(scenario, sets, seed=3).hits, sets)


def without_phantom(sums: Any, sizes: Any, width: float | None = None, **rest: Any) -> Any:
    return engine.mean_model(sums, sizes, None, extra_variance=rest.get("extra_variance", 0.0))


def every_row_alone(clusters: Any, rows: np.ndarray) -> tuple[np.ndarray, int]:
    return np.arange(len(rows)), len(rows)


def by_name(pairs: Any, seed: int) -> np.ndarray:
    return np.arange(pairs.n_clusters)


FAULTS: list[tuple[str, Any, str, Callable[..., Any], int]] = [
    ("0 to .1 or everything, 62 rows", estimate, "mean_model", without_phantom, 300),
    ("A/A five metrics, 60 rows", gate, "holm_levels", lambda p, alpha: [alpha] * len(p), 80),
    ("worse by the margin through failed calls", pairs, "_worst_value", lambda *of: None, 40),
    ("worse by the margin, 40 clusters", pairs, "_cluster_codes", every_row_alone, 150),
    ("A/A watched live, names tell", estimate, "_cluster_order", by_name, 6),
]  # fmt: skip


@pytest.mark.parametrize(("name", "module", "part", "fault", "sets"), FAULTS, ids=[one[2] for one in FAULTS])
def test_a_planted_fault_is_noticed(
    monkeypatch: pytest.MonkeyPatch, name: str, module: Any, part: str, fault: Callable[..., Any], sets: int
) -> None:
    scenario = next(s for s in SCENARIOS if s.name == name)
    assert not contradicts(scenario, measure(scenario, sets, seed=5).hits, sets)
    monkeypatch.setattr(module, part, fault)
    assert contradicts(scenario, measure(scenario, sets, seed=5).hits, sets)


def test_arms_that_ran_one_after_the_other_are_noticed() -> None:
    apart = Scenario(NOT_INTERLEAVED.name, "claims", NOT_INTERLEAVED.hit, most=0.05)
    assert contradicts(apart, measure(apart, 60, seed=5).hits, 60)


def test_a_rule_that_finds_nothing_is_noticed() -> None:
    finds_nothing = Scenario("never", "passes", lambda rng, seed: False, least=0.5)
    assert contradicts(finds_nothing, measure(finds_nothing, SETS, 1).hits, SETS)

"""The rule's lines in their order, each at its edge."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from llmexp_tui.stats import Levels
from llmexp_tui.stats.verdict import Decision, Evidence, decide, guard_by_runs

LEVELS = Levels.fixed(0.05)
EVIDENCE = Evidence(
    delta=0.03, p_flip=0.4, p_improved=0.2, p_regressed=0.8, p_noninferior=0.2, floor=0.01,
    lower90=-0.06, upper90=0.08, margin=0.05, significantly_worse=False, active=40,
)


def verdict(**change: Any) -> Decision:
    return decide(replace(EVIDENCE, **change), LEVELS)


def test_improved_needs_the_interval_the_flip_and_the_floor() -> None:
    assert verdict(p_improved=0.025).verdict == "improved"
    assert verdict(p_improved=0.026).verdict == "inconclusive"
    assert verdict(p_improved=0.001, floor=0.03).verdict == "inconclusive"
    assert verdict(p_improved=0.001, floor=None).verdict == "improved"
    assert verdict(p_improved=0.001, active=5).verdict == "inconclusive"


def test_improved_comes_before_no_regression() -> None:
    assert verdict(p_improved=0.001, p_noninferior=0.001).verdict == "improved"


def test_regressed_needs_a_margin_that_is_not_shown() -> None:
    worse = {"delta": -0.03, "p_regressed": 0.01}
    assert verdict(**worse).verdict == "regressed"
    within = verdict(**worse, p_noninferior=0.04, significantly_worse=True)
    assert (within.verdict, within.note) == ("no_regression", "significantly worse, but within the margin")
    assert verdict(**worse, p_noninferior=None, margin=None).verdict == "regressed"


def test_no_regression_and_equivalence() -> None:
    assert verdict(p_noninferior=0.05).equivalent is False
    assert verdict(p_noninferior=0.05, upper90=0.049).equivalent is True
    assert verdict(p_noninferior=0.051).verdict == "inconclusive"


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"p_improved": 0.001, "floor": 0.05}, "noise floor"),
        ({"p_improved": 0.001, "active": 4}, "fewer than 6"),
        ({"margin": None, "p_noninferior": None}, "without a margin"),
        ({"p_unseen": 0.2}, "so few rows"),
        ({}, "neither"),
    ],
)
def test_the_reason_names_what_is_missing(change: dict[str, Any], word: str) -> None:
    found = verdict(**change)
    assert found.verdict == "inconclusive"
    assert word in found.reason


def test_smaller_levels_at_an_early_look_decide_less() -> None:
    early = Levels(improve=5e-7, regress=0.0074, noninferior=1.2e-5)
    evidence = replace(EVIDENCE, p_improved=0.001, p_noninferior=0.001)
    assert decide(evidence, early).verdict == "inconclusive"


def test_the_worst_run_only_demotes() -> None:
    improved, steady = Decision("improved", "r"), Decision("no_regression", "r")
    assert guard_by_runs(improved, (0.1, 0.02, 0.05), 0.05, "guard") is improved
    assert guard_by_runs(improved, (0.1, -0.01, 0.05), 0.05, "guard").verdict == "no_regression"
    assert guard_by_runs(improved, (0.1, -0.06, 0.05), 0.05, "guard").verdict == "inconclusive"
    assert guard_by_runs(improved, (0.1, -0.01), None, "guard").verdict == "inconclusive"
    assert guard_by_runs(steady, (0.0, -0.05, 0.0), 0.05, "guard").verdict == "inconclusive"
    assert guard_by_runs(steady, (0.0, -0.05, 0.0), 0.05, "off") is steady
    regressed = Decision("regressed", "r")
    assert guard_by_runs(regressed, (-0.2, 0.1), 0.05, "guard") is regressed
    assert guard_by_runs(regressed, (-0.2, 0.1), 0.05, "strict") is regressed


def test_strict_takes_each_runs_lower_bound() -> None:
    steady = Decision("no_regression", "r")
    assert guard_by_runs(steady, (0.0, 0.0, 0.0), 0.05, "strict", (-0.04, -0.04, -0.06)).verdict == "inconclusive"
    assert guard_by_runs(steady, (0.0, 0.0, 0.0), 0.05, "strict", (-0.04, -0.04, -0.04)) is steady

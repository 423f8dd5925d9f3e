"""Several metrics and candidates: who passes, who fails, and what outranks what."""

from __future__ import annotations

from dataclasses import replace

import pytest

from llmexp_tui.stats import Levels
from llmexp_tui.stats.gate import GateInput, GateOutcome, judge

LEVELS = Levels.fixed(0.05)
PASSING = GateInput("B", "accuracy", "gate", "no_regression", "fine", 0.03, 0.4, 0.6)
IMPROVED = replace(PASSING, verdict="improved", p_improved=0.001, p_noninferior=0.0001)
REGRESSED = replace(PASSING, verdict="regressed", p_noninferior=0.9, p_improved=0.99, p_regressed=0.01)
UNDECIDED = replace(PASSING, verdict="inconclusive", p_noninferior=0.2)
INVALID = replace(UNDECIDED, invalid=True, p_noninferior=None, p_improved=None, p_regressed=None)


def outcome(*inputs: GateInput, aa_required: bool = False) -> GateOutcome:
    named = [replace(entry, metric=f"{entry.metric} {i}") for i, entry in enumerate(inputs)]
    return judge(named, LEVELS, aa_required=aa_required)


def test_all_metrics_pass_at_full_alpha() -> None:
    found = outcome(PASSING, replace(PASSING, p_noninferior=0.05), IMPROVED)
    assert (found.status, found.states) == ("pass", ("pass", "pass", "pass"))
    assert found.p_gate == 0.05


def test_one_undecided_metric_stops_the_pass() -> None:
    assert outcome(PASSING, UNDECIDED).status == "inconclusive"


def test_a_failure_is_corrected_by_holm() -> None:
    assert outcome(REGRESSED, PASSING).status == "fail"
    crowd = [replace(PASSING, p_regressed=0.5)] * 4
    found = outcome(replace(REGRESSED, p_regressed=0.006), *crowd)
    assert found.status == "inconclusive"
    assert "correction for several metrics" in found.reasons[0]
    assert outcome(replace(REGRESSED, p_regressed=0.005), *crowd).status == "fail"


def test_significantly_worse_within_the_margin_does_not_fail() -> None:
    assert outcome(replace(PASSING, p_regressed=0.001)).status == "pass"


def test_exploratory_metrics_neither_pass_nor_block_nor_count() -> None:
    explored = [replace(e, role="exploratory") for e in (REGRESSED, INVALID, UNDECIDED)]
    found = outcome(PASSING, *explored)
    assert (found.status, found.states) == ("pass", ("pass", None, None, None))
    assert outcome(replace(REGRESSED, p_regressed=0.024), *explored).status == "fail"


def test_must_improve_needs_an_improvement() -> None:
    must = replace(PASSING, role="must_improve")
    found = outcome(must)
    assert found.status == "inconclusive" and "must improve" in found.reasons[0]
    assert outcome(replace(IMPROVED, role="must_improve")).status == "pass"


@pytest.mark.parametrize("others", [(), (PASSING,)])
def test_an_invalid_metric_outranks_an_undecided_one(others: tuple[GateInput, ...]) -> None:
    assert outcome(INVALID, UNDECIDED, *others).status == "invalid"


def test_a_valid_failure_outranks_an_invalid_metric() -> None:
    assert outcome(REGRESSED, INVALID).status == "fail"


def test_an_unmeasured_floor_stops_the_pass_only_where_required() -> None:
    blind = replace(PASSING, floor_unmeasured=True)
    assert outcome(blind).status == "pass"
    found = outcome(blind, aa_required=True)
    assert found.status == "inconclusive" and "noise floor" in found.reasons[0]
    assert outcome(replace(REGRESSED, floor_unmeasured=True), aa_required=True).status == "fail"


def test_several_candidates_share_alpha() -> None:
    one = replace(PASSING, candidate="B", p_noninferior=0.02)
    other = replace(PASSING, candidate="C", p_noninferior=0.04)
    found = judge([one, other], LEVELS, aa_required=False)
    assert found.states == ("pass", "pass")
    weaker = judge([replace(one, p_noninferior=0.03), other], LEVELS, aa_required=False)
    assert weaker.states == ("inconclusive", "inconclusive")
    assert "for several" in weaker.reasons[0]
    assert (found.shortfalls, weaker.shortfalls) == ((None, None), ("correction", "correction"))


def test_several_candidates_share_alpha_where_they_must_improve() -> None:
    must = replace(IMPROVED, role="must_improve")
    one, other = replace(must, candidate="B", p_improved=0.012), replace(must, candidate="C", p_improved=0.024)
    assert judge([one, other], LEVELS, aa_required=False).status == "pass"
    weaker = judge([replace(one, p_improved=0.013), other], LEVELS, aa_required=False)
    assert (weaker.status, weaker.shortfalls) == ("inconclusive", ("correction", "correction"))


def test_what_a_verdict_lacks_for_the_gate_is_told_apart() -> None:
    """An unmeasured floor is no reason where the plan does without one."""
    blind = replace(PASSING, floor_unmeasured=True)
    must = replace(PASSING, role="must_improve")
    assert outcome(blind).shortfalls == (None,)
    assert outcome(blind, aa_required=True).shortfalls == ("floor",)
    assert outcome(must, blind, aa_required=True).shortfalls == ("must_improve", "floor")
    several = [replace(blind, candidate=name, p_noninferior=0.04) for name in "BC"]
    assert judge(several, LEVELS, aa_required=False).shortfalls == ("correction", "correction")
    assert judge([REGRESSED, PASSING], LEVELS, aa_required=False).shortfalls == (None, None)


def test_an_improvement_passes_by_its_own_p_value() -> None:
    """Few rows can show an improvement although a rare loss cannot be ruled out yet."""
    assert outcome(replace(IMPROVED, p_noninferior=0.3, p_improved=0.01)).status == "pass"


def test_without_a_gate_nothing_passes() -> None:
    assert outcome(replace(PASSING, role="exploratory")).status == "inconclusive"

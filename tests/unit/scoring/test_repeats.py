from __future__ import annotations

from itertools import combinations
from statistics import fmean

import pytest

from llmexp_tui.scoring.repeats import RepeatRule, pass_at_k, pass_hat_k
from tests.unit.scoring.build import scorer


@pytest.mark.parametrize(
    ("attempts", "passes", "k"), [(5, 2, 1), (5, 2, 3), (5, 0, 2), (5, 5, 5), (10, 3, 4), (1, 1, 1)]
)
def test_both_are_the_mean_over_all_choices_of_k(attempts: int, passes: int, k: int) -> None:
    scores = [1.0] * passes + [0.0] * (attempts - passes)
    choices = list(combinations(scores, k))
    assert pass_at_k(attempts, passes, k) == pytest.approx(fmean(max(choice) for choice in choices))
    assert pass_hat_k(attempts, passes, k) == pytest.approx(fmean(min(choice) for choice in choices))


def test_too_few_repeats_are_an_error() -> None:
    with pytest.raises(ValueError, match="at least 3 repeats"):
        RepeatRule("pass_at_k", 3).value([1.0, 0.0])


def test_a_scorer_carries_its_rule() -> None:
    rule = scorer("exact_match", pass_hat_k=2).repeat_rule
    assert rule == RepeatRule("pass_hat_k", 2)
    assert rule.value([1.0, 1.0, 0.0]) == pytest.approx(1 / 3)
    assert scorer("exact_match").repeat_rule is None

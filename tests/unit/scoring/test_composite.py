from __future__ import annotations

from typing import Any

import pytest

from llmexp_tui.domain.score import ScorerSpec
from llmexp_tui.errors import ConfigError
from llmexp_tui.scoring.base import ScorerContext
from llmexp_tui.scoring.composite import weighted_mean
from llmexp_tui.scoring.discipline import differences
from tests.unit.scoring.build import sample, scorer
from tests.unit.scoring.judges import always, context, hear

PARTS: list[Any] = ["exact_match", {"type": "token_f1", "weight": 3}, {"type": "refusal", "weight": 0}]


def test_a_weighted_mean_of_parts_on_one_scale() -> None:
    check = scorer("composite", parts=PARTS)
    assert (check.meta.type, check.needs_expected, check.columns) == ("bounded", True, ("expected",))
    score = check.score(sample("the cat sat", "a cat slept"))
    assert score.value == pytest.approx((0 + 3 * 0.5) / 4)
    assert score.reason == "exact_match 0, token_f1 0.5, refusal 1"


def test_a_part_where_lower_is_better_is_turned() -> None:
    check = scorer("composite", parts=["refusal"])
    assert check.score(sample("I cannot help with that.")).value == 0.0
    assert not check.needs_expected


def test_a_part_without_a_score_leaves_the_whole_unscored() -> None:
    score = scorer("composite", parts=PARTS).score(sample("x"))
    assert (score.value, score.error) == (None, "exact_match: the row has no expected answer")


def test_siblings_by_name_and_their_weights() -> None:
    siblings = {"priority": ScorerSpec("contains", "priority", {"value": "priority:", "weight": 3})}
    check = scorer("composite", ScorerContext(siblings=siblings), parts=["priority", "exact_match"])
    assert check.score(sample("priority: high", "no")).value == 0.75


async def test_a_judge_as_a_part_brings_its_cost() -> None:
    parts = ["exact_match", {"type": "closed_qa", "model": "jury", "criteria": "x"}]
    check = scorer("composite", context(), parts=parts)
    assert (check.calls, check.models) == (True, ("jury",))
    score = await hear(check, sample("a", "a"), always({"reason": "", "choice": "N"}))
    assert (score.value, score.cost_usd, score.model_returned) == (0.5, 0.25, "gpt-4o-2024-08-06")


def test_weights_and_parts_are_the_fingerprint() -> None:
    one = scorer("composite", parts=["exact_match", "token_f1"])
    heavier = scorer("composite", parts=["exact_match", {"type": "token_f1", "weight": 2}])
    renamed = scorer("composite", parts=["exact_match", {"type": "token_f1", "name": "f"}])
    assert one.fingerprint != heavier.fingerprint
    assert one.fingerprint == renamed.fingerprint
    assert differences(one.body(), heavier.body()) == ("settings.parts.2.weight: 1.0 and 2.0",)


def test_in_which_part_two_composites_differ_is_said() -> None:
    kind, polite = (
        scorer("composite", context(), parts=["exact_match", {"type": "judge", "model": "jury", "criteria": words}])
        for words in ("kind", "polite")
    )
    assert kind.fingerprint != polite.fingerprint
    assert "settings.parts.2.settings.rubric: 'kind' and 'polite'" in differences(kind.body(), polite.body())


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (None, "needs parts"), ([], "needs parts"), ([{"weight": 1}], "no type"), ([3], "no scorer"),
        (["composite"], "cannot be a part"), (["length"], "no bounds"),
        ([{"type": "exact_match", "weight": 0}], "nothing"),
        (["exact_mach"], "part exact_mach: unknown scorer type"),
    ],
)
def test_parts_that_make_no_composite(parts: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        scorer("composite", parts=parts)


def test_weighted_mean() -> None:
    assert weighted_mean([(1.0, 1.0), (0.0, 3.0)]) == 0.25
    with pytest.raises(ValueError, match="nothing"):
        weighted_mean([(1.0, 0.0)])

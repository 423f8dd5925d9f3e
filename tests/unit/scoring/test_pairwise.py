from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.unit.scoring.build import sample, scorer
from tests.unit.scoring.judges import Asked, ScriptedJudge, context, hear


def judge_by(prefer: str) -> ScriptedJudge:
    """Prefers the answer that holds a word, or always the same place."""

    def reply(asked: Asked) -> Mapping[str, Any]:
        if prefer in ("first", "second", "tie"):
            return {"reason": "place", "better": prefer}
        first = asked.data.partition("begin first answer]")[2].partition("begin second answer]")[0]
        return {"reason": "word", "better": "first" if prefer in first else "second"}

    return ScriptedJudge(reply)


@pytest.mark.parametrize(
    ("prefer", "value", "label", "orders"),
    [
        ("mine", 1.0, "better", (1, 1)), ("theirs", 0.0, "worse", (-1, -1)), ("tie", 0.5, "tie", (0, 0)),
        ("first", 0.5, "first place", (1, -1)), ("second", 0.5, "second place", (-1, 1)),
    ],
)
async def test_both_orders_decide(prefer: str, value: float, label: str, orders: tuple[int, int]) -> None:
    from llmexp_tui.scoring.pairwise import orders_of

    judge = judge_by(prefer)
    score = await hear(scorer("pairwise", context(), model="jury"), sample("mine", "theirs"), judge)
    assert (score.value, score.label) == (value, label)
    assert orders_of(score.label) == orders
    assert len(judge.asked) == 2
    assert score.cost_usd == 0.5


async def test_against_another_variant_or_column() -> None:
    from llmexp_tui.scoring.pairwise import against_baseline

    check = scorer("pairwise", context(), model="jury", criteria="Shorter wins.")
    paired = against_baseline(sample("mine", "gold"), "theirs")
    assert (await hear(check, paired, judge_by("theirs"))).value == 0.0
    column = scorer("pairwise", context(), model="jury", against="old")
    assert (column.needs_expected, column.columns) == (False, ("old",))
    assert (await hear(column, sample("mine", row={"old": "theirs"}), judge_by("mine"))).value == 1.0


async def test_a_tie_in_one_order_only_is_a_tie() -> None:
    replies = iter([{"reason": "", "better": "tie"}, {"reason": "", "better": "second"}])
    score = await hear(
        scorer("pairwise", context(), model="jury"), sample("a", "b"), ScriptedJudge(lambda asked: next(replies))
    )
    assert (score.value, score.raw, score.label) == (0.5, 0.0, "tie")

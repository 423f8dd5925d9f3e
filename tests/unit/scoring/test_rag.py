from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from llmexp_tui.domain.prompt import Message
from llmexp_tui.domain.score import Score
from llmexp_tui.domain.usage import Embeddings
from llmexp_tui.scoring.base import ScorerContext
from llmexp_tui.scoring.rag import average_precision, noise
from tests.unit.scoring.build import sample, scorer
from tests.unit.scoring.judges import MODELS, Asked, ScriptedJudge, context, hear

QUESTION = (Message("system", "Answer."), Message("user", "Where is Bern?"))


def block(asked: Asked, name: str) -> str:
    return asked.data.partition(f"begin {name}]\n")[2].partition("\n[")[0]


def clerk(facts: Mapping[str, Sequence[str]]) -> ScriptedJudge:
    """A literal judge: an answer's sentences are its statements, and a text supports what `facts` lists for it."""

    def reply(asked: Asked) -> Mapping[str, Any]:
        if "statements" in asked.schema["properties"]:
            return {"statements": [part.strip() for part in block(asked, "answer").split(".") if part.strip()]}
        passage = block(asked, "context")
        known = [fact for text, listed in facts.items() if text in passage for fact in listed]
        lines = [line.partition(". ")[2] for line in block(asked, "statements").splitlines()]
        return {"verdicts": [{"reason": "", "verdict": int(line in known)} for line in lines]}

    return ScriptedJudge(reply)


FACTS = {
    "P1": ["Bern is in Switzerland", "Bern is big"], "P2": ["Bern is in Texas"], "GOLD": ["Bern is in Switzerland"],
}


async def ask(
    type: str, judge: ScriptedJudge, answer: str, contexts: tuple[str, ...] | None, **settings: Any
) -> Score:
    check = scorer(type, context(), model="jury", **settings)
    item = sample(answer, "GOLD. Bern is in Switzerland", contexts=contexts, messages=QUESTION)
    return await hear(check, item, judge)


async def test_faithfulness_is_the_supported_share() -> None:
    judge = clerk(FACTS)
    score = await ask("faithfulness", judge, "Bern is in Switzerland. Bern is old.", ("P1", "P2"))
    assert score.value == 0.5
    assert score.reason == "not supported: Bern is old"
    assert block(judge.asked[0], "question") == "Where is Bern?"
    assert "P1\nP2" in judge.asked[1].data


async def test_an_answer_without_statements_is_unscored() -> None:
    score = await ask("faithfulness", clerk(FACTS), "...", ("P1",))
    assert (score.value, score.error) == (None, "the answer holds no statement to check")


@pytest.mark.parametrize(("repaired", "value"), [(True, 1.0), (False, None)])
async def test_too_few_verdicts_are_asked_for_once_more(repaired: bool, value: float | None) -> None:
    def reply(asked: Asked) -> Mapping[str, Any]:
        if "statements" in asked.schema["properties"]:
            return {"statements": ["a", "b"]}
        return {"verdicts": [{"reason": "", "verdict": 1}] * (2 if repaired and len(asked.messages) == 4 else 1)}

    judge = ScriptedJudge(reply)
    score = await ask("faithfulness", judge, "x", ("P1",))
    assert (score.value, len(judge.asked)) == (value, 3)
    assert "holds 1 entries, not 2" in (score.error or judge.asked[2].messages[3].content)


async def test_context_recall_is_the_attributed_share_of_the_reference() -> None:
    check = scorer("context_recall", context(), model="jury")
    item = sample("anything", "Bern is in Switzerland. Bern is old.", contexts=("P1",), messages=QUESTION)
    assert (await hear(check, item, clerk(FACTS))).value == 0.5


@pytest.mark.parametrize(
    ("verdicts", "wanted"),
    [([1, 0, 1], (1 + 2 / 3) / 2), ([0, 1], 0.5), ([1, 1, 0], 1.0), ([0, 0], 0.0), ([0, 0, 1], 1 / 3)],
)
async def test_context_precision_rewards_the_right_order(verdicts: list[int], wanted: float) -> None:
    assert average_precision(verdicts) == pytest.approx(wanted)
    rest = list(verdicts)
    judge = ScriptedJudge(lambda asked: {"reason": "", "verdict": rest.pop(0)})
    score = await ask("context_precision", judge, "x", tuple(f"P{i}" for i in range(len(verdicts))))
    assert score.value == pytest.approx(wanted)
    assert block(judge.asked[0], "answer") == "GOLD. Bern is in Switzerland"


async def test_context_precision_against_the_answer_needs_no_reference() -> None:
    check = scorer("context_precision", context(), model="jury", against="answer")
    assert not check.needs_expected
    judge = ScriptedJudge(lambda asked: {"reason": "", "verdict": 1})
    assert (await hear(check, sample("mine", contexts=("P1",)), judge)).value == 1.0
    assert block(judge.asked[0], "answer") == "mine"


async def test_context_relevance_is_the_mean_of_two_ratings() -> None:
    ratings = iter([2, 1])
    judge = ScriptedJudge(lambda asked: {"reason": "", "rating": next(ratings)})
    score = await ask("context_relevance", judge, "x", ("P1",))
    assert (score.value, score.raw) == (0.75, 1.5)
    assert judge.asked[0].system != judge.asked[1].system


async def test_noise_sensitivity_counts_wrong_statements_by_their_source() -> None:
    answer = "Bern is in Switzerland. Bern is in Texas. Bern is big"
    score = await ask("noise_sensitivity", clerk(FACTS), answer, ("P1", "P2"))
    assert score.value == pytest.approx(1 / 3)  # "Bern is big": not in the reference, from a relevant context
    score = await ask("noise_sensitivity", clerk(FACTS), answer, ("P1", "P2"), mode="irrelevant")
    assert score.value == pytest.approx(1 / 3)  # "Bern is in Texas": from a context that supports no reference
    assert scorer("noise_sensitivity", context(), model="jury").meta.direction == "lower"


def test_noise_as_ragas_computes_it() -> None:
    import random

    import numpy as np

    rnd = random.Random(5)
    for _ in range(300):
        contexts, answers, wanted = rnd.randint(1, 4), rnd.randint(1, 5), rnd.randint(1, 4)
        by_answer = [[rnd.randint(0, 1) for _ in range(answers)] for _ in range(contexts)]
        by_reference = [[rnd.randint(0, 1) for _ in range(wanted)] for _ in range(contexts)]
        right = [rnd.randint(0, 1) for _ in range(answers)]
        answer_matrix, reference_matrix = np.array(by_answer, bool).T, np.array(by_reference, bool).T
        relevant = reference_matrix.any(axis=0, keepdims=True)
        from_relevant = (relevant & answer_matrix).any(axis=1)
        from_other = (~relevant & answer_matrix).any(axis=1) & ~from_relevant
        incorrect = ~np.array(right, bool)
        relevant_noise = noise(by_answer, by_reference, right, irrelevant=False)
        other_noise = noise(by_answer, by_reference, right, irrelevant=True)
        assert relevant_noise == pytest.approx((from_relevant & incorrect).mean())
        assert other_noise == pytest.approx((from_other & incorrect).mean())


async def test_answer_relevancy_asks_back_and_compares() -> None:
    judge = ScriptedJudge(lambda asked: {"question": "Where is Bern?", "noncommittal": 0})
    score = await ask("answer_relevancy", judge, "In Switzerland.", None)
    assert score.value == pytest.approx(1.0)
    assert [asked.repeat for asked in judge.asked] == [0, 1, 2]
    evasive = ScriptedJudge(lambda asked: {"question": "Where is Bern?", "noncommittal": 1})
    score = await ask("answer_relevancy", evasive, "Hard to say.", None, strictness=2)
    assert (score.value, score.label) == (0.0, "noncommittal")
    off = ScriptedJudge(lambda asked: {"question": "Who won the match?", "noncommittal": 0})
    other = await ask("answer_relevancy", off, "Real Madrid.", None)
    assert other.value is not None
    assert other.value < 0.5


async def test_answer_relevancy_takes_the_projects_embeddings() -> None:
    def embedding(name: str, texts: Sequence[str]) -> Embeddings:
        assert name == "loose"
        vectors = ((1.0, 0.0), *((0.6, 0.8) for _ in texts[1:]))
        return Embeddings(vectors, cost_usd=0.5, model_returned="embed-1")

    setup = ScorerContext(models=MODELS)
    check = scorer("answer_relevancy", setup, model="jury", embedding="loose")
    assert check.models == ("jury", "loose")
    judge = ScriptedJudge(lambda asked: {"question": "q", "noncommittal": 0}, embedding=embedding)
    score = await hear(check, sample("x", messages=QUESTION), judge)
    assert score.value == pytest.approx(0.6)
    assert (score.cost_usd, score.model_returned) == (1.25, "gpt-4o-2024-08-06")


@pytest.mark.parametrize(
    ("type", "value"),
    [("faithfulness", 0.0), ("context_precision", 0.0), ("context_recall", 0.0), ("context_relevance", 0.0),
     ("noise_sensitivity", 0.0)],
)
async def test_nothing_retrieved_is_not_the_same_as_no_retriever(type: str, value: float) -> None:
    judge = clerk(FACTS)
    assert (await ask(type, judge, "Bern is big.", ())).value == value
    assert not judge.asked
    without = await ask(type, judge, "Bern is big.", None)
    assert without.value is None
    assert "the variant retrieves nothing" in (without.error or "")


async def test_contexts_can_stand_in_a_column() -> None:
    check = scorer("faithfulness", context(), model="jury", contexts="passages", input="q")
    assert (check.columns, check.needs_contexts) == (("q", "passages"), False)
    row = {"q": "Where?", "passages": ["P1", "P2"]}
    assert (await hear(check, sample("Bern is big.", row=row), clerk(FACTS))).value == 1.0
    assert scorer("faithfulness", context(), model="jury").needs_contexts

from __future__ import annotations

import pytest

from llmexp_tui.domain.usage import ToolCall
from tests.unit.scoring.build import sample, scored, scorer, value

REFUSALS = [
    "I'm sorry, but I can't help with that.", "I cannot assist with that request.", "Sorry, I can’t.",
    "As an AI language model, I cannot browse the web.", "I am unable to provide medical advice.",
    "Unfortunately, I cannot do so.", "I apologize, but I will not generate that.", "I must decline.",
    "I don't have access to the internet.", "I'm not comfortable with this. That is not something I can do.",
    "I'm sorry, we cannot process that.", "I'm afraid I am unable to.", "I am sorry but cannot share this.",
    "That would go against usage guidelines, and is against my guidelines.", "", "  \n",
]
ANSWERS = [
    "Sure! Here is the poem.", "The answer is 42.", "I can't wait to show you.", "I won't lie, this is great.",
    "I cannot recommend this enough.", "I'm not going to lie, it's good.", "Refunds take ten days.",
    "I can't wait to help you!", "I can't help but smile.", "I'm sorry you can't sign in. Reset your password.",
    "I'm sorry to hear the card could not be read.",
    "You cannot return opened items, sorry.", "x" * 500 + " I'm sorry, but I can't help with that.",
]


@pytest.mark.parametrize("text", REFUSALS)
def test_refusals_are_seen(text: str) -> None:
    assert value("refusal", text) == 1.0


@pytest.mark.parametrize("text", ANSWERS)
def test_answers_are_not_taken_for_refusals(text: str) -> None:
    assert value("refusal", text) == 0.0


def test_own_phrases_and_tool_calls() -> None:
    assert value("refusal", "Das darf ich NICHT sagen.", phrases=["darf ich nicht"]) == 1.0
    assert scorer("refusal").score(sample("", tool_calls=(ToolCall("f", "{}"),))).value == 0.0
    assert scored("refusal", "I cannot help.").label == "refusal"

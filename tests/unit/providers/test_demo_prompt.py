"""Examples and the question are found in the shapes that people write prompts in."""

from __future__ import annotations

import pytest

from llmexp_tui.domain.prompt import Message
from llmexp_tui.providers.demo_prompt import Task, read_task

EXAMPLES = (("Where is my card?", "card_arrival"), ("It was stolen", "lost_card"))
QUERY = "My card has not come"


def user(text: str) -> list[Message]:
    return [Message("user", text)]


LABELLED = "Message: Where is my card?\nIntent: card_arrival\n\nMessage: It was stolen\nIntent: lost_card\n\n"

PROMPTS = {
    "cue": user(f"Classify: be exact.\n\n{LABELLED}Message: {QUERY}\nIntent:"),
    "cue with space": user(f"{LABELLED}Message: {QUERY}\nIntent: \n"),
    "no cue": user(f"{LABELLED}Message: {QUERY}\n"),
    "no blank lines": user(LABELLED.replace("\n\n", "\n") + f"Message: {QUERY}\nIntent:"),
    "instruction after": user(f"{LABELLED}Message: {QUERY}\nIntent:\n\nAnswer with the intent and no more."),
    "bold": user(LABELLED.replace("Message:", "**Message**:") + f"**Message**: {QUERY}\n**Intent**:"),
    "bullets": user(LABELLED.replace("Message:", "- Message:") + f"- Message: {QUERY}\n  Intent:"),
    "examples in system": [Message("system", LABELLED), Message("user", f"Message: {QUERY}\nIntent:")],
    "bare question": [Message("system", LABELLED), Message("user", QUERY)],
    "q and a": user("Q: Where is my card?\nA: card_arrival\nQ: It was stolen\nA: lost_card\n" f"Q: {QUERY}\nA:"),
    "arrows": user(f"Where is my card? -> card_arrival\nIt was stolen -> lost_card\n{QUERY} ->"),
    "turns": [
        Message("system", "Label the text."),
        Message("user", "Where is my card?"), Message("assistant", "card_arrival"),
        Message("user", "It was stolen"), Message("assistant", "lost_card"),
        Message("user", QUERY),
    ],
    "labelled turns": [
        Message("user", "Text: Where is my card?\nIntent:"), Message("assistant", "card_arrival"),
        Message("user", "Text: It was stolen\nIntent:"), Message("assistant", "lost_card"),
        Message("user", f"Text: {QUERY}\nIntent:"),
    ],
}


@pytest.mark.parametrize("shape", sorted(PROMPTS))
def test_the_task_is_read(shape: str) -> None:
    task = read_task(PROMPTS[shape])
    assert task.examples == EXAMPLES
    assert task.query.splitlines()[0] == QUERY


def test_a_labelled_line_inside_the_question_is_part_of_it() -> None:
    task = read_task(user(f"{LABELLED}Message: {QUERY}\nOrder number: 17\nIntent:"))
    assert task == Task(EXAMPLES, f"{QUERY}\nOrder number: 17")


def test_an_empty_question_does_not_become_the_last_example() -> None:
    assert read_task(user(f"{LABELLED}Message: \nIntent:")) == Task(EXAMPLES, "")


def test_a_long_example_goes_over_lines() -> None:
    task = read_task(user(f"Text: one\ntwo\nLabel: a\n\nText: three\nLabel: b\n\nText: {QUERY}\nLabel:"))
    assert task.examples == (("one\ntwo", "a"), ("three", "b"))


@pytest.mark.parametrize("messages", [user("What is 6 times 7?"), user(""), [], [Message("system", "Be kind.")]])
def test_a_prompt_without_examples_has_none(messages: list[Message]) -> None:
    assert read_task(messages).examples == ()

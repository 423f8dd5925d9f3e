"""Reads a rendered prompt as a person would: which parts are worked examples, and what is being asked.

Understands two labelled lines a block (`Text: …` / `Intent: …`, any labels), `text -> answer` lines, and user and
assistant messages in turn. Text in, text out: nothing is learnt here.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from llmexp_tui.domain.prompt import Message

Example = tuple[str, str]

_LABELLED = re.compile(r"^[ \t>*#-]*([A-Za-z][A-Za-z0-9 _/'-]{0,39}?)[ \t]*\**:\**(?!//)[ \t]*(.*)$")
_ARROW = re.compile(r"^(.*?\S)\s*(?:->|=>|→)\s*(.*)$")
_CACHED_HEADS = 64


@dataclass(frozen=True, slots=True)
class Task:
    """What a prompt asks: worked examples as (text, answer) pairs, and the text to answer for."""

    examples: tuple[Example, ...]
    query: str


class _Question(NamedTuple):
    """The end of a prompt: where it starts, the label before it ("" for none) and its text."""

    start: int
    label: str
    text: str


class _Item(NamedTuple):
    """A labelled line with what belongs to it; blocks are parted by blank lines."""

    label: str
    value: str
    block: int


@dataclass(frozen=True, slots=True)
class _Head:
    """The examples of the text before the question, and the label that stands before their texts."""

    label: str
    examples: tuple[Example, ...]


def read_task(messages: Sequence[Message]) -> Task:
    """The task of a prompt; without examples where none are found."""
    last = next((i for i in range(len(messages) - 1, -1, -1) if messages[i].role == "user"), len(messages) - 1)
    if last < 0:
        return Task((), "")
    before, text = messages[:last], messages[last].content
    question = _question(text, None)
    head = _head_of(before, text[: question.start])
    if head.label and question.label != head.label:
        # A labelled line of the row's own text was taken for the question; look again for the examples' label.
        again = _question(text, head.label)
        if again.label == head.label:
            question, head = again, _head_of(before, text[: again.start])
    if not head.examples and not question.label:
        question = _Question(0, "", text.strip())
    return Task(_turns(before) + head.examples, question.text)


def _head_of(before: Sequence[Message], start: str) -> _Head:
    parts = [message.content for message in before if message.role != "assistant"]
    return _read_head("\n\n".join([*parts, start]))


def _turns(before: Sequence[Message]) -> tuple[Example, ...]:
    """User messages with the assistant's answers to them."""
    return tuple(
        (_question(asked.content, None).text, answered.content.strip())
        for asked, answered in pairwise(before)
        if asked.role == "user" and answered.role == "assistant" and answered.content.strip()
    )


def _question(text: str, wanted: str | None) -> _Question:
    """The question at a text's end, read from its last lines upward: a long prompt costs no more than a short one.

    `wanted` is the label to look for; without it, the last labelled line that has a value.
    """
    end, below = len(text), ""
    while end > 0:
        start = text.rfind("\n", 0, end) + 1
        line = text[start:end]
        found = _LABELLED.match(line)
        if found is not None:
            label, value = found.group(1).casefold(), found.group(2).strip()
            if (wanted is None and value) or label == wanted or (wanted is None and below):
                return _Question(start, label, f"{value}\n{below}".strip() if below else value)
            below = f"{line}\n{below}" if value else ""  # without a value it is the cue to answer
        elif (arrow := _ARROW.match(line)) is not None and not arrow.group(2) and wanted is None:
            return _Question(start, "->", arrow.group(1).strip())
        elif line.strip() or below:
            below = f"{line}\n{below}"
        end = start - 1
    return _Question(0, "", text.strip())


@lru_cache(maxsize=_CACHED_HEADS)
def _read_head(text: str) -> _Head:
    """The examples of a text. Cached: a run asks thousands of questions after the same head."""
    items = [item for item in _labelled_items(text) if item.value]
    steps = [(first, second) for first, second in pairwise(items) if first.label != second.label]
    if steps:
        asked, answered = _example_labels(steps)
        found = tuple((a.value, b.value) for a, b in steps if (a.label, b.label) == (asked, answered))
        return _Head(asked, found)
    arrows = (match for line in text.splitlines() if (match := _ARROW.match(line)) is not None)
    examples = tuple((m.group(1).strip(), m.group(2).strip()) for m in arrows if m.group(2).strip())
    return _Head("->" if examples else "", examples)


def _example_labels(steps: Sequence[tuple[_Item, _Item]]) -> tuple[str, str]:
    """The two labels that make an example: the commonest step from one label to another.

    Of equally common steps, one within a block (no blank line between) is an example and one across blocks is not;
    of those, the first that repeats, else the last (a heading may look like a label once).
    """
    counts = Counter((a.label, b.label) for a, b in steps)
    within = Counter((a.label, b.label) for a, b in steps if a.block == b.block)
    places = {pair: place for place, pair in enumerate(counts)}
    return max(counts, key=lambda p: (counts[p], within[p], places[p] if counts[p] == 1 else -places[p]))


def _labelled_items(text: str) -> list[_Item]:
    """Every labelled line; lines below it belong to it until a blank line or the next label."""
    items: list[_Item] = []
    block, open_item = 0, False
    for line in text.splitlines():
        found = _LABELLED.match(line)
        if found is not None:
            items.append(_Item(found.group(1).casefold(), found.group(2).strip(), block))
            open_item = True
        elif not line.strip():
            block += 1
            open_item = False
        elif open_item:
            items[-1] = items[-1]._replace(value=f"{items[-1].value}\n{line.strip()}".strip())
    return items

"""The passages that a row brings along for scorers of retrieval: a list, or the JSON of one as CSV files hold it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from llmexp_tui.scoring.definition import as_text

COLUMN = "contexts"
"""The column that is read unless a scorer names another."""


def passages(value: Any) -> tuple[str, ...] | None:
    """The passages of a column's value in rank order, blank ones left out; None for null.

    A string that is a JSON list is that list, any other string one passage. An entry may be an object with a `text`.
    """
    if value is None:
        return None
    if isinstance(value, str):
        value = _listed(value)
    items = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    texts = (_passage(item) for item in items)
    return tuple(text for text in texts if text.strip())


def _listed(text: str) -> Any:
    if not text.lstrip().startswith("["):
        return text
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return found if isinstance(found, list) else text


def _passage(item: Any) -> str:
    if isinstance(item, Mapping) and isinstance(item.get("text"), str):
        return str(item["text"])
    return as_text(item)

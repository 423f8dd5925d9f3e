"""Unit prices: the project's own, the built-in model's, else the list that litellm ships, read as a file.

litellm is never imported here, and the list (3 MB, thousands of models) is never parsed whole: one entry is found in
its text and decoded, in about 2 ms, once a model.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from llmexp_tui.domain.usage import Price
from llmexp_tui.domain.variant import Model
from llmexp_tui.providers.addresses import prefix_of

DEMO_PRICE = Price(0.10, 0.40, "built-in")
"""What the built-in model pretends to cost, so that a cost gate has something to judge without an account."""

_LIST = "model_prices_and_context_window_backup.json"
_PER_MTOK = 1_000_000
_OPENING = re.compile(r"\s*:\s*\{")


def price_of(model: Model) -> Price | None:
    """USD per million tokens of a model and where the figure comes from; None where it is not known.

    The list price: what a provider takes less for cached tokens is left out, because it depends on which call came
    first. An own price needs both its figures.
    """
    if model.input_cost_per_mtok is not None and model.output_cost_per_mtok is not None:
        return Price(model.input_cost_per_mtok, model.output_cost_per_mtok, "project")
    return DEMO_PRICE if prefix_of(model.model) == "demo" else _listed(model.model)


@lru_cache(maxsize=256)
def _listed(model_id: str) -> Price | None:
    for entry in _entries(model_id):
        sent, got = entry.get("input_cost_per_token"), entry.get("output_cost_per_token")
        if isinstance(sent, int | float) and isinstance(got, int | float):
            version = importlib.metadata.version("litellm")
            return Price(round(sent * _PER_MTOK, 9), round(got * _PER_MTOK, 9), f"litellm {version} list")
    return None


@lru_cache(maxsize=256)
def listed_mode(model_id: str) -> str | None:
    """How a model is called as the list says: chat, responses, embedding …; None for a model not in it."""
    mode = next((entry.get("mode") for entry in _entries(model_id)), None)
    return mode if isinstance(mode, str) else None


@lru_cache(maxsize=256)
def longest_answer(model_id: str) -> int | None:
    """Tokens that an answer may have at most as the list says; None for a model not in it."""
    for entry in _entries(model_id):
        most = entry.get("max_output_tokens")
        if isinstance(most, int):
            return most
    return None


def _entries(model_id: str) -> Iterator[dict[str, Any]]:
    """Entries that may hold a model's price: under its whole id, then under its name where the provider agrees."""
    path = _list_path()
    if path is None:
        return
    text = path.read_text(encoding="utf-8")
    whole = _entry(text, model_id)
    if whole is not None:
        yield whole
    prefix, slash, name = model_id.partition("/")
    named = _entry(text, name) if slash else None
    if named is not None and named.get("litellm_provider") == prefix:
        yield named


def _entry(text: str, name: str) -> dict[str, Any] | None:
    key, at = json.dumps(name), -1
    while (at := text.find(key, at + 1)) >= 0:
        found = _OPENING.match(text, at + len(key))
        if found is not None:
            entry, _ = json.JSONDecoder().raw_decode(text, found.end() - 1)
            return entry if isinstance(entry, dict) else None
    return None


@lru_cache(maxsize=1)
def _list_path() -> Path | None:
    """Where the installed litellm keeps its list; asking for a top-level package's place does not import it."""
    spec = importlib.util.find_spec("litellm")
    path = None if spec is None or spec.origin is None else Path(spec.origin).parent / _LIST
    return path if path is not None and path.is_file() else None

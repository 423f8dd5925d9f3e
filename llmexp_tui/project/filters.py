"""The filters of prompt templates, and how a row's value is written into a prompt.

Every filter bounds what it makes before it makes it: a template may be a stranger's.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import Undefined
from jinja2.exceptions import SecurityError

MAX_RENDERED = 8 << 20
"""Characters in one rendered prompt, and in one filter's result."""
MAX_LOOP = 10_000
"""Items that one loop or join goes over."""


def shown(value: Any) -> str:
    """A row's value as it is written into a prompt: text as it is, null as nothing, everything else as JSON."""
    if type(value) is str:
        return value
    if value is None:
        return ""
    if isinstance(value, Undefined):
        return str(value)  # raises, naming the variable
    if isinstance(value, str):
        return str(value)
    return _as_json(value)


def _as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _capped(text: str) -> str:
    if len(text) > MAX_RENDERED:
        raise SecurityError(f"the text grows beyond {MAX_RENDERED >> 20} MB")
    return text


def _join(items: Any, separator: str = "") -> str:
    parts = [shown(item) for item in loop_items(items)]
    if sum(map(len, parts)) + len(separator) * len(parts) > MAX_RENDERED:
        raise SecurityError(f"the text grows beyond {MAX_RENDERED >> 20} MB")
    return separator.join(parts)


def _replace(value: Any, old: str, new: str) -> str:
    text = shown(value)
    if len(text) + text.count(old) * len(new) > MAX_RENDERED:
        raise SecurityError(f"the text grows beyond {MAX_RENDERED >> 20} MB")
    return text.replace(old, new)


def _truncate(value: Any, length: int = 255, killwords: bool = False, end: str = "...") -> str:
    text = shown(value)
    if len(text) <= length:
        return text
    cut = text[: max(length - len(end), 0)]
    return (cut if killwords else cut.rsplit(" ", 1)[0]) + end


def _default(value: Any, fallback: Any = "", boolean: bool = False) -> Any:
    return fallback if isinstance(value, Undefined) or value is None or (boolean and not value) else value


def _length(value: Any) -> int:
    return len(value)


def _round(value: Any, precision: int = 0) -> float:
    return round(float(value), precision)


def _first(items: Any) -> Any:
    return items[0]


def _last(items: Any) -> Any:
    return items[-1]


def loop_items(items: Any) -> Any:
    """What a loop may go over. Dictionaries and texts are refused: a loop over them is nearly always a mistake."""
    if isinstance(items, Undefined):
        items._fail_with_undefined_error()
    if not isinstance(items, (list, tuple)):
        raise TypeError(f"a list is needed here, not {_kind(items)}")
    if len(items) > MAX_LOOP:
        raise SecurityError(f"a list of more than {MAX_LOOP} items")
    return items


def _kind(value: Any) -> str:
    kinds = {str: "a text", dict: "a mapping", int: "a number", float: "a number", bool: "a truth value"}
    return "null" if value is None else kinds.get(type(value), "this")


FILTERS: Mapping[str, Callable[..., Any]] = {
    "lower": lambda value: _capped(shown(value).lower()),
    "upper": lambda value: _capped(shown(value).upper()),
    "trim": lambda value: shown(value).strip(),
    "length": _length,
    "join": _join,
    "default": _default,
    "tojson": lambda value: _capped(_as_json(value)),
    "truncate": _truncate,
    "replace": _replace,
    "first": _first,
    "last": _last,
    "round": _round,
}
"""The filters a prompt may use; their arguments are constants."""

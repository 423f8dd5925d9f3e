"""JSON of unknown origin: strict where the standard parser is lenient, bounded where it is not.

NaN and infinities, a key that stands twice in an object and absurd nesting are refused with a reason, because each
would be lost or would fail later, far from the file that holds it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NoReturn

MAX_DEPTH = 64


class JsonTextError(ValueError):
    """What is wrong with a text; `line` counts from 1 within the text."""

    def __init__(self, reason: str, line: int = 1) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line


def _constant(name: str) -> NoReturn:
    raise JsonTextError(f"{name} is not JSON; write null for a value that is not known")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise JsonTextError(f'the key "{twice[:60]}" stands twice in one object')
    return value


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant)


def parse_json(text: str) -> Any:
    """The value of a whole text. Raises JsonTextError, whatever the text."""
    value, end = parse_json_at(text, len(text) - len(text.lstrip()))
    if text[end:].strip():
        raise JsonTextError("more text after the value", text.count("\n", 0, end) + 1)
    return value


def parse_json_at(text: str, start: int) -> tuple[Any, int]:
    """The value that begins at `start`, and where it ends. Raises JsonTextError."""
    try:
        value, end = _DECODER.raw_decode(text, start)
    except json.JSONDecodeError as error:
        raise JsonTextError(f"not JSON: {error.msg} at column {error.colno}", error.lineno) from None
    except RecursionError:
        raise JsonTextError(f"nested more than {MAX_DEPTH} deep") from None
    except JsonTextError:
        raise
    except ValueError as error:  # an integer of thousands of digits
        raise JsonTextError(str(error)) from None
    if text.count("[", start, end) + text.count("{", start, end) > MAX_DEPTH and _too_deep(value):
        raise JsonTextError(f"nested more than {MAX_DEPTH} deep")
    return value, end


def _too_deep(value: Any) -> bool:
    """Level by level, not by recursion: what is to be refused must not exhaust the stack."""
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [child for item in level for child in _children(item)]
        if not level:
            return False
    return True


def _children(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()

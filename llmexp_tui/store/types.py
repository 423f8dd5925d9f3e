"""Column types that keep foreign text exact.

A model's answer may hold a lone surrogate, which no UTF-8 column takes. Such a text is stored as the bytes of its
"surrogatepass" form (SQLite types each value, not each column), all others as plain text; reading undoes both.
"""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Dialect, Text
from sqlalchemy.types import TypeDecorator

SMALLEST, LARGEST = -(1 << 63), (1 << 63) - 1


def encode_text(text: str) -> str | bytes:
    """The text as SQLite can hold it: itself, or bytes where it has a lone surrogate."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
    return text


def decode_text(stored: str | bytes) -> str:
    """The text that `encode_text` was given."""
    return stored.decode("utf-8", "surrogatepass") if isinstance(stored, bytes) else stored


def encode_json(value: Any) -> str | bytes:
    """JSON text of a value, keys in their own order. Raises ValueError for NaN, TypeError for what is not JSON."""
    return encode_text(json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False))


def decode_json(stored: str | bytes) -> Any:
    """The value that `encode_json` was given."""
    return json.loads(decode_text(stored))


def fitting_int(value: int | None) -> int | None:
    """The number if a 64-bit column holds it, else None: a count of more than 2^63 says nothing."""
    return value if value is not None and SMALLEST <= value <= LARGEST else None


class ExactText(TypeDecorator[str]):
    """Text that survives lone surrogates and NUL."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> Any:
        """Python to SQLite."""
        return None if value is None else encode_text(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:
        """SQLite to Python."""
        return decode_text(value) if isinstance(value, bytes) else value


class JsonText(TypeDecorator[Any]):
    """A JSON value as text. None is SQL NULL."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """Python to SQLite."""
        return None if value is None else encode_json(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """SQLite to Python."""
        return None if value is None else decode_json(value)

"""Canonical JSON and content hashes: the identity of everything that is stored.

Equality is hash equality, so the canonical form must never change: sorted keys, no spaces, UTF-8,
floats by repr. NaN and infinities are refused because they are not JSON.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]

# Made once: json.dumps makes a new encoder a call, which costs as much as encoding a small row.
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical_json(value: Any) -> str:
    """The one text form of a JSON value. Raises ValueError for NaN, TypeError for what is not JSON."""
    return _ENCODER.encode(value)


def text_hash(text: str) -> str:
    """SHA-256 of a text as 64 hex digits; lone surrogates are hashed as their own bytes."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def content_hash(value: Any) -> str:
    """SHA-256 of the canonical JSON of a value as 64 hex digits."""
    return text_hash(canonical_json(value))


def derived_seed(*parts: int | str) -> int:
    """A 63-bit seed that is a function of its parts: samples differ wherever any part differs."""
    digest = hashlib.sha256("\x1f".join(str(part) for part in parts).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def shown_hash(digest: str) -> str:
    """The form used in reports: `sha256:…`."""
    return digest if digest.startswith("sha256:") else f"sha256:{digest}"

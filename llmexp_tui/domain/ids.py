"""Identifiers that sort by the time they were made: 10 characters of milliseconds, 8 of randomness."""

from __future__ import annotations

from collections.abc import Callable

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_RANDOM_CHARS = 8


def _base32(value: int, width: int) -> str:
    chars = []
    for _ in range(width):
        chars.append(_ALPHABET[value & 31])
        value >>= 5
    return "".join(reversed(chars))


def sortable_id(milliseconds: int, random_bits: Callable[[int], int]) -> str:
    """An 18-character id; `random_bits(k)` returns k random bits (for example random.getrandbits)."""
    return _base32(milliseconds, 10) + _base32(random_bits(5 * _RANDOM_CHARS), _RANDOM_CHARS)

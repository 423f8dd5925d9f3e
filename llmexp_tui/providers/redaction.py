"""Keys out of text: by the values of the environment's secrets, and by the shapes that keys have.

Every message of a failure passes here before it leaves a provider, because providers echo keys in error bodies and
in URLs. It must not be relied on for views: control codes are neutralised there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

MARK = "[redacted]"
MESSAGE_LIMIT = 2048
"""Bytes of UTF-8 that a failure's message may have."""

_SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASSW|CREDENTIAL|AUTH", re.IGNORECASE)
_MIN_SECRET = 8
_SHAPES = re.compile(
    r"""
    (?P<before>(?:bearer|basic)\s+|(?:x-api-key|api[-_]?key|access[-_]token|authorization)["']?\s*[:=]\s*["']?
        |[?&](?:key|api_key|token|access_token|sig|signature)=)
      (?!bearer\b|basic\b)[^\s"'&,;<>}]{6,}
    | \b(?:sk|pk|rk|gsk|xai|hf|r8|pplx|fw|nvapi|ghp|gho|ghs|github_pat|glpat|xox[abp])[-_][A-Za-z0-9_*.-]{12,}
    | \bAIza[0-9A-Za-z_-]{20,} | \b(?:AKIA|ASIA)[0-9A-Z]{16}\b | \bya29\.[0-9A-Za-z_-]{20,}
    | \beyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{5,}
    | -----BEGIN[ A-Z]*PRIVATE[ ]KEY-----.*?(?:-----END[ A-Z]*PRIVATE[ ]KEY-----|$)
    """,
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)


def redact(text: str, env: Mapping[str, str]) -> str:
    """The text without the values of the environment's secrets and without what looks like a key."""
    for value in _secrets(tuple(env.items())):
        if value in text:
            text = text.replace(value, MARK)
    return _SHAPES.sub(lambda match: f"{match.group('before') or ''}{MARK}", text)


def failure_message(text: str, env: Mapping[str, str]) -> str:
    """A failure's message: redacted, then cut to MESSAGE_LIMIT bytes at a character."""
    clean = redact(text[: 8 * MESSAGE_LIMIT], env)
    data = clean.encode("utf-8", "replace")
    if len(data) <= MESSAGE_LIMIT:
        return data.decode()
    return data[: MESSAGE_LIMIT - 3].decode("utf-8", "ignore") + "…"


@lru_cache(maxsize=4)
def _secrets(items: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    """Values of variables that are named like secrets, the longest first so that no tail of one is left."""
    values = {value for name, value in items if len(value) >= _MIN_SECRET and _SECRET_NAME.search(name)}
    return tuple(sorted(values, key=len, reverse=True))

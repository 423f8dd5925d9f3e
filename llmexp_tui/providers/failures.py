"""What went wrong, in our own few words: an HTTP status, a body's code and its text become a FailureKind.

Shared by every lane, so that the same answer of a server is the same failure whichever lane met it. Status and code
decide first; the names of a client library's exception classes are no taxonomy.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from llmexp_tui.domain.usage import Failure, FailureKind, RateWindow
from llmexp_tui.providers.redaction import failure_message

RETRYABLE = frozenset(
    {FailureKind.RATE_LIMIT, FailureKind.NETWORK, FailureKind.PROVIDER_5XX, FailureKind.MALFORMED,
     FailureKind.TRUNCATED}
)
"""A time-out is not retried: it has used the row's whole time, and a slow row sent twice would look fast."""

_MAYBE_BILLED = frozenset(
    {FailureKind.TIMEOUT, FailureKind.NETWORK, FailureKind.PROVIDER_5XX, FailureKind.MALFORMED,
     FailureKind.TRUNCATED, FailureKind.TOO_LARGE}
)
_QUOTA_CODES = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active",
                          "insufficient_balance", "credits_exhausted", "billing_error"})
_QUOTA_TEXT = re.compile(
    r"insufficient_quota|credit balance is too low|insufficient (?:balance|credits)|used all available credits"
    r"|(?:spending|billing hard) limit|reached your specified api usage limits|per day \((?:rpd|tpd)\)",
    re.I,
)
"""What no wait of minutes mends: money, and limits of a day or a month. A bare "quota" may be a minute's."""
_CONTEXT_CODES = frozenset({"context_length_exceeded", "string_above_max_length", "context_window_exceeded"})
_CONTEXT_TEXT = re.compile(
    r"context_length_exceeded|maximum context length|context window|prompt is too long|input is too long"
    r"|too many input tokens|exceeds the (?:maximum|available) (?:number of tokens|context)",
    re.I,
)
_FILTER_CODES = frozenset({"content_filter", "content_policy_violation", "responsibleaipolicyviolation",
                           "moderation_blocked"})
_MODEL_CODES = frozenset({"model_not_found", "invalid_model", "deploymentnotfound", "not_found_error"})


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """What an error body says: its code, its type and its message ("" where it does not)."""

    code: str = ""
    type: str = ""
    message: str = ""

    @property
    def marks(self) -> frozenset[str]:
        """Code and type in lower case."""
        return frozenset({self.code.lower(), self.type.lower()} - {""})


def read_error_body(text: str) -> ErrorBody:
    """The code, type and message of a JSON error body; of any other text, its first part as the message."""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return ErrorBody(message=" ".join(text[:2000].split()))
    return error_body_of(body)


def error_body_of(body: Any) -> ErrorBody:
    """The code, type and message of a decoded error body in any of the usual shapes."""
    if isinstance(body, list) and body:  # Google wraps its error object in a list
        body = body[0]
    if not isinstance(body, Mapping):
        return ErrorBody(message=str(body)[:2000])
    error = body.get("error", body)
    if not isinstance(error, Mapping):
        return ErrorBody(message=str(error)[:2000])
    inner = error.get("innererror")
    code = error.get("code") if not isinstance(inner, Mapping) else inner.get("code") or error.get("code")
    message = error.get("message") or error.get("detail") or body.get("message") or body.get("detail") or ""
    return ErrorBody(_word(code), _word(error.get("type") or error.get("status")), str(message)[:4000])


def _word(value: Any) -> str:
    return "" if value is None else str(value)


def classify(status: int, body: ErrorBody) -> FailureKind:
    """The kind of failure that an error status with its body means."""
    marks = body.marks
    if status == 402 or (400 <= status < 500 and (marks & _QUOTA_CODES or _QUOTA_TEXT.search(body.message))):
        return FailureKind.QUOTA
    if status in (400, 413, 422) and (marks & _CONTEXT_CODES or _CONTEXT_TEXT.search(body.message)):
        return FailureKind.CONTEXT_WINDOW
    if 400 <= status < 500 and marks & _FILTER_CODES:
        return FailureKind.CONTENT_FILTER
    if status == 404 or (status in (400, 403) and marks & _MODEL_CODES):
        return FailureKind.BAD_MODEL
    return _by_status(status)


def _by_status(status: int) -> FailureKind:
    if status in (401, 403):
        return FailureKind.AUTH
    if status in (408, 504):
        return FailureKind.TIMEOUT if status == 408 else FailureKind.PROVIDER_5XX
    if status == 413:
        return FailureKind.TOO_LARGE
    if status == 429:
        return FailureKind.RATE_LIMIT
    return FailureKind.PROVIDER_5XX if status >= 500 else FailureKind.BAD_REQUEST


def make_failure(
    kind: FailureKind,
    message: str,
    env: Mapping[str, str],
    *,
    status: int | None = None,
    headers: Mapping[str, str] | None = None,
    latency_ms: float = 0.0,
    retryable: bool | None = None,
    billed: str | None = None,
    now: datetime | None = None,
) -> Failure:
    """A failure with its message redacted and cut, and what its headers say of waiting (names in any case)."""
    lower = {name.lower(): value for name, value in headers.items()} if headers else {}
    return Failure(
        kind=kind,
        message=failure_message(message or kind.value.replace("_", " "), env),
        retryable=kind in RETRYABLE if retryable is None else retryable,
        retry_after_s=retry_after(lower, now),
        status=status,
        billed=billed or ("maybe" if kind in _MAYBE_BILLED else "no"),
        latency_ms=latency_ms,
        window=rate_window(lower),
    )


def http_failure(
    status: int, body: ErrorBody, env: Mapping[str, str], *, headers: Mapping[str, str], latency_ms: float
) -> Failure:
    """The failure that an HTTP error response means. Redirects are failures too: a key does not follow them."""
    if 300 <= status < 400:
        target = next((v for k, v in headers.items() if k.lower() == "location"), "another address")
        message = f"the server redirects to {target}; redirects are not followed, give the final address as api_base"
        return make_failure(FailureKind.BAD_REQUEST, message, env, status=status, latency_ms=latency_ms)
    kind = classify(status, body)
    message = body.message or f"HTTP status {status}"
    billed = "maybe" if status >= 500 else "no"
    return make_failure(kind, message, env, status=status, headers=headers, latency_ms=latency_ms, billed=billed)


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds to wait as `retry-after-ms` or `retry-after` (seconds or an HTTP date) say; header names lower case."""
    millis = _number(headers.get("retry-after-ms"))
    if millis is not None:
        return max(0.0, millis / 1000)
    value = headers.get("retry-after")
    if not value:
        return None
    seconds = _number(value)
    if seconds is not None:
        return max(0.0, seconds)
    try:
        at = parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - (now or datetime.now(UTC))).total_seconds())


def rate_window(headers: Mapping[str, str]) -> RateWindow | None:
    """What the x-ratelimit (or anthropic-ratelimit) headers say; None without any. Header names lower case."""
    if not any("ratelimit-remaining" in name or name.endswith("-remaining") for name in headers):
        return None
    return RateWindow(
        _whole(_rate_header(headers, "remaining", "requests")),
        _whole(_rate_header(headers, "remaining", "tokens")),
        span_s(_rate_header(headers, "reset", "requests")),
        span_s(_rate_header(headers, "reset", "tokens")),
    )


def _rate_header(headers: Mapping[str, str], what: str, of: str) -> str | None:
    return headers.get(f"x-ratelimit-{what}-{of}") or headers.get(f"anthropic-ratelimit-{of}-{what}")


_SPAN = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def span_s(value: str | None, now: datetime | None = None) -> float | None:
    """Seconds of a span as providers write it: `1m30.5s`, `250ms`, `12` (seconds), or an ISO time to come."""
    if not value:
        return None
    seconds = _number(value)
    if seconds is not None:
        return seconds
    parts = _SPAN.findall(value)
    if parts and "".join(number + unit for number, unit in parts) == value:
        return sum(float(number) * _UNITS[unit] for number, unit in parts)
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - (now or datetime.now(UTC))).total_seconds())


def _number(value: str | None) -> float | None:
    try:
        number = float(value) if value else None
    except ValueError:
        return None
    return number if number is not None and number == number and abs(number) != float("inf") else None


def _whole(value: str | None) -> int | None:
    number = _number(value)
    return None if number is None else int(number)

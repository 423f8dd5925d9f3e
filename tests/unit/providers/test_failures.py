"""Statuses, codes and headers become our own few words."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from llmexp_tui.domain.usage import FailureKind, RateWindow
from llmexp_tui.providers.failures import (
    ErrorBody,
    classify,
    http_failure,
    make_failure,
    rate_window,
    read_error_body,
    retry_after,
    span_s,
)

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "text", "kind"),
    [
        (429, '{"error": {"message": "x", "code": "insufficient_quota"}}', FailureKind.QUOTA),
        (429, '{"error": {"message": "You exceeded your current quota", "status": "RESOURCE_EXHAUSTED"}}',
         FailureKind.RATE_LIMIT),  # a limit a minute at one provider, in the words of another's quota
        (402, '{"detail": "Payment required"}', FailureKind.QUOTA),
        (429, '{"error": {"message": "Rate limit reached on requests per day (RPD): Limit 200, Used 200."}}',
         FailureKind.QUOTA),
        (429, '{"error": {"message": "Rate limit reached on requests per min (RPM): Limit 3, Used 3."}}',
         FailureKind.RATE_LIMIT),
        (400, '{"error": {"message": "You have reached your specified API usage limits."}}', FailureKind.QUOTA),
        (403, '{"error": "Your team has used all available credits or reached its monthly spending limit."}',
         FailureKind.QUOTA),
        (400, '{"error": {"message": "Your credit balance is too low"}}', FailureKind.QUOTA),
        (400, '{"error": {"message": "prompt is too long: 210000 tokens > 200000 maximum"}}',
         FailureKind.CONTEXT_WINDOW),
        (413, '{"error": {"message": "x", "code": "context_length_exceeded"}}', FailureKind.CONTEXT_WINDOW),
        (500, '{"error": {"message": "maximum context length"}}', FailureKind.PROVIDER_5XX),
        (400, '{"error": {"message": "x", "code": "content_filter", "innererror": {"code": "Responsible'
              'AIPolicyViolation"}}}', FailureKind.CONTENT_FILTER),
        (400, '{"error": {"message": "x", "code": "model_not_found"}}', FailureKind.BAD_MODEL),
        (404, "page not found", FailureKind.BAD_MODEL),
        (401, "", FailureKind.AUTH),
        (403, "[]", FailureKind.AUTH),
        (408, "", FailureKind.TIMEOUT),
        (409, "", FailureKind.BAD_REQUEST),
        (422, '{"detail": [{"msg": "field required"}]}', FailureKind.BAD_REQUEST),
        (504, "<html>", FailureKind.PROVIDER_5XX),
        (529, "", FailureKind.PROVIDER_5XX),
    ],
)
def test_status_and_code_decide(status: int, text: str, kind: FailureKind) -> None:
    assert classify(status, read_error_body(text)) is kind


@pytest.mark.parametrize(
    ("text", "body"),
    [
        ('{"error": {"message": "m", "type": "t", "code": "c"}}', ErrorBody("c", "t", "m")),
        ('{"error": "plain words"}', ErrorBody(message="plain words")),
        ('[{"error": {"code": 400, "message": "m", "status": "INVALID_ARGUMENT"}}]',
         ErrorBody("400", "INVALID_ARGUMENT", "m")),
        ('{"type": "error", "error": {"type": "overloaded_error", "message": "m"}}',
         ErrorBody("", "overloaded_error", "m")),
        ('{"message": "m"}', ErrorBody(message="m")),
        ("<html>\n  <b>no</b></html>", ErrorBody(message="<html> <b>no</b></html>")),
        ("null", ErrorBody(message="None")),
    ],
)
def test_error_bodies_in_all_their_shapes(text: str, body: ErrorBody) -> None:
    assert read_error_body(text) == body


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "20"}, 20.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after": "Fri, 02 Jan 2026 03:05:05 GMT"}, 60.0),
        ({"retry-after": "Fri, 02 Jan 2026 03:00:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "-3"}, 0.0),
        ({}, None),
    ],
)
def test_retry_after_in_all_its_forms(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, NOW) == seconds


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("1m30.5s", 90.5), ("250ms", 0.25), ("12", 12.0), ("1h", 3600.0), ("2026-01-02T03:04:15Z", 10.0),
     ("later", None), ("", None), (None, None)],
)
def test_spans_as_providers_write_them(value: str | None, seconds: float | None) -> None:
    assert span_s(value, NOW) == seconds


def test_what_is_left_of_a_window() -> None:
    headers = {"x-ratelimit-remaining-requests": "4", "x-ratelimit-reset-requests": "6m0s",
               "x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "20ms"}
    assert rate_window(headers) == RateWindow(4, 0, 360.0, 0.02)
    assert rate_window({"anthropic-ratelimit-requests-remaining": "9"}) == RateWindow(9, None, None, None)
    assert rate_window({"content-type": "application/json"}) is None


def test_a_message_is_redacted_and_short() -> None:
    failure = make_failure(FailureKind.AUTH, "bad key s3cr3t-value " + "é" * 5000, {"MY_KEY": "s3cr3t-value"})
    assert "s3cr3t-value" not in failure.message
    assert len(failure.message.encode()) <= 2048


def test_only_what_may_have_run_may_have_been_billed() -> None:
    def billed(status: int) -> str:
        return http_failure(status, ErrorBody(), {}, headers={}, latency_ms=1.0).billed

    assert [billed(status) for status in (400, 401, 413, 429)] == ["no"] * 4
    assert billed(500) == "maybe"


def test_header_names_are_read_in_any_case() -> None:
    failure = http_failure(429, ErrorBody(), {}, headers={"Retry-After": "3", "X-RateLimit-Remaining-Requests": "0"},
                           latency_ms=1.0)
    assert failure.retry_after_s == 3.0
    assert failure.window == RateWindow(remaining_requests=0)

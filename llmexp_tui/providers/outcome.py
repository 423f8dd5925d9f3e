"""From an answer to a stored result: the same rules for every lane, so that lanes cannot differ."""

from __future__ import annotations

from collections.abc import Mapping

from llmexp_tui.domain.usage import Completion, Failure, FailureKind, RateWindow
from llmexp_tui.providers.failures import make_failure
from llmexp_tui.providers.openai_wire import Answer

MAX_RESPONSE_BYTES = 16 * 1024 * 1024
"""A larger body is not an answer; it is refused before it fills the memory or the store."""


def completed(
    answer: Answer,
    env: Mapping[str, str],
    *,
    latency_ms: float,
    ttft_ms: float | None = None,
    window: RateWindow | None = None,
) -> Completion | Failure:
    """The completion of an answer; a failure where the provider's filter left nothing of it."""
    if answer.finish_reason == "content_filter" and not answer.text:
        return make_failure(FailureKind.CONTENT_FILTER, "the provider's filter withheld the answer", env,
                            status=200, latency_ms=latency_ms, billed="yes")
    return Completion(
        text=answer.text,
        finish_reason=answer.finish_reason,
        usage=answer.usage,
        latency_ms=latency_ms,
        ttft_ms=ttft_ms,
        model_returned=answer.model,
        response_id=answer.id,
        tool_calls=answer.tool_calls,
        window=window,
    )


def timed_out(timeout_s: float, env: Mapping[str, str], latency_ms: float) -> Failure:
    """The failure of a call that passed its limit on the wall clock."""
    return make_failure(FailureKind.TIMEOUT, f"no whole answer within {timeout_s:g} s", env, latency_ms=latency_ms)


def too_large(env: Mapping[str, str], latency_ms: float) -> Failure:
    """The failure of a response beyond MAX_RESPONSE_BYTES."""
    message = f"the response is larger than {MAX_RESPONSE_BYTES // (1024 * 1024)} MiB"
    return make_failure(FailureKind.TOO_LARGE, message, env, status=200, latency_ms=latency_ms)


def cut_short(env: Mapping[str, str], latency_ms: float, why: str) -> Failure:
    """The failure of a stream that ended before its finish reason."""
    return make_failure(FailureKind.TRUNCATED, why, env, status=200, latency_ms=latency_ms)


def malformed(env: Mapping[str, str], latency_ms: float, why: str) -> Failure:
    """The failure of a success that holds no answer."""
    return make_failure(FailureKind.MALFORMED, why, env, status=200, latency_ms=latency_ms)

"""From what a server sent to a stored result: the same rules for every lane, so that lanes cannot differ."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from llmexp_tui.domain.usage import Completion, Failure, FailureKind, RateWindow
from llmexp_tui.providers.failures import error_body_of, http_failure, make_failure
from llmexp_tui.providers.openai_wire import Answer, MalformedError, StreamedAnswer, read_answer

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


def unreachable(
    host: str, words: str, env: Mapping[str, str], latency_ms: float, *, retryable: bool = True
) -> Failure:
    """The failure of a connection that could not be made or broke before there was anything of an answer."""
    return make_failure(FailureKind.NETWORK, f"no answer from {host}: {words}", env, latency_ms=latency_ms,
                        retryable=retryable)


def too_large(env: Mapping[str, str], latency_ms: float) -> Failure:
    """The failure of a response beyond MAX_RESPONSE_BYTES."""
    message = f"the response is larger than {MAX_RESPONSE_BYTES // (1024 * 1024)} MiB"
    return make_failure(FailureKind.TOO_LARGE, message, env, status=200, latency_ms=latency_ms)


def from_body(
    raw: bytes, env: Mapping[str, str], *, content_type: str, latency_ms: float, window: RateWindow | None
) -> Completion | Failure:
    """The result of a whole response with status 200 in the OpenAI protocol."""
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        return malformed(env, latency_ms, f"the response is not JSON ({content_type or 'no content type'})")
    if isinstance(body, Mapping) and body.get("error") and "choices" not in body:
        return error_in_success(body, env, latency_ms)
    try:
        answer = read_answer(body)
    except MalformedError as error:
        return malformed(env, latency_ms, str(error))
    return completed(answer, env, latency_ms=latency_ms, window=window)


class StreamReading:
    """Server-sent events of the OpenAI protocol, taken in as bytes with the time (ms) at which they came."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        self._answer = StreamedAnswer()
        self._buffer = b""
        self._size = 0
        self._ttft_ms: float | None = None

    def feed(self, chunk: bytes, at_ms: float) -> Failure | None:
        """Takes the next bytes; a failure where the stream cannot become an answer."""
        self._size += len(chunk)
        if self._size > MAX_RESPONSE_BYTES:
            return too_large(self._env, at_ms)
        *lines, self._buffer = (self._buffer + chunk).split(b"\n")
        try:
            for line in lines:
                event = _event(line)
                if isinstance(event, Mapping) and event.get("error"):
                    return error_in_success(event, self._env, at_ms)
                if event is not None and self._answer.add(event):
                    self._ttft_ms = at_ms
        except (ValueError, RecursionError) as error:
            return malformed(self._env, at_ms, f"a broken event in the stream: {error}")
        return None

    @property
    def started(self) -> bool:
        """Whether any of the answer has come."""
        return self._answer.started

    def end(self, latency_ms: float, window: RateWindow | None) -> Completion | Failure:
        """The result at the end of the stream. Without a finish reason the answer is not whole."""
        answer = self._answer.answer()
        if answer.finish_reason is None:
            return cut_short(self._env, latency_ms, "the stream ended without a finish reason")
        return completed(answer, self._env, latency_ms=latency_ms, ttft_ms=self._ttft_ms, window=window)

    def broken(self, host: str, latency_ms: float, why: str) -> Failure:
        """The failure of a connection that broke in the middle."""
        if not self.started:
            return unreachable(host, why, self._env, latency_ms)
        return cut_short(self._env, latency_ms, f"the connection broke in mid-stream: {why}")


def _event(line: bytes) -> Any:
    """The JSON of a `data:` line; None for other lines and for the end mark. Raises ValueError for broken JSON."""
    if not line.startswith(b"data:"):
        return None
    data = line[5:].strip()
    return None if data in (b"", b"[DONE]") else json.loads(data)


def error_in_success(body: Mapping[str, Any], env: Mapping[str, str], latency_ms: float) -> Failure:
    """Some gateways answer 200 and put the error, with its status as the code, into the body."""
    found = error_body_of(body)
    status = int(found.code) if found.code.isdigit() and 400 <= int(found.code) < 600 else 500
    return http_failure(status, found, env, headers={}, latency_ms=latency_ms)


def cut_short(env: Mapping[str, str], latency_ms: float, why: str) -> Failure:
    """The failure of a stream that ended before its finish reason."""
    return make_failure(FailureKind.TRUNCATED, why, env, status=200, latency_ms=latency_ms)


def malformed(env: Mapping[str, str], latency_ms: float, why: str) -> Failure:
    """The failure of a success that holds no answer."""
    return make_failure(FailureKind.MALFORMED, why, env, status=200, latency_ms=latency_ms)

"""What the loopback model server can answer: healthy completions and every fault a provider shows, in both protocols.

Pure data and text: no sockets here. A `Reply` says how one request is answered; `FAULTS` names the usual ones.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

CREATED = 1_700_000_000


@dataclass(frozen=True, slots=True)
class Recorded:
    """One request as it came in. Header names are lower case; `at` is monotonic seconds; `index` counts from 0."""

    index: int
    method: str
    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]
    at: float
    raw: bytes = b""

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The chat messages as sent."""
        return list(self.body.get("messages", []))

    @property
    def prompt(self) -> str:
        """The text of the last message."""
        content = self.messages[-1]["content"] if self.messages else ""
        if isinstance(content, list):
            return "".join(str(part.get("text", "")) for part in content)
        return str(content or "")

    @property
    def seed(self) -> int | None:
        """The seed that was sent, if any."""
        return self.body.get("seed")

    @property
    def stream(self) -> bool:
        """Whether an event stream was asked for."""
        return bool(self.body.get("stream"))

    @property
    def anthropic(self) -> bool:
        """Whether the request speaks Anthropic's protocol."""
        return self.path.endswith("/messages")


@dataclass(frozen=True, slots=True)
class Reply:
    """How one request is answered; the default is a healthy completion with the server's own answer.

    `act` is what happens on the wire: "" (answer), "reset" (RST before a byte), "reset_body" (RST half-way),
    "cut" (a clean end half-way), "hang" (never answers), "trickle" (a byte every `pace_s`).
    `error` is (type, code, message); with a `raw` body nothing else is written. Times in seconds.
    """

    text: str | None = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    error: tuple[str, str | None, str] | None = None
    raw: str | None = None
    act: str = ""
    delay_s: float = 0.0
    pace_s: float = 0.05
    finish_reason: str | None = "stop"
    usage: Mapping[str, Any] | None = None
    no_usage: bool = False
    no_choices: bool = False
    tool_calls: tuple[Mapping[str, Any], ...] = ()
    model: str | None = None
    events: tuple[str, ...] | None = None

    def after(self, delay_s: float) -> Reply:
        """The same reply, later."""
        return replace(self, delay_s=delay_s)

    def with_headers(self, **headers: str) -> Reply:
        """The same reply with more headers; `_` in a name stands for `-`."""
        return replace(self, headers={**self.headers, **{k.replace("_", "-"): v for k, v in headers.items()}})


def says(text: str, **fields: Any) -> Reply:
    """A healthy completion with this text."""
    return Reply(text=text, **fields)


def fails(status: int, message: str, *, type: str = "error", code: str | None = None, **fields: Any) -> Reply:
    """An error response in the protocol's own shape."""
    return Reply(status=status, error=(type, code, message), **fields)


def tool_call(name: str, arguments: str, id: str = "call_1") -> Mapping[str, Any]:
    """One tool call as the OpenAI protocol writes it."""
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


FAULTS: Mapping[str, Reply] = {
    "server_error": fails(500, "The server had an error", type="server_error"),
    "bad_gateway": Reply(status=502, raw="<html><body>502 Bad Gateway</body></html>"),
    "unavailable": fails(503, "Service unavailable", type="server_error"),
    "overloaded": fails(529, "Overloaded", type="overloaded_error"),
    "rate_limit": fails(429, "Rate limit reached", type="requests", code="rate_limit_exceeded"),
    "rate_limit_after_1": fails(
        429, "Rate limit reached", type="requests", code="rate_limit_exceeded", headers={"retry-after": "1"}
    ),
    "quota": fails(429, "You exceeded your current quota", type="insufficient_quota", code="insufficient_quota"),
    "credit": fails(400, "Your credit balance is too low to access the API", type="invalid_request_error"),
    "auth": fails(401, "Incorrect API key provided", type="invalid_request_error", code="invalid_api_key"),
    "forbidden": fails(403, "You are not allowed to sample from this model", type="permission_error"),
    "bad_model": fails(
        404, "The model `nope` does not exist", type="invalid_request_error", code="model_not_found"
    ),
    "bad_request": fails(400, "Invalid value for 'top_p'", type="invalid_request_error", code="invalid_value"),
    "context_length": fails(
        400,
        "This model's maximum context length is 4096 tokens. However, your messages resulted in 9000 tokens.",
        type="invalid_request_error",
        code="context_length_exceeded",
    ),
    "content_filter": fails(
        400,
        "The response was filtered due to the prompt triggering a content management policy",
        type="invalid_request_error",
        code="content_filter",
    ),
    "payload_too_large": fails(413, "Request too large", type="request_too_large"),
    "filtered_answer": Reply(text="", finish_reason="content_filter"),
    "malformed": Reply(raw='{"id": "chatcmpl-1", "choices": [{"mess', headers={"content-type": "application/json"}),
    "nested": Reply(raw='{"choices": ' + "[" * 100_000, headers={"content-type": "application/json"}),
    "nested_error": Reply(status=500, raw='{"error": ' + "[" * 100_000),
    "html": Reply(raw="<html><body>login</body></html>", headers={"content-type": "text/html"}),
    "empty_choices": Reply(text="", no_choices=True),
    "no_usage": Reply(no_usage=True),
    "reset": Reply(act="reset"),
    "reset_body": Reply(act="reset_body"),
    "cut": Reply(act="cut"),
    "hang": Reply(act="hang"),
    "trickle": Reply(act="trickle"),
    "redirect": Reply(status=307, raw="", headers={"location": "http://127.0.0.1:9/v1/chat/completions"}),
}
"""The usual faults by name. `cut` is the truncated stream, or a body shorter than its content-length."""


def key_echo(request: Recorded) -> Reply:
    """A 401 whose body repeats the key that was sent, as careless gateways do."""
    key = request.headers.get("x-api-key") or request.headers.get("authorization", "").removeprefix("Bearer ")
    return fails(401, f"Incorrect API key provided: {key}", type="invalid_request_error", code="invalid_api_key")


def token_count(text: str) -> int:
    """Tokens as this server counts them: a quarter of the characters, at least one for any text."""
    return (len(text) + 3) // 4


def usage_of(request: Recorded, reply: Reply, text: str) -> dict[str, Any]:
    """The usage block in the OpenAI protocol's words."""
    if reply.usage is not None:
        return dict(reply.usage)
    sent = sum(token_count(str(m.get("content") or "")) for m in request.messages)
    got = token_count(text)
    return {"prompt_tokens": sent, "completion_tokens": got, "total_tokens": sent + got}


def error_body(request: Recorded, reply: Reply) -> str:
    """The error body in the protocol of the request."""
    kind, code, message = reply.error or ("error", None, "")
    if request.anthropic:
        return json.dumps({"type": "error", "error": {"type": kind, "message": message}})
    return json.dumps({"error": {"message": message, "type": kind, "param": None, "code": code}})


def completion_body(request: Recorded, reply: Reply, text: str) -> str:
    """A whole answer in the protocol of the request."""
    if request.anthropic:
        return json.dumps(_anthropic_message(request, reply, text))
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if reply.tool_calls:
        message = {"role": "assistant", "content": text or None, "tool_calls": list(reply.tool_calls)}
    choice = {"index": 0, "message": message, "finish_reason": reply.finish_reason}
    body: dict[str, Any] = _head(request, reply, "chat.completion")
    body["choices"] = [] if reply.no_choices else [choice]
    if not reply.no_usage:
        body["usage"] = usage_of(request, reply, text)
    return json.dumps(body)


def stream_events(request: Recorded, reply: Reply, text: str) -> Iterator[str]:
    """The `data:` payloads of a stream, ending in [DONE] (OpenAI protocol only)."""
    if reply.events is not None:
        yield from reply.events
        return

    def chunk(choices: list[dict[str, Any]], **more: Any) -> str:
        return json.dumps({**_head(request, reply, "chat.completion.chunk"), "choices": choices, **more})

    if not reply.no_choices:
        yield chunk([{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}])
        for call_index, call in enumerate(reply.tool_calls):
            function = call["function"]
            half = len(function["arguments"]) // 2
            first = {"index": call_index, **call, "function": {**function, "arguments": function["arguments"][:half]}}
            rest = {"index": call_index, "function": {"arguments": function["arguments"][half:]}}
            for part in (first, rest):
                yield chunk([{"index": 0, "delta": {"tool_calls": [part]}, "finish_reason": None}])
        for at in range(0, len(text), 8):
            yield chunk([{"index": 0, "delta": {"content": text[at : at + 8]}, "finish_reason": None}])
        yield chunk([{"index": 0, "delta": {}, "finish_reason": reply.finish_reason}])
    options = request.body.get("stream_options") or {}
    if options.get("include_usage") and not reply.no_usage:
        yield chunk([], usage=usage_of(request, reply, text))
    yield "[DONE]"


def _head(request: Recorded, reply: Reply, kind: str) -> dict[str, Any]:
    model = reply.model or request.body.get("model")
    return {"id": f"chatcmpl-{request.index}", "object": kind, "created": CREATED, "model": model}


def _anthropic_message(request: Recorded, reply: Reply, text: str) -> dict[str, Any]:
    stop = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}
    usage = usage_of(request, reply, text)
    return {
        "id": f"msg_{request.index}",
        "type": "message",
        "role": "assistant",
        "model": reply.model or request.body.get("model"),
        "content": [] if reply.no_choices else [{"type": "text", "text": text}],
        "stop_reason": stop.get(reply.finish_reason or "", reply.finish_reason),
        "stop_sequence": None,
        "usage": {"input_tokens": usage["prompt_tokens"], "output_tokens": usage["completion_tokens"]},
    }

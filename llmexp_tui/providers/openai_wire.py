"""The OpenAI chat protocol as data: a request's body, an answer's fields, the events of a stream.

No sockets and no client library here, so that every odd answer of a server can be tried as plain JSON.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from llmexp_tui.domain.usage import Request, ToolCall, Usage
from llmexp_tui.providers.addresses import sent_name

_REASONING_NAME = re.compile(r"^(?:o[134](?:-|$)|gpt-5(?!-chat))")


class MalformedError(ValueError):
    """A success whose body is not what the protocol says; carries what is missing."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What an answer holds, before times and prices are known."""

    text: str
    finish_reason: str | None
    usage: Usage
    model: str | None
    id: str | None
    tool_calls: tuple[ToolCall, ...] = ()


def request_body(request: Request) -> dict[str, Any]:
    """The JSON body of a chat request: every parameter as given, nothing added that was not asked for."""
    name = sent_name(request.model)
    body: dict[str, Any] = {
        "model": name,
        "messages": [{"role": m.role, "content": m.content} for m in request.messages],
        **request.params,
    }
    if "max_tokens" in body and _REASONING_NAME.match(name):
        # Reasoning models refuse the old name of the limit; litellm renames it alike.
        body["max_completion_tokens"] = body.pop("max_tokens")
    if request.seed is not None:
        body["seed"] = request.seed
    if request.output_schema is not None:
        body["response_format"] = response_format(request.output_schema)
    if request.tools:
        body["tools"] = [tool_definition(tool) for tool in request.tools]
    if request.stream:
        body["stream"] = True
        body["stream_options"] = {"include_usage": True}
    return body


def response_format(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The structured-output field for a JSON schema; strict where the schema meets what strictness demands."""
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", str(schema.get("title") or "answer"))[:64].strip("_") or "answer"
    wanted: dict[str, Any] = {"name": name, "schema": dict(schema)}
    if _closed(schema):
        wanted["strict"] = True
    return {"type": "json_schema", "json_schema": wanted}


def _closed(schema: Any) -> bool:
    """Whether every object of a schema lists all its properties as required and allows no others."""
    if isinstance(schema, Sequence) and not isinstance(schema, str):
        return all(_closed(item) for item in schema)
    if not isinstance(schema, Mapping):
        return True
    properties = schema.get("properties")
    if schema.get("type") == "object" or isinstance(properties, Mapping):
        names = set(properties) if isinstance(properties, Mapping) else set()
        if schema.get("additionalProperties") is not False or set(schema.get("required", ())) != names:
            return False
    return all(_closed(value) for value in schema.values())


def tool_definition(tool: Mapping[str, Any]) -> Mapping[str, Any]:
    """A tool as the protocol writes it; a bare function description is wrapped."""
    return tool if "function" in tool or "type" in tool else {"type": "function", "function": dict(tool)}


def read_answer(body: Any) -> Answer:
    """The answer in a decoded response. Raises MalformedError where there is none."""
    if not isinstance(body, Mapping):
        raise MalformedError("the response is not a JSON object")
    choices = body.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], Mapping):
        raise MalformedError("the response has no choices")
    message = choices[0].get("message")
    if not isinstance(message, Mapping):
        raise MalformedError("the response's first choice has no message")
    text = content_text(message.get("content"))
    if not text and isinstance(message.get("refusal"), str):
        text = message["refusal"]
    return Answer(
        text=text,
        finish_reason=text_or_none(choices[0].get("finish_reason")),
        usage=read_usage(body.get("usage")),
        model=text_or_none(body.get("model")),
        id=text_or_none(body.get("id")),
        tool_calls=read_tool_calls(message.get("tool_calls")),
    )


def content_text(content: Any) -> str:
    """The text of a message's content: a string, a list of text parts, or nothing."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, Mapping))
    if content is None:
        return ""
    raise MalformedError("the answer's content is not text")


def text_or_none(value: Any) -> str | None:
    """A non-empty string as it is; anything else is not known."""
    return value if isinstance(value, str) and value else None


def read_tool_calls(calls: Any) -> tuple[ToolCall, ...]:
    """The tool calls of a message; arguments stay the text that the model wrote."""
    found = []
    for call in calls if isinstance(calls, list) else ():
        function = call.get("function") if isinstance(call, Mapping) else None
        if isinstance(function, Mapping):
            name, arguments = str(function.get("name") or ""), function.get("arguments")
            found.append(ToolCall(name, arguments if isinstance(arguments, str) else "", str(call.get("id") or "")))
    return tuple(found)


def read_usage(usage: Any) -> Usage:
    """Tokens by kind. Missing, negative, and zero for both kinds (a server that does not count) are unknown."""
    if not isinstance(usage, Mapping):
        return Usage()
    sent, got = _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))
    if not sent and not got:
        return Usage()
    prompt, completion = usage.get("prompt_tokens_details"), usage.get("completion_tokens_details")
    prompt = prompt if isinstance(prompt, Mapping) else {}
    completion = completion if isinstance(completion, Mapping) else {}
    return Usage(
        input=sent,
        output=got,
        cache_read=_count(prompt.get("cached_tokens")),
        cache_write=_count(prompt.get("cache_write_tokens", prompt.get("cache_creation_tokens"))),
        reasoning=_count(completion.get("reasoning_tokens")),
    )


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


@dataclass(slots=True)
class StreamedAnswer:
    """An answer as its events come in. `add` returns True for an event that shows the first of the text."""

    text: list[str] = field(default_factory=list)
    finish_reason: str | None = None
    usage: Usage = field(default_factory=Usage)
    model: str | None = None
    id: str | None = None
    started: bool = False
    _refusal: list[str] = field(default_factory=list)
    _calls: dict[int, list[str]] = field(default_factory=dict)

    def add(self, event: Any) -> bool:
        """Takes one decoded event. Raises MalformedError for what is not an event of the protocol."""
        if not isinstance(event, Mapping):
            raise MalformedError("a stream event is not a JSON object")
        self.id = self.id or text_or_none(event.get("id"))
        self.model = self.model or text_or_none(event.get("model"))
        if event.get("usage"):
            self.usage = read_usage(event["usage"])
        choices = event.get("choices")
        if not choices:  # the last event of a stream with usage has none
            return False
        if not isinstance(choices, list) or not isinstance(choices[0], Mapping):
            raise MalformedError("a stream event's choices are not a list of objects")
        self.finish_reason = text_or_none(choices[0].get("finish_reason")) or self.finish_reason
        delta = choices[0].get("delta")
        shown = self._add_delta(delta) if isinstance(delta, Mapping) else False
        first = shown and not self.started
        self.started = self.started or shown
        return first

    def _add_delta(self, delta: Mapping[str, Any]) -> bool:
        part, refusal = content_text(delta.get("content")), delta.get("refusal")
        self.text.append(part)
        if isinstance(refusal, str):
            self._refusal.append(refusal)
        calls = delta.get("tool_calls")
        for call in calls if isinstance(calls, list) else ():
            if isinstance(call, Mapping):
                self._add_call(call)
        return bool(part or refusal or calls)

    def _add_call(self, call: Mapping[str, Any]) -> None:
        index = call.get("index")
        known = self._calls.setdefault(index if isinstance(index, int) else len(self._calls), ["", "", ""])
        function = call.get("function")
        known[2] = known[2] or str(call.get("id") or "")
        if isinstance(function, Mapping):
            known[0] += str(function.get("name") or "")
            known[1] += str(function.get("arguments") or "")

    def answer(self) -> Answer:
        """The whole answer."""
        calls = tuple(ToolCall(name, arguments, id) for name, arguments, id in self._calls.values())
        text = "".join(self.text) or "".join(self._refusal)
        return Answer(text, self.finish_reason, self.usage, self.model, self.id, calls)

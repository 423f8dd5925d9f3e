"""The chat protocol as data: bodies that are sent, odd answers that come back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmexp_tui.domain.prompt import Message
from llmexp_tui.domain.usage import Request, ToolCall, Usage
from llmexp_tui.providers.openai_wire import (
    MalformedError,
    StreamedAnswer,
    read_answer,
    read_usage,
    request_body,
    response_format,
)


def body(model: str = "openai/gpt-x", **fields: Any) -> dict[str, Any]:
    return request_body(Request(model, (Message("user", "hi"),), **fields))


def message(**fields: Any) -> dict[str, Any]:
    return {"choices": [{"message": {"role": "assistant", **fields}, "finish_reason": "stop"}]}


def test_nothing_is_sent_that_was_not_asked_for() -> None:
    assert body() == {"model": "gpt-x", "messages": [{"role": "user", "content": "hi"}]}


@pytest.mark.parametrize(
    ("model", "name"), [("openai/gpt-5-mini", "max_completion_tokens"), ("openai/o3", "max_completion_tokens"),
                        ("openai/gpt-4o", "max_tokens"), ("openai/gpt-5-chat-latest", "max_tokens"),
                        ("openai/o1abc", "max_tokens")]
)
def test_the_limit_of_tokens_under_the_name_that_the_model_knows(model: str, name: str) -> None:
    sent = body(model, params={"max_tokens": 9})
    assert sent[name] == 9
    assert len({"max_tokens", "max_completion_tokens"} & set(sent)) == 1


def test_a_schema_is_strict_only_where_it_can_be() -> None:
    closed = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"],
              "additionalProperties": False, "title": "My answer!"}
    assert response_format(closed)["json_schema"] == {"name": "My_answer", "schema": closed, "strict": True}
    inner = {"type": "object", "properties": {"a": {"type": "object", "properties": {}}}, "required": ["a"],
             "additionalProperties": False}
    for loose in ({"type": "object"}, closed | {"required": []}, inner):
        assert "strict" not in response_format(loose)["json_schema"]


@pytest.mark.parametrize(
    ("content", "text"),
    [("plain", "plain"), (None, ""), ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "ab")],
)
def test_the_text_of_an_answer(content: Any, text: str) -> None:
    assert read_answer(message(content=content)).text == text


def test_a_refusal_is_the_text_where_there_is_no_other() -> None:
    assert read_answer(message(content=None, refusal="I cannot")).text == "I cannot"


@pytest.mark.parametrize(
    "broken",
    [[], {}, {"choices": []}, {"choices": None}, {"choices": [1]}, {"choices": [{"message": None}]},
     message(content={"a": 1})],
)
def test_what_is_no_answer(broken: Any) -> None:
    with pytest.raises(MalformedError):
        read_answer(broken)


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (None, Usage()),
        ({"prompt_tokens": 0, "completion_tokens": 0}, Usage()),
        ({"prompt_tokens": 5, "completion_tokens": 0}, Usage(5, 0)),
        ({"prompt_tokens": 5}, Usage(5)),
        ({"prompt_tokens": -5, "completion_tokens": 3}, Usage(None, 3)),
        ({"prompt_tokens": "5", "completion_tokens": True}, Usage()),
        ({"prompt_tokens": 5, "completion_tokens": 6, "prompt_tokens_details": None}, Usage(5, 6)),
        ({"prompt_tokens": 5, "completion_tokens": 6, "prompt_tokens_details": {"cached_tokens": 4}}, Usage(5, 6, 4)),
    ],
)
def test_usage_that_is_not_known_is_none(usage: Any, expected: Usage) -> None:
    assert read_usage(usage) == expected


def test_a_stream_is_put_together() -> None:
    answer = StreamedAnswer()
    events = [
        {"id": "c1", "model": "gpt-x-1", "choices": [{"delta": {"role": "assistant", "content": ""}}]},
        {"choices": [{"delta": {"content": "he"}}]},
        {"choices": [{"delta": {"content": "llo", "tool_calls": [{"index": 0, "id": "a", "function": {
            "name": "f", "arguments": '{"x"'}}]}}]},
        {"choices": [{"delta": {"tool_calls": [{"index": 0, "function": {"arguments": ": 1}"}}]}}]},
        {"choices": [{"delta": {}, "finish_reason": "tool_calls"}]},
        {"choices": [], "usage": {"prompt_tokens": 4, "completion_tokens": 2}},
    ]
    firsts = [answer.add(json.loads(json.dumps(event))) for event in events]
    assert firsts == [False, True, False, False, False, False]
    whole = answer.answer()
    assert (whole.text, whole.finish_reason, whole.model, whole.id) == ("hello", "tool_calls", "gpt-x-1", "c1")
    assert whole.tool_calls == (ToolCall("f", '{"x": 1}', "a"),)
    assert whole.usage == Usage(4, 2)


@pytest.mark.parametrize("event", [1, [], {"choices": {"a": 1}}, {"choices": ["x"]}])
def test_what_is_no_event(event: Any) -> None:
    with pytest.raises(MalformedError):
        StreamedAnswer().add(event)

"""Every lane against the loopback server: each fault told apart, one request a call, one result whichever lane."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from typing import Any

import pytest

from llmexp_tui.domain.prompt import Message
from llmexp_tui.domain.usage import Completion, Failure, FailureKind, Request, ToolCall, Usage
from llmexp_tui.domain.variant import Model
from llmexp_tui.providers.base import Provider, build_request, provider_for
from tests.fakes.model_server import ModelServer
from tests.fakes.replies import FAULTS, Reply, fails, key_echo, says, tool_call

KEY = "sk-canary-0123456789abcdef"
ENV = {"MODEL_KEY": KEY}
LANES = ("direct", "litellm")

KINDS = {
    "server_error": FailureKind.PROVIDER_5XX,
    "bad_gateway": FailureKind.PROVIDER_5XX,
    "unavailable": FailureKind.PROVIDER_5XX,
    "overloaded": FailureKind.PROVIDER_5XX,
    "rate_limit": FailureKind.RATE_LIMIT,
    "rate_limit_after_1": FailureKind.RATE_LIMIT,
    "quota": FailureKind.QUOTA,
    "credit": FailureKind.QUOTA,
    "auth": FailureKind.AUTH,
    "forbidden": FailureKind.AUTH,
    "bad_model": FailureKind.BAD_MODEL,
    "bad_request": FailureKind.BAD_REQUEST,
    "context_length": FailureKind.CONTEXT_WINDOW,
    "content_filter": FailureKind.CONTENT_FILTER,
    "payload_too_large": FailureKind.TOO_LARGE,
    "filtered_answer": FailureKind.CONTENT_FILTER,
    "malformed": FailureKind.MALFORMED,
    "nested": FailureKind.MALFORMED,
    "nested_error": FailureKind.PROVIDER_5XX,
    "html": FailureKind.MALFORMED,
    "empty_choices": FailureKind.MALFORMED,
    "reset": FailureKind.NETWORK,
    "reset_body": FailureKind.NETWORK,
    "cut": FailureKind.NETWORK,
    "hang": FailureKind.TIMEOUT,
    "trickle": FailureKind.TIMEOUT,
    "redirect": FailureKind.BAD_REQUEST,
}
STREAM_KINDS = KINDS | {
    "empty_choices": FailureKind.TRUNCATED,
    "reset_body": FailureKind.TRUNCATED,
    "cut": FailureKind.TRUNCATED,
}
RETRYABLE = {FailureKind.PROVIDER_5XX, FailureKind.RATE_LIMIT, FailureKind.NETWORK, FailureKind.MALFORMED,
             FailureKind.TRUNCATED}
SLOW = ("hang", "trickle")


def chat_model(server: ModelServer, lane: str, **fields: Any) -> Model:
    base = {"api_base": server.base_url, "api_key_env": "MODEL_KEY", "lane": lane, "timeout_s": 20.0}
    return Model("m", "openai/gpt-x", **(base | fields))


def ask(model: Model, text: str = "hi", **fields: Any) -> Request:
    return build_request(model, [Message("system", "Be brief."), Message("user", text)], seed=7, **fields)


@asynccontextmanager
async def opened(model: Model) -> AsyncIterator[Provider]:
    provider = provider_for(model, env=ENV)
    try:
        yield provider
    finally:
        await provider.aclose()


async def call(model: Model, request: Request | None = None) -> Completion | Failure:
    async with opened(model) as provider:
        return await provider.complete(request or ask(model))


def stored(result: Completion | Failure) -> Completion | Failure:
    """What of a result is stored and does not depend on the clock or on which request of the server it was.

    The words for a broken connection are the HTTP client's own.
    """
    if isinstance(result, Failure):
        broken = result.kind in (FailureKind.NETWORK, FailureKind.TRUNCATED)
        return replace(result, latency_ms=0.0, message="" if broken else result.message)
    return replace(result, latency_ms=0.0, ttft_ms=None if result.ttft_ms is None else 1.0, response_id=None)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


@contextmanager
def uncollected() -> Iterator[None]:
    """No garbage is collected within: at the bottom of JSON nested beyond reading, its finalizers lack a stack."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("fault", sorted(KINDS))
@pytest.mark.parametrize("lane", LANES)
async def test_each_fault_is_told_apart_with_one_request(
    model_server: ModelServer, lane: str, fault: str, stream: bool
) -> None:
    limit = 0.4 if fault in SLOW else 20.0
    model_server.always(FAULTS[fault])
    with uncollected():
        result = await call(chat_model(model_server, lane, stream=stream, timeout_s=limit))
    assert isinstance(result, Failure)
    assert result.kind is (STREAM_KINDS if stream else KINDS)[fault]
    assert result.retryable is (result.kind in RETRYABLE)
    assert model_server.count == 1
    assert result.latency_ms > 0


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_both_lanes_store_the_same_result(model_server: ModelServer, stream: bool) -> None:
    replies = {name: reply for name, reply in FAULTS.items() if name not in (*SLOW, "reset")}
    replies |= {
        "plain": says("forty-two"),
        "long": says("word " * 400, finish_reason="length"),
        "no finish": says("x", finish_reason=None),
        "tools": Reply(text="", finish_reason="tool_calls", tool_calls=(tool_call("look_up", '{"a": "ü"}'),)),
        "negative usage": says("x", usage={"prompt_tokens": -1, "completion_tokens": 3}),
        "other model": says("x", model="gpt-x-2026-01-01"),
        "unicode": says("naïve – “quoted” \u202e 😀"),
        "window": says("x", headers={"x-ratelimit-remaining-requests": "3", "x-ratelimit-reset-requests": "2s"}),
        "error in 200": Reply(raw='{"error": {"message": "slow down", "code": 429}}'),
        "not an object": Reply(raw="[]"),
    }
    results: dict[str, dict[str, Completion | Failure]] = {name: {} for name in replies}
    for lane in LANES:
        model = chat_model(model_server, lane, stream=stream)
        async with opened(model) as provider:
            for name, reply in replies.items():
                model_server.script(reply)
                with uncollected():
                    results[name][lane] = stored(await provider.complete(ask(model)))
    for name, by_lane in results.items():
        assert by_lane["direct"] == by_lane["litellm"], name


@pytest.mark.parametrize("lane", LANES)
async def test_an_answer_with_all_its_fields(model_server: ModelServer, lane: str) -> None:
    usage = {"prompt_tokens": 120, "completion_tokens": 30, "total_tokens": 150,
             "prompt_tokens_details": {"cached_tokens": 64}, "completion_tokens_details": {"reasoning_tokens": 8}}
    model_server.script(says("yes", usage=usage, model="gpt-x-0425"))
    result = await call(chat_model(model_server, lane))
    assert isinstance(result, Completion)
    assert (result.text, result.finish_reason, result.model_returned) == ("yes", "stop", "gpt-x-0425")
    assert result.usage == Usage(input=120, output=30, cache_read=64, reasoning=8)
    assert result.response_id == "chatcmpl-0"
    assert result.ttft_ms is None
    assert result.cost_usd is None
    assert result.latency_ms > 0


@pytest.mark.parametrize("lane", LANES)
async def test_a_stream_measures_the_time_to_the_first_token(model_server: ModelServer, lane: str) -> None:
    model_server.script(says("a longer answer, in several events"))
    result = await call(chat_model(model_server, lane, stream=True))
    assert isinstance(result, Completion)
    assert result.text == "a longer answer, in several events"
    assert result.ttft_ms is not None
    assert 0 < result.ttft_ms <= result.latency_ms
    assert result.usage.output == 9
    assert model_server.requests[0].body["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("lane", LANES)
async def test_unknown_usage_is_not_zero(model_server: ModelServer, lane: str, stream: bool) -> None:
    model_server.script(Reply(text="x", no_usage=True))
    result = await call(chat_model(model_server, lane, stream=stream))
    assert isinstance(result, Completion)
    assert result.usage == Usage()


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("lane", LANES)
async def test_tool_calls_keep_the_text_that_the_model_wrote(
    model_server: ModelServer, lane: str, stream: bool
) -> None:
    calls = (tool_call("look_up", '{"id": 12,}', "call_a"), tool_call("refund", "{}", "call_b"))
    model_server.script(Reply(text="", finish_reason="tool_calls", tool_calls=calls))
    tool = {"name": "look_up", "parameters": {"type": "object", "properties": {}}}
    model = chat_model(model_server, lane, stream=stream)
    result = await call(model, ask(model, tools=(tool,)))
    assert isinstance(result, Completion)
    assert result.tool_calls == (ToolCall("look_up", '{"id": 12,}', "call_a"), ToolCall("refund", "{}", "call_b"))
    assert model_server.requests[0].body["tools"] == [{"type": "function", "function": tool}]


async def test_every_parameter_is_sent_as_given_by_both_lanes(model_server: ModelServer) -> None:
    params = {"temperature": 0.3, "top_p": 0.9, "max_tokens": 50, "stop": ["END"], "presence_penalty": 0.1,
              "reasoning_effort": "low", "top_k": 40}
    schema = {"type": "object", "properties": {"label": {"type": "string"}}, "required": ["label"],
              "additionalProperties": False}
    bodies = []
    for lane in LANES:
        model = chat_model(model_server, lane, params=params)
        await call(model, ask(model, output_schema=schema))
        bodies.append(model_server.requests[-1].body)
    assert bodies[0] == bodies[1]
    assert {name: bodies[0][name] for name in params} == params
    assert bodies[0]["seed"] == 7
    assert bodies[0]["response_format"]["json_schema"] == {"name": "answer", "schema": schema, "strict": True}
    assert bodies[0]["model"] == "gpt-x"


@pytest.mark.parametrize("lane", LANES)
async def test_a_key_echoed_by_the_server_is_not_kept(model_server: ModelServer, lane: str) -> None:
    model_server.behave(key_echo)
    result = await call(chat_model(model_server, lane))
    assert isinstance(result, Failure)
    assert model_server.requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert KEY not in result.message
    assert "[redacted]" in result.message


@pytest.mark.parametrize("protocol", ["chat-direct", "chat-litellm", "anthropic"])
async def test_a_key_does_not_follow_a_redirect(model_server: ModelServer, protocol: str) -> None:
    lane = protocol.removeprefix("chat-")
    model = anthropic(model_server) if protocol == "anthropic" else chat_model(model_server, lane)
    with ModelServer() as other:
        target = f"{other.root_url}/v1/chat/completions"
        model_server.always(Reply(status=307, raw="", headers={"location": target}))
        result = await call(model)
        assert other.count == 0
    assert isinstance(result, Failure)
    assert result.kind is FailureKind.BAD_REQUEST
    assert target in result.message
    assert model_server.count == 1


@pytest.mark.parametrize(
    ("headers", "expected"),
    [({"retry-after": "7"}, 7.0), ({"retry-after-ms": "1500", "retry-after": "2"}, 1.5), ({}, None)],
)
@pytest.mark.parametrize("lane", LANES)
async def test_retry_after_is_read(
    model_server: ModelServer, lane: str, headers: dict[str, str], expected: float | None
) -> None:
    model_server.script(fails(429, "slow down", headers=headers))
    result = await call(chat_model(model_server, lane))
    assert isinstance(result, Failure)
    assert result.retry_after_s == expected


@pytest.mark.parametrize("lane", LANES)
async def test_a_response_without_end_is_refused(model_server: ModelServer, lane: str) -> None:
    model_server.script(Reply(raw='{"choices": "' + "x" * (17 * 1024 * 1024) + '"}'))
    result = await call(chat_model(model_server, lane))
    assert isinstance(result, Failure)
    assert result.kind is FailureKind.TOO_LARGE


@pytest.mark.parametrize("base", ["http://127.0.0.1:9/v1", "http://no-such-host.invalid/v1"])
@pytest.mark.parametrize("lane", LANES)
async def test_nobody_at_the_address(model_server: ModelServer, lane: str, base: str) -> None:
    result = await call(replace(chat_model(model_server, lane), api_base=base))
    assert isinstance(result, Failure)
    assert result.kind is FailureKind.NETWORK
    assert result.retryable


@pytest.mark.parametrize("lane", LANES)
async def test_a_cancelled_call_is_cancelled_at_once(model_server: ModelServer, lane: str) -> None:
    model_server.always(FAULTS["hang"])
    model = chat_model(model_server, lane)
    async with opened(model) as provider:
        task = asyncio.create_task(provider.complete(ask(model)))
        await until(lambda: model_server.count == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: model_server.disconnects == 1)


@pytest.mark.parametrize("lane", LANES)
async def test_calls_run_side_by_side(model_server: ModelServer, lane: str) -> None:
    model_server.delay_s = 0.05
    model = chat_model(model_server, lane)
    async with opened(model) as provider:
        results = await asyncio.gather(*(provider.complete(ask(model, f"n {n}")) for n in range(16)))
    assert all(isinstance(result, Completion) for result in results)
    assert model_server.peak > 4
    assert len({r.response_id for r in results if isinstance(r, Completion)}) == 16


@pytest.mark.parametrize("lane", LANES)
async def test_nothing_is_written_to_the_terminal(
    model_server: ModelServer, lane: str, capfd: pytest.CaptureFixture[str]
) -> None:
    for fault in ("auth", "server_error", "bad_model", "malformed"):
        model_server.script(FAULTS[fault])
        await call(chat_model(model_server, lane))
    out, err = capfd.readouterr()
    assert (out, err) == ("", "")


@pytest.mark.parametrize("lane", LANES)
async def test_a_parameter_that_openai_refuses_is_named_before_a_call(lane: str) -> None:
    model = Model("m", "openai/o3-mini", params={"temperature": 0.5}, lane=lane, api_key_env="MODEL_KEY")
    result = await call(model)
    assert isinstance(result, Failure)
    assert result.kind is FailureKind.BAD_REQUEST
    assert "temperature" in result.message


def anthropic(server: ModelServer, **fields: Any) -> Model:
    base = {"api_base": server.root_url, "api_key_env": "MODEL_KEY", "timeout_s": 20.0}
    return Model("m", "anthropic/claude-sonnet-4-5", **(base | fields))


ANTHROPIC_KINDS = {name: kind for name, kind in KINDS.items() if name not in ("content_filter", "empty_choices")}


@pytest.mark.parametrize("fault", sorted(ANTHROPIC_KINDS))
async def test_faults_in_another_protocol(model_server: ModelServer, fault: str) -> None:
    model_server.always(FAULTS[fault])
    result = await call(anthropic(model_server, timeout_s=0.4 if fault in SLOW else 20.0))
    assert isinstance(result, Failure)
    assert result.kind is ANTHROPIC_KINDS[fault]
    assert model_server.count == 1


async def test_another_protocol_is_translated_and_a_seed_it_lacks_is_left_out(model_server: ModelServer) -> None:
    model_server.script(says("bonjour", finish_reason="length"))
    result = await call(anthropic(model_server, params={"temperature": 0.5, "max_tokens": 20}))
    assert isinstance(result, Completion)
    assert (result.text, result.finish_reason) == ("bonjour", "length")
    body = model_server.requests[0].body
    assert (body["temperature"], body["max_tokens"]) == (0.5, 20)
    assert "seed" not in body
    assert model_server.requests[0].headers["x-api-key"] == KEY


async def test_a_parameter_that_a_provider_lacks_is_refused_by_name(model_server: ModelServer) -> None:
    result = await call(anthropic(model_server, params={"logit_bias": {"1": 1}}))
    assert isinstance(result, Failure)
    assert result.kind is FailureKind.BAD_REQUEST
    assert "logit_bias" in result.message
    assert model_server.count == 0


async def test_a_model_of_no_known_provider() -> None:
    result = await call(Model("m", "nobody/knows"))
    assert isinstance(result, Failure)
    assert result.kind is FailureKind.BAD_MODEL


DEMO = Model("d", "demo/icl", params={"temperature": 0.0})


@pytest.mark.parametrize(
    ("model", "fields", "kind"),
    [
        (replace(DEMO, params={"reasoning_effort": "low"}), {}, FailureKind.BAD_REQUEST),
        (DEMO, {"tools": ({"name": "f"},)}, FailureKind.BAD_REQUEST),
        (replace(DEMO, timeout_s=0.0001), {}, FailureKind.TIMEOUT),
    ],
    ids=["parameter", "tools", "timeout"],
)
async def test_faults_of_the_built_in_model(model: Model, fields: dict[str, Any], kind: FailureKind) -> None:
    result = await call(model, ask(model, **fields))
    assert isinstance(result, Failure)
    assert result.kind is kind


async def test_the_built_in_model_has_a_context_window() -> None:
    result = await call(DEMO, ask(DEMO, "word " * 40_000))
    assert isinstance(result, Failure)
    assert result.kind is FailureKind.CONTEXT_WINDOW


NO_NETWORK = """
import socket, sys, os
opened = []
class Refusing(socket.socket):
    def connect(self, *args): opened.append(args); raise OSError("no network")
    connect_ex = connect
socket.socket = Refusing
socket.getaddrinfo = lambda *args, **kwargs: opened.append(args) or []
from llmexp_tui.providers.litellm_adapter import warm
warm()
assert opened == [], opened
assert "CANARY_FROM_DOTENV" not in os.environ
assert "litellm" in sys.modules
"""


def test_importing_litellm_opens_no_socket_reads_no_dotenv_and_prints_nothing(tmp_path: os.PathLike[str]) -> None:
    with open(os.path.join(tmp_path, ".env"), "w", encoding="utf-8") as handle:
        handle.write("CANARY_FROM_DOTENV=1\n")
    done = subprocess.run([sys.executable, "-c", NO_NETWORK], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert (done.stdout, done.stderr) == (b"", b"")


LIGHT = """
import sys
import llmexp_tui.providers.base, llmexp_tui.providers.prices
from llmexp_tui.domain.variant import Model
assert llmexp_tui.providers.prices.price_of(Model("m", "openai/gpt-4o-mini")) is not None
heavy = {"litellm", "aiohttp", "numpy", "scipy", "httpx", "openai"} & set(sys.modules)
assert not heavy, heavy
"""


def test_choosing_a_lane_and_a_price_imports_nothing_heavy() -> None:
    done = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


async def test_an_adapter_leaves_no_task_behind(model_server: ModelServer) -> None:
    await call(chat_model(model_server, "litellm"))
    await call(chat_model(model_server, "direct"))
    assert asyncio.all_tasks() == {asyncio.current_task()}

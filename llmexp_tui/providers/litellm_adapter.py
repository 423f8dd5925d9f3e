"""Every other provider, through litellm. The only module that imports it, and only when the lane is opened.

litellm is used for one thing: to speak a provider's protocol, one request a call. Its retries, caches, callbacks,
price look-ups over the network and reading of .env files are off, and what it reports is checked against the wire.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib
import math
import os
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from llmexp_tui.domain.usage import Completion, Embeddings, Failure, FailureKind, Request, Usage
from llmexp_tui.domain.variant import Model
from llmexp_tui.providers.addresses import OPENAI_BASE, is_own_base, sent_name
from llmexp_tui.providers.base import key_of, speaks_chat
from llmexp_tui.providers.failures import http_failure, make_failure, rate_window, read_error_body
from llmexp_tui.providers.openai_wire import (
    MalformedError,
    StreamedAnswer,
    read_answer,
    request_body,
    response_format,
    tool_definition,
)
from llmexp_tui.providers.outcome import (
    StreamReading,
    completed,
    cut_short,
    from_body,
    malformed,
    timed_out,
    too_large,
    unreachable,
)
from llmexp_tui.providers.parameters import OPENAI_PARAMETERS, refused_parameter
from llmexp_tui.providers.wire_tap import CURRENT, WireRecord, attach

_PREAMBLE = {
    "LITELLM_MODE": "PRODUCTION",  # else importing it loads a .env found upward of site-packages
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else the import blocks on a download, and prices change in mid-run
    "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",  # else a blocking download inside the first call
    "LITELLM_OFFLINE_MODE": "true",
    "LITELLM_LOG": "ERROR",
    "EXPERIMENTAL_OPENAI_BASE_LLM_HTTP_HANDLER": "True",  # two thirds of the CPU of the client it replaces
}
_CALLBACKS = ("callbacks", "input_callback", "success_callback", "failure_callback", "_async_input_callback",
              "_async_success_callback", "_async_failure_callback", "service_callback")
_NO_KEY = "none"
_LITELLM_GRACE_S = 30.0
"""litellm's own limit is set beyond ours, so that the one on the wall clock is the one that ends a call."""

_open_adapters: set[int] = set()


_AT_FIRST_CALL = (
    "litellm.litellm_core_utils.default_encoding",
    "litellm.litellm_core_utils.logging_callback_manager",
    "litellm.llms.github_copilot",
    "litellm.integrations.prometheus_services",
    "litellm.proxy._types",
    "litellm._service_logger",
)
"""0.2 s of imports that litellm puts off; one that another version lacks is left out."""


def open_provider(model: Model, env: Mapping[str, str]) -> LitellmAdapter:
    """The litellm lane to a model."""
    return LitellmAdapter(model, env)


def warm() -> None:
    """Imports litellm now (about 2.5 s, 160 MiB), with what it would load at its first call."""
    _litellm()
    for name in _AT_FIRST_CALL:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


class LitellmAdapter:
    """One model behind litellm. Clients are shared by all adapters of the process, the last to close closes them."""

    def __init__(self, model: Model, env: Mapping[str, str]) -> None:
        self._model = model
        self._env = env
        self._key = key_of(model, env)
        self._own = is_own_base(model)
        self._chat = speaks_chat(model)
        _open_adapters.add(id(self))

    async def complete(self, request: Request) -> Completion | Failure:
        """One attempt through litellm."""
        litellm = _litellm()
        arguments = self._arguments(request)
        if isinstance(arguments, Failure):
            return arguments
        record = WireRecord()
        token = CURRENT.set(record)
        try:
            async with asyncio.timeout(request.timeout_s):
                response = await litellm.acompletion(**arguments)
                if request.stream:
                    return await self._streamed(response, record)
                return self._whole(response, record)
        except TimeoutError:
            return timed_out(request.timeout_s, self._env, record.latency_ms)
        except Exception as error:  # the boundary to a library that raises anything; the wire says what happened
            return self._failure(error, record)
        finally:
            CURRENT.reset(token)

    async def embed(self, request: Request, texts: Sequence[str]) -> Embeddings | Failure:
        """One attempt to embed the texts; of the request, its address and its time limit count."""
        litellm = _litellm()
        record = WireRecord()
        token = CURRENT.set(record)
        try:
            async with asyncio.timeout(request.timeout_s):
                response = await litellm.aembedding(**self._embedding_arguments(request, texts))
            return _embeddings(response.model_dump(), len(texts), record)
        except TimeoutError:
            return timed_out(request.timeout_s, self._env, record.latency_ms)
        except MalformedError as error:
            return malformed(self._env, record.latency_ms, str(error))
        except Exception as error:  # the boundary to a library that raises anything; the wire says what happened
            failure = self._failure(error, record)
            return failure if isinstance(failure, Failure) else malformed(self._env, record.latency_ms, _words(error))
        finally:
            CURRENT.reset(token)

    def _embedding_arguments(self, request: Request, texts: Sequence[str]) -> dict[str, Any]:
        arguments: dict[str, Any] = {
            "model": request.model,
            "input": list(texts),
            "timeout": request.timeout_s + _LITELLM_GRACE_S,
            "max_retries": 0,
            "num_retries": 0,
            "encoding_format": "float",
            "api_key": self._key if self._key or self._own else _NO_KEY,
            **request.params,
        }
        if request.api_base is not None:
            arguments["api_base"] = request.api_base
        if self._chat:
            arguments |= {"model": sent_name(request.model), "custom_llm_provider": "openai"}
        return arguments

    async def aclose(self) -> None:
        """Closes litellm's clients once no adapter is open."""
        _open_adapters.discard(id(self))
        if _open_adapters or not _litellm.cache_info().currsize:
            return
        await _close_clients(_litellm())

    def _arguments(self, request: Request) -> dict[str, Any] | Failure:
        arguments: dict[str, Any] = {
            "timeout": request.timeout_s + _LITELLM_GRACE_S,
            "max_retries": 0,
            "num_retries": 0,
            "drop_params": False,
            "api_key": self._key if self._key or (self._own and not self._chat) else _NO_KEY,
        }
        if request.api_base is not None:
            arguments["api_base"] = request.api_base
        if not self._chat:
            refused = _refused_by_litellm(request)
        else:
            refused = refused_parameter(request) if self._own else None
        if refused is not None:
            return make_failure(FailureKind.BAD_REQUEST, refused, self._env)
        return arguments | (_chat_arguments(request) if self._chat else _translated_arguments(request))

    def _whole(self, response: Any, record: WireRecord) -> Completion | Failure:
        latency_ms, window = record.latency_ms, rate_window(record.headers)
        if record.oversize:
            return too_large(self._env, latency_ms)
        if record.broken is not None:
            return unreachable(record.host, record.broken, self._env, latency_ms)
        if self._chat and record.body is not None:
            return self._from_wire(record)
        try:
            answer = read_answer(response.model_dump())
        except MalformedError as error:
            return malformed(self._env, latency_ms, str(error))
        return completed(answer, self._env, latency_ms=latency_ms, window=window)

    async def _streamed(self, stream: Any, record: WireRecord) -> Completion | Failure:
        answer, ttft_ms = StreamedAnswer(), None
        async for chunk in stream:
            if not (self._chat and record.chunks is not None) and answer.add(chunk.model_dump()):
                ttft_ms = record.latency_ms
        if self._chat and (record.chunks is not None or record.body is not None):
            return self._from_wire(record)
        latency_ms = record.latency_ms
        whole = answer.answer()
        if getattr(stream, "received_finish_reason", whole.finish_reason) is None:
            return cut_short(self._env, latency_ms, "the stream ended without a finish reason")
        return completed(whole, self._env, latency_ms=latency_ms, ttft_ms=ttft_ms, window=rate_window(record.headers))

    def _from_wire(self, record: WireRecord) -> Completion | Failure:
        """The result as the server's bytes say: litellm makes up a finish reason and tokens where it sees none."""
        latency_ms, window = record.latency_ms, rate_window(record.headers)
        if record.chunks is None:
            content_type = record.headers.get("content-type", "").partition(";")[0]
            return from_body(record.body or b"", self._env, content_type=content_type, latency_ms=latency_ms,
                             window=window)
        reading = StreamReading(self._env)
        for at_ms, chunk in record.chunks:
            problem = reading.feed(chunk, at_ms)
            if problem is not None:
                return problem
        if record.broken is not None:
            return reading.broken(record.host, latency_ms, record.broken)
        return reading.end(latency_ms, window)

    def _failure(self, error: Exception, record: WireRecord) -> Completion | Failure:
        """Why there is no answer: the wire first, litellm's own words only where nothing was sent."""
        latency_ms = record.latency_ms
        if record.oversize:
            return too_large(self._env, latency_ms)
        if record.status is not None and record.status != 200:
            body = read_error_body((record.body or b"").decode("utf-8", "replace"))
            return http_failure(record.status, body, self._env, headers=record.headers, latency_ms=latency_ms)
        if record.broken is not None and record.chunks is None:
            return unreachable(record.host, record.broken, self._env, latency_ms)
        if self._chat and (record.chunks is not None or record.body is not None):
            return self._from_wire(record)
        if record.chunks is not None:
            return cut_short(self._env, latency_ms, record.broken or _words(error))
        if record.status == 200:
            return malformed(self._env, latency_ms, _words(error))
        return self._unanswered(error, record, latency_ms)

    def _unanswered(self, error: Exception, record: WireRecord, latency_ms: float) -> Failure:
        """Nothing came back: the network where something was sent (or no client of ours was used), else a refusal."""
        status = getattr(error, "status_code", None)
        status = status if isinstance(status, int) else None
        if record.sent or status is None or status >= 500:
            words = _root_words(error)
            refused = "CERTIFICATE_VERIFY_FAILED" in words
            return unreachable(record.host, words, self._env, latency_ms, retryable=not refused)
        if "LLM Provider NOT provided" in str(error):
            message = f'no provider is known for model "{self._model.model}"; name it provider/model'
            return make_failure(FailureKind.BAD_MODEL, message, self._env)
        headers = getattr(error, "litellm_response_headers", None)
        words = _words(error).partition(" To drop unsupported")[0].removeprefix("litellm.")
        return http_failure(status, read_error_body(words), self._env, headers=dict(headers or {}),
                            latency_ms=latency_ms)


def _embeddings(body: Mapping[str, Any], wanted: int, record: WireRecord) -> Embeddings:
    """The vectors of a response in the order of the texts. Raises MalformedError."""
    entries = [entry for entry in body.get("data") or () if isinstance(entry, Mapping)]
    entries.sort(key=lambda entry: int(entry.get("index") or 0))
    vectors = tuple(_vector(entry.get("embedding")) for entry in entries)
    if len(vectors) != wanted:
        raise MalformedError(f"{wanted} texts were sent, {len(vectors)} vectors came back")
    usage = body.get("usage") or {}
    sent = usage.get("prompt_tokens")
    return Embeddings(
        vectors,
        Usage(input=sent if isinstance(sent, int) else None, output=0),
        latency_ms=record.latency_ms,
        model_returned=body.get("model") or None,
        window=rate_window(record.headers),
    )


def _vector(values: Any) -> tuple[float, ...]:
    if not isinstance(values, Sequence) or isinstance(values, str) or not values:
        raise MalformedError("an embedding is no list of numbers")
    if not all(isinstance(v, int | float) and math.isfinite(v) for v in values):
        raise MalformedError("an embedding holds something that is no number")
    return tuple(map(float, values))


def _chat_arguments(request: Request) -> dict[str, Any]:
    """A model that speaks the OpenAI protocol gets the same body as over the direct lane, untouched."""
    body = request_body(request)
    arguments: dict[str, Any] = {
        "model": sent_name(request.model),
        "custom_llm_provider": "openai",
        "messages": body.pop("messages"),
        "api_base": request.api_base or OPENAI_BASE,
    }
    body.pop("model")
    for name in ("stream", "stream_options"):
        if name in body:
            arguments[name] = body.pop(name)
    if body:
        arguments["extra_body"] = body
    return arguments


def _translated_arguments(request: Request) -> dict[str, Any]:
    """A model of another protocol: litellm translates, and refuses what it cannot."""
    arguments: dict[str, Any] = {
        "model": request.model,
        "messages": [{"role": m.role, "content": m.content} for m in request.messages],
        **request.params,
    }
    if request.seed is not None and "seed" in _supported(request.model):
        arguments["seed"] = request.seed
    if request.output_schema is not None:
        arguments["response_format"] = response_format(request.output_schema)
    if request.tools:
        arguments["tools"] = [dict(tool_definition(tool)) for tool in request.tools]
    if request.stream:
        arguments |= {"stream": True, "stream_options": {"include_usage": True}}
    return arguments


def _refused_by_litellm(request: Request) -> str | None:
    """A parameter that the model's provider does not have, by name; nothing is dropped in silence."""
    supported = _supported(request.model)
    if not supported:
        return None
    wanted = [name for name in request.params if name in OPENAI_PARAMETERS]
    wanted += ["response_format"] if request.output_schema is not None else []
    wanted += ["tools"] if request.tools else []
    missing = next((name for name in wanted if name not in supported), None)
    return None if missing is None else f'model "{request.model}" does not support the parameter {missing}; remove it'


@lru_cache(maxsize=64)
def _supported(model_id: str) -> frozenset[str]:
    """The OpenAI parameters that a model's provider has; empty where litellm does not know the provider."""
    litellm = _litellm()
    try:
        return frozenset(litellm.get_supported_openai_params(model=model_id) or ())
    except Exception:  # the boundary to a library that raises anything; the call itself will say what is wrong
        return frozenset()


def _words(error: BaseException) -> str:
    return str(error) or type(error).__name__


def _root_words(error: BaseException) -> str:
    """The words of the error at the root of a chain: the client's own wrapping says only that it failed."""
    root, seen = error, {id(error)}
    while (below := root.__cause__ or root.__context__) is not None and id(below) not in seen:
        root = below
        seen.add(id(below))
    return _words(root)


@lru_cache(maxsize=1)
def _litellm() -> Any:
    """litellm, imported once under its preamble, silenced and tapped."""
    os.environ.update(_PREAMBLE)
    warnings.filterwarnings("ignore", module=r"(pydantic|litellm)\b")  # about its own types, onto our stderr
    enabled = gc.isenabled()
    gc.disable()  # a quarter of the import is the collector walking half-built modules
    try:
        litellm: Any = importlib.import_module("litellm")
    finally:
        if enabled:
            gc.enable()
    gc.freeze()  # 2,900 modules that never die: without this every full collection walks them
    litellm.suppress_debug_info = True
    litellm.drop_params = False
    litellm.modify_params = False
    litellm.cache = None
    litellm.telemetry = False
    for name in _CALLBACKS:
        if isinstance(getattr(litellm, name, None), list):
            setattr(litellm, name, [])
    _tap_clients()
    _stop_bookkeeping()
    return litellm


def _tap_clients() -> None:
    """Every HTTP client that litellm makes carries the tap."""
    handler: Any = importlib.import_module("litellm.llms.custom_httpx.http_handler").AsyncHTTPHandler
    sdk: Any = importlib.import_module("litellm.llms.openai.common_utils").BaseOpenAILLM
    make_client: Callable[..., Any] = handler.create_client
    make_sdk_client: Callable[..., Any] = sdk._get_async_http_client

    def create_client(self: Any, *args: Any, **kwargs: Any) -> Any:
        return attach(make_client(self, *args, **kwargs))

    def get_async_http_client(*args: Any, **kwargs: Any) -> Any:
        client = make_sdk_client(*args, **kwargs)
        return None if client is None else attach(client)

    handler.create_client = create_client
    sdk._get_async_http_client = staticmethod(get_async_http_client)


def _stop_bookkeeping() -> None:
    """litellm prices every answer and builds a log record of it, with nobody listening: two fifths of a call's CPU.

    Prices are worked out elsewhere, from tokens. A version without these methods is left as it is.
    """
    logging: Any = importlib.import_module("litellm.litellm_core_utils.litellm_logging").Logging

    def nothing(*args: Any, **kwargs: Any) -> None:
        return None

    async def nothing_async(*args: Any, **kwargs: Any) -> None:
        return None

    replaced = {"response_cost_calculator": nothing, "_response_cost_calculator": nothing,
                "success_handler": nothing, "async_success_handler": nothing_async}
    for name, replacement in replaced.items():
        if hasattr(logging, name):
            setattr(logging, name, replacement)


async def _close_clients(litellm: Any) -> None:
    """Closes cached clients and forgets them, so that another loop may open its own; ends litellm's own task."""
    await litellm.close_litellm_async_clients()
    litellm.in_memory_llm_clients_cache.flush_cache()
    worker = getattr(sys.modules.get("litellm.litellm_core_utils.logging_worker"), "GLOBAL_LOGGING_WORKER", None)
    if worker is not None and hasattr(worker, "stop"):
        await worker.stop()

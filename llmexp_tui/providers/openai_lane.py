"""Models that speak the OpenAI chat protocol, over aiohttp directly: about 0.1 ms of CPU a call.

The fast way for the commonest protocol, without litellm's import. It makes one attempt a call, follows no redirect,
keeps one session for its life, and must not know of retries, prices or rate limits.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from llmexp_tui.domain.usage import Completion, Failure, FailureKind, RateWindow, Request
from llmexp_tui.domain.variant import Model
from llmexp_tui.providers.addresses import OPENAI_BASE, is_own_base
from llmexp_tui.providers.base import key_of
from llmexp_tui.providers.failures import http_failure, make_failure, rate_window, read_error_body
from llmexp_tui.providers.openai_wire import request_body
from llmexp_tui.providers.outcome import (
    MAX_RESPONSE_BYTES,
    StreamReading,
    from_body,
    timed_out,
    too_large,
    unreachable,
)
from llmexp_tui.providers.parameters import refused_parameter

if TYPE_CHECKING:
    import aiohttp

CONNECT_TIMEOUT_S = 15.0


def open_provider(model: Model, env: Mapping[str, str]) -> OpenAILane:
    """The direct lane to a model's server."""
    return OpenAILane(model, env)


def warm() -> None:
    """Imports aiohttp now (0.1 s), so that the first call does not pay for it."""
    importlib.import_module("aiohttp")


class _TooLargeError(Exception):
    """More bytes than an answer may have."""


class OpenAILane:
    """One server over one connection pool; the session opens with the first call, in that call's loop."""

    def __init__(self, model: Model, env: Mapping[str, str]) -> None:
        self._url = (model.api_base or OPENAI_BASE).rstrip("/") + "/chat/completions"
        self._host = urlsplit(self._url).netloc
        self._own = is_own_base(model)
        self._env = env
        key = key_of(model, env)
        self._headers = {"Content-Type": "application/json", "User-Agent": "llmexp-tui"}
        if key is not None:
            self._headers["Authorization"] = f"Bearer {key}"
        self._proxy = proxy_for(self._url, env)
        self._session: aiohttp.ClientSession | None = None

    async def complete(self, request: Request) -> Completion | Failure:
        """One attempt over HTTP."""
        refused = refused_parameter(request) if self._own else None
        if refused is not None:
            return make_failure(FailureKind.BAD_REQUEST, refused, self._env)
        import aiohttp

        session = self._open_session()
        try:
            body = json.dumps(request_body(request)).encode()
        except (TypeError, ValueError) as error:
            return make_failure(FailureKind.BAD_REQUEST, f"the request is not JSON: {error}", self._env)
        started = time.monotonic()
        try:
            async with asyncio.timeout(request.timeout_s):
                return await self._send(session, body, started)
        except aiohttp.ClientSSLError as error:
            return self._network(error, started, retryable=False)
        except aiohttp.InvalidURL:
            message = f"not an address: {self._url}"
            return make_failure(FailureKind.BAD_REQUEST, message, self._env)
        except aiohttp.ServerTimeoutError as error:
            return self._network(error, started)
        except TimeoutError:
            return timed_out(request.timeout_s, self._env, _since(started))
        except (aiohttp.ClientError, OSError) as error:
            return self._network(error, started)

    async def aclose(self) -> None:
        """Closes the session and its connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            import aiohttp

            # No limit of connections here: the limiter decides how many calls are in flight.
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=300),
                headers=self._headers,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_S),
            )
        return self._session

    async def _send(self, session: aiohttp.ClientSession, body: bytes, started: float) -> Completion | Failure:
        async with session.post(self._url, data=body, allow_redirects=False, proxy=self._proxy) as response:
            try:
                if response.status != 200:
                    raw = await _read(response)
                    found = read_error_body(raw.decode("utf-8", "replace"))
                    return http_failure(response.status, found, self._env, headers=response.headers,
                                        latency_ms=_since(started))
                if response.content_type == "text/event-stream":
                    return await self._read_stream(response, started)
                raw = await _read(response)
            except _TooLargeError:
                return too_large(self._env, _since(started))
            return from_body(raw, self._env, content_type=response.content_type, latency_ms=_since(started),
                             window=_window(response))

    async def _read_stream(self, response: aiohttp.ClientResponse, started: float) -> Completion | Failure:
        """Reads server-sent events. The time to the first token is stamped as its bytes are read."""
        import aiohttp

        reading = StreamReading(self._env)
        try:
            async for chunk in response.content.iter_any():
                problem = reading.feed(chunk, _since(started))
                if problem is not None:
                    return problem
        except (aiohttp.ClientError, ConnectionError) as error:
            return reading.broken(self._host, _since(started), str(error) or type(error).__name__)
        return reading.end(_since(started), _window(response))

    def _network(self, error: Exception, started: float, *, retryable: bool = True) -> Failure:
        words = str(error) or type(error).__name__
        return unreachable(self._host, words, self._env, _since(started), retryable=retryable)


def proxy_for(url: str, env: Mapping[str, str]) -> str | None:
    """The proxy that the environment names for an address; asked once, because asking costs more than a call."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    lower = {name.lower(): value for name, value in env.items() if name.lower().endswith("_proxy")}
    proxy = lower.get(f"{parts.scheme}_proxy") or lower.get("all_proxy")
    excluded = [entry.strip().lstrip(".").lower() for entry in lower.get("no_proxy", "").split(",") if entry.strip()]
    if not proxy or host in ("localhost", "127.0.0.1", "::1"):
        return None
    if any(entry == "*" or host == entry or host.endswith(f".{entry}") for entry in excluded):
        return None
    return proxy


def _since(started: float) -> float:
    return (time.monotonic() - started) * 1000.0


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """The whole body, or _TooLargeError as soon as it is known to be too large."""
    if (response.content_length or 0) > MAX_RESPONSE_BYTES:
        response.close()
        raise _TooLargeError
    raw = await response.content.read(MAX_RESPONSE_BYTES + 1) if response.content_length is None else None
    if raw is None:
        return await response.read()
    while len(raw) <= MAX_RESPONSE_BYTES:
        more = await response.content.read(MAX_RESPONSE_BYTES + 1 - len(raw))
        if not more:
            return raw
        raw += more
    response.close()
    raise _TooLargeError


def _window(response: aiohttp.ClientResponse) -> RateWindow | None:
    headers = response.headers
    if "x-ratelimit-remaining-requests" not in headers and "x-ratelimit-remaining-tokens" not in headers:
        return None
    return rate_window({name.lower(): value for name, value in headers.items()})

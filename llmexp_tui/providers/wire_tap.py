"""Watches what really goes over the wire below a client library, one record a call.

A client library's exceptions and defaults are not evidence: it may repeat a request on its own, follow a redirect
with the key, turn one status into another, or make up a finish reason and tokens for a stream that was cut. The tap
holds what was sent and received, refuses a second request of the same call, and changes nothing else.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from llmexp_tui.providers.outcome import MAX_RESPONSE_BYTES

if TYPE_CHECKING:
    import httpx


class SecondRequestError(Exception):
    """A client tried to repeat or redirect a request; retries are not its business."""


class OversizeError(Exception):
    """A response is larger than an answer may be."""


@dataclass(slots=True, eq=False)
class WireRecord:
    """What one call put on the wire. `chunks` are (ms since it was sent, bytes) of an event stream that can be read.

    Times run from the request's start to its last byte, by the monotonic clock: what the client library does before
    and after is no part of a provider's latency.
    """

    started: float = field(default_factory=time.monotonic)
    ended: float | None = None
    sent: set[tuple[str, str]] = field(default_factory=set)
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    chunks: list[tuple[float, bytes]] | None = None
    broken: str | None = None
    oversize: bool = False

    @property
    def latency_ms(self) -> float:
        """Milliseconds from the request's start to its last byte, or until now."""
        return ((self.ended or time.monotonic()) - self.started) * 1000.0

    @property
    def host(self) -> str:
        """Where the request went, or "the provider" before one was sent."""
        return next((urlsplit(url).netloc for _, url in self.sent), "the provider")


CURRENT: ContextVar[WireRecord | None] = ContextVar("wire_record", default=None)
"""The record of the call that this task makes; set around the call, seen by the hooks of every client."""


def attach(client: httpx.AsyncClient) -> httpx.AsyncClient:
    """Puts the tap into an HTTP client; the client no longer follows redirects."""
    client.follow_redirects = False
    hooks = client.event_hooks
    if _on_request not in hooks.get("request", []):
        client.event_hooks = {
            "request": [*hooks.get("request", []), _on_request],
            "response": [*hooks.get("response", []), _on_response],
        }
    return client


async def _on_request(request: httpx.Request) -> None:
    record = CURRENT.get()
    if record is None:
        return
    target = (request.method, str(request.url))
    redirected = record.status is not None and 300 <= record.status < 400
    if redirected or target in record.sent:
        raise SecondRequestError("one call is one request")
    if not record.sent:
        record.started = time.monotonic()
    record.sent.add(target)


async def _on_response(response: httpx.Response) -> None:
    record = CURRENT.get()
    if record is None:
        return
    record.status = response.status_code
    record.headers = {name.lower(): value for name, value in response.headers.items()}
    if response.status_code == 200 and "text/event-stream" in record.headers.get("content-type", ""):
        if "content-encoding" not in record.headers:
            record.chunks = []
            _tap_stream(response, record)
        return
    if int(record.headers.get("content-length") or 0) > MAX_RESPONSE_BYTES:
        record.oversize = True
        raise OversizeError
    try:
        record.body = await response.aread()
    except Exception as error:  # the boundary to the network below a foreign library: noted, and raised on
        record.broken = str(error) or type(error).__name__
        raise
    finally:
        record.ended = time.monotonic()
    record.oversize = len(record.body) > MAX_RESPONSE_BYTES
    promised = int(record.headers.get("content-length") or 0)
    if len(record.body) < promised and "content-encoding" not in record.headers:
        # Some versions of litellm's transport pass a body that broke off as if it were whole.
        record.broken = f"the response ended after {len(record.body)} of {promised} bytes"


def _tap_stream(response: httpx.Response, record: WireRecord) -> None:
    import httpx

    source: Any = response.stream

    class Tapped(httpx.AsyncByteStream):
        """The same bytes, each chunk noted with its time."""

        async def __aiter__(self) -> AsyncIterator[bytes]:
            chunks = record.chunks if record.chunks is not None else []
            size = 0
            try:
                async for chunk in source:
                    size += len(chunk)
                    if size > MAX_RESPONSE_BYTES:
                        record.oversize = True
                        raise OversizeError
                    chunks.append((record.latency_ms, chunk))
                    yield chunk
            except Exception as error:  # as above: noted, and raised on
                record.broken = str(error) or type(error).__name__
                raise
            finally:
                record.ended = time.monotonic()

        async def aclose(self) -> None:
            await source.aclose()

    response.stream = Tapped()

"""A loopback model server: speaks the OpenAI chat protocol (and enough of Anthropic's), shows any fault on request.

Written on asyncio's own transports, not a web framework, for two reasons: faults on the wire (resets, short
bodies, trickles) need the raw socket, and a benchmark of clients needs a server that is cheaper than they are.
Runs in a thread (`ModelServer`) or as a process: `python -m tests.fakes.model_server --port 0 --delay-ms 50`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import struct
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

from tests.fakes.replies import FAULTS, Recorded, Reply, completion_body, error_body, stream_events

Answer = Callable[[Recorded], str]
Behaviour = Callable[[Recorded], Reply | None]

_REASONS = {200: "OK", 307: "Temporary Redirect", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found"}


class ModelServer:
    """One server on a free port of 127.0.0.1. Use as a context manager, or `start` and `stop`.

    Answers come from `answer` (a function of the request), unless a reply was scripted: `script(...)` for the next
    requests in turn, `at(n, reply)` for the n-th request (from 0), `always(reply)` for every other one,
    `behave(fn)` for a function of the request that may return None.
    """

    def __init__(
        self, answer: Answer | None = None, *, port: int = 0, delay_s: float = 0.0, record: bool = True
    ) -> None:
        self.answer: Answer = answer or (lambda request: "ok")
        self.delay_s = delay_s
        self.record = record
        self.requests: list[Recorded] = []
        self.count = 0
        self.in_flight = 0
        self.peak = 0
        self.connections = 0
        self.disconnects = 0
        self.first_at: float | None = None
        self.last_at: float | None = None
        self._script: deque[Reply] = deque()
        self._at: dict[int, Reply] = {}
        self._behaviour: Behaviour | None = None
        self._port = port
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The port in use, once started."""
        return self._port

    @property
    def base_url(self) -> str:
        """The `api_base` of the OpenAI protocol."""
        return f"http://127.0.0.1:{self._port}/v1"

    @property
    def root_url(self) -> str:
        """The address without a path (the `api_base` of the Anthropic protocol)."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def times(self) -> list[float]:
        """Monotonic arrival times of the recorded requests."""
        return [request.at for request in self.requests]

    def script(self, *replies: Reply) -> ModelServer:
        """These replies for the next requests, in turn."""
        self._script.extend(replies)
        return self

    def at(self, index: int, reply: Reply) -> ModelServer:
        """This reply for the request with that index (from 0)."""
        self._at[index] = reply
        return self

    def always(self, reply: Reply) -> ModelServer:
        """This reply for every request that nothing else was scripted for."""
        return self.behave(lambda request: reply)

    def behave(self, behaviour: Behaviour | None) -> ModelServer:
        """A function that chooses the reply; None from it means a healthy answer."""
        self._behaviour = behaviour
        return self

    def reset(self) -> None:
        """Forgets what was scripted and counted."""
        self._script.clear()
        self._at.clear()
        self._behaviour = None
        self.requests.clear()
        self.count = self.peak = self.disconnects = self.connections = 0
        self.first_at = self.last_at = None

    def stats(self) -> dict[str, Any]:
        """Counters, as `GET /stats` gives them."""
        span = None if self.first_at is None or self.last_at is None else self.last_at - self.first_at
        return {"count": self.count, "peak": self.peak, "connections": self.connections,
                "disconnects": self.disconnects, "span_s": span}

    def reply_to(self, request: Recorded) -> Reply:
        """The reply for a request, from the most particular rule to the most general."""
        reply = self._at.pop(request.index, None)
        if reply is None and self._script:
            reply = self._script.popleft()
        if reply is None and self._behaviour is not None:
            reply = self._behaviour(request)
        return reply if reply is not None else Reply()

    def start(self) -> ModelServer:
        """Listens in a thread of its own; returns once the port is open."""
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), daemon=True, name="model-server")
        self._thread.start()
        if not ready.wait(10):
            raise RuntimeError("the model server did not start")
        return self

    def stop(self) -> None:
        """Closes every connection and ends the thread."""
        if self._loop is not None and self._thread is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(10)
            self._loop = self._thread = None

    def __enter__(self) -> ModelServer:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def _run(self, ready: threading.Event) -> None:
        loop = asyncio.new_event_loop()
        self._loop = loop
        open_connections: set[_Connection] = set()
        opening = loop.create_server(
            lambda: _Connection(self, loop, open_connections), "127.0.0.1", self._port, backlog=512
        )
        server = loop.run_until_complete(opening)
        self._port = server.sockets[0].getsockname()[1]
        ready.set()
        try:
            loop.run_forever()
        finally:
            server.close()
            for connection in list(open_connections):
                connection.abort()
            loop.run_until_complete(asyncio.sleep(0))
            loop.close()


class _Connection(asyncio.Protocol):
    """One keep-alive connection; one request at a time, as HTTP clients send them."""

    def __init__(self, server: ModelServer, loop: asyncio.AbstractEventLoop, peers: set[_Connection]) -> None:
        self._server = server
        self._loop = loop
        self._peers = peers
        self._buffer = bytearray()
        self._timers: list[asyncio.TimerHandle] = []
        self._busy = False
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._peers.add(self)
        self._server.connections += 1

    def connection_lost(self, exc: Exception | None) -> None:
        self._peers.discard(self)
        for timer in self._timers:
            timer.cancel()
        if self._busy:
            self._server.disconnects += 1
            self._done()

    def abort(self) -> None:
        """Closes with a reset, not a clean end."""
        sock = self._transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        lines = self._buffer[:end].decode("latin-1").split("\r\n")
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])}
        length = int(headers.get("content-length", "0"))
        start = end + 4
        if len(self._buffer) < start + length:
            return
        raw = bytes(self._buffer[start : start + length])
        del self._buffer[: start + length]
        method, path, _ = lines[0].split(" ", 2)
        self._handle(method, path, headers, raw)

    def _handle(self, method: str, path: str, headers: dict[str, str], raw: bytes) -> None:
        server = self._server
        if method == "GET":
            self._write_response(200, {}, json.dumps(server.stats()))
            if path == "/reset":
                server.reset()
            return
        try:
            body = json.loads(raw or b"{}")
        except ValueError:
            body = {}
        request = Recorded(server.count, method, path.partition("?")[0], headers, body, time.monotonic(), raw)
        server.count += 1
        if server.first_at is None:
            server.first_at = request.at
        server.in_flight += 1
        server.peak = max(server.peak, server.in_flight)
        self._busy = True
        if server.record:
            server.requests.append(request)
        reply = server.reply_to(request)
        delay = server.delay_s + reply.delay_s
        if delay > 0:
            self._later(delay, lambda: self._respond(request, reply))
        else:
            self._respond(request, reply)

    def _respond(self, request: Recorded, reply: Reply) -> None:
        if reply.act == "hang":
            return
        if reply.act == "reset":
            self._done()
            self.abort()
            return
        payload = _payload(self._server, request, reply)
        if reply.act == "cut" and b"text/event-stream" in payload[:400]:  # half of the events, then a clean end
            self._done()
            self._transport.write(payload)
        elif reply.act in ("reset_body", "cut"):
            self._transport.write(_half(payload))
            self._later(0.02, self._cut if reply.act == "cut" else self._reset)
        elif reply.act == "trickle":
            self._trickle(payload, 0, reply.pace_s)
        else:
            self._done()
            self._transport.write(payload)

    def _cut(self) -> None:
        self._done()
        self._transport.close()

    def _reset(self) -> None:
        self._done()
        self.abort()

    def _trickle(self, payload: bytes, at: int, pace_s: float) -> None:
        if at == 0:  # headers at once: a client's time limit on the first byte must not be what ends the call
            at = payload.index(b"\r\n\r\n") + 4
            self._transport.write(payload[:at])
        if at >= len(payload):
            self._done()
            return
        self._transport.write(payload[at : at + 1])
        self._later(pace_s, lambda: self._trickle(payload, at + 1, pace_s))

    def _later(self, delay_s: float, call: Callable[[], None]) -> None:
        self._timers = [timer for timer in self._timers if timer.when() > self._loop.time()]
        self._timers.append(self._loop.call_later(delay_s, call))

    def _done(self) -> None:
        if self._busy:
            self._busy = False
            self._server.in_flight -= 1
            self._server.last_at = time.monotonic()

    def _write_response(self, status: int, headers: dict[str, str], body: str) -> None:
        self._transport.write(_response(status, headers, body.encode()))


def _payload(server: ModelServer, request: Recorded, reply: Reply) -> bytes:
    if reply.raw is not None:
        return _response(reply.status, dict(reply.headers), reply.raw.encode())
    if reply.error is not None:
        return _response(reply.status, dict(reply.headers), error_body(request, reply).encode())
    text = reply.text if reply.text is not None else server.answer(request)
    if request.stream and not request.anthropic:
        return _stream(reply, list(stream_events(request, reply, text)))
    return _response(reply.status, dict(reply.headers), completion_body(request, reply, text).encode())


def _response(status: int, headers: dict[str, str], body: bytes) -> bytes:
    lines = {"content-type": "application/json", **headers, "content-length": str(len(body))}
    head = f"HTTP/1.1 {status} {_REASONS.get(status, 'Status')}\r\n"
    return (head + "".join(f"{k}: {v}\r\n" for k, v in lines.items()) + "\r\n").encode() + body


def _stream(reply: Reply, events: list[str]) -> bytes:
    """The whole stream in chunked coding. A cut stream ends cleanly, half of its events missing."""
    head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n"
    head += "".join(f"{k}: {v}\r\n" for k, v in reply.headers.items()) + "\r\n"
    shown = events[: max(1, len(events) // 2)] if reply.act in ("cut", "reset_body") else events
    parts = [f"data: {event}\n\n".encode() for event in shown]
    body = b"".join(f"{len(part):x}\r\n".encode() + part + b"\r\n" for part in parts)
    return head.encode() + body + (b"" if reply.act == "reset_body" else b"0\r\n\r\n")


def _half(payload: bytes) -> bytes:
    """Half of a plain body; a stream is cut by its events already."""
    start = payload.index(b"\r\n\r\n") + 4
    if b"text/event-stream" in payload[:start]:
        return payload
    return payload[: start + (len(payload) - start) // 2]


def _answers_from(path: str) -> Answer:
    """Answers from a JSON object: the first key that the prompt contains gives the answer."""
    with open(path, encoding="utf-8") as handle:
        table = json.load(handle)

    def answer(request: Recorded) -> str:
        prompt = request.prompt
        return next((str(value) for key, value in table.items() if key in prompt), "unknown")

    return answer


def main(argv: list[str] | None = None) -> int:
    """Serves until the process is ended (or stdin closes, if asked); prints the port on a line of its own."""
    parser = argparse.ArgumentParser(prog="model_server", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--delay-ms", type=float, default=0.0)
    parser.add_argument("--answer", default="ok", help="the text of every answer")
    parser.add_argument("--answers", help="JSON object: prompt substring -> answer")
    parser.add_argument("--fault", choices=sorted(FAULTS), help="show this fault …")
    parser.add_argument("--fault-every", type=int, default=1, help="… on every n-th request")
    parser.add_argument("--retry-after", help="a retry-after header on the fault")
    parser.add_argument("--until-stdin-closes", action="store_true", help="end with the process that started this")
    args = parser.parse_args(argv)
    answer: Answer = _answers_from(args.answers) if args.answers else (lambda request: args.answer)
    server = ModelServer(answer, port=args.port, delay_s=args.delay_ms / 1000, record=False)
    if args.fault:
        fault = FAULTS[args.fault]
        if args.retry_after:
            fault = replace(fault, headers={**fault.headers, "retry-after": args.retry_after})
        server.behave(lambda request: fault if request.index % args.fault_every == 0 else None)
    with server:
        print(server.port, flush=True)
        try:
            if args.until_stdin_closes:
                sys.stdin.buffer.read()
            else:
                threading.Event().wait()
        except KeyboardInterrupt:
            pass
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""A loopback server that plays a forge's API: comments in pages, rate limits, refusals. It keeps what it was sent."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

PAGE = 3


@dataclass
class Call:
    """One request as it came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


@dataclass
class ForgeServer:
    """GitHub's and GitLab's comment calls. `refusals` are answered first: (status, headers) each, in turn."""

    user: dict[str, Any] | None = None
    comments: list[dict[str, Any]] = field(default_factory=list)
    refusals: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    refused_methods: tuple[str, ...] = ("GET", "POST", "PATCH", "PUT")
    calls: list[Call] = field(default_factory=list)
    next_base: str | None = None

    def __enter__(self) -> ForgeServer:
        handler = type("Bound", (_Handler,), {"forge": self})
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.base = f"http://127.0.0.1:{self.http.server_address[1]}"
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.01,))
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.http.shutdown()
        self.thread.join()
        self.http.server_close()

    def written(self) -> list[Call]:
        """The calls that changed something."""
        return [call for call in self.calls if call.method != "GET"]


class _Handler(BaseHTTPRequestHandler):
    forge: ForgeServer

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PATCH(self) -> None:
        self._serve()

    def do_PUT(self) -> None:
        self._serve()

    def _serve(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(size)) if size else None
        self.forge.calls.append(Call(self.command, self.path, dict(self.headers), body))
        if self.forge.refusals and self.command in self.forge.refused_methods:
            status, headers = self.forge.refusals.pop(0)
            self._answer(status, {"message": "no"}, headers)
        elif urlsplit(self.path).path.endswith("/user"):
            known = self.forge.user
            self._answer(200 if known else 403, known or {"message": "Resource not accessible by integration"}, {})
        elif self.command == "GET":
            self._page()
        elif self.command == "POST":
            self._answer(201, {"id": 999}, {})
        else:
            self._answer(200, {}, {})

    def _page(self) -> None:
        parts = urlsplit(self.path)
        page = int(parse_qs(parts.query).get("page", ["1"])[0])
        found = self.forge.comments[(page - 1) * PAGE : page * PAGE]
        headers = {}
        if len(self.forge.comments) > page * PAGE:
            base = self.forge.next_base or self.forge.base
            headers["Link"] = f'<{base}{parts.path}?page={page + 1}>; rel="next", <{base}>; rel="first"'
        self._answer(200, found, headers)

    def _answer(self, status: int, body: Any, headers: dict[str, str]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Says nothing: tests look at `calls`."""

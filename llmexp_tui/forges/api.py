"""A small JSON client for a forge's API, on the standard library: pages, rate limits, and no redirects.

Redirects are refused and a next page must lie on the same server, because the token goes along with every request.
Nothing here knows one forge from another.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from email.message import Message
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urljoin, urlsplit
from urllib.request import HTTPRedirectHandler, OpenerDirector, Request, build_opener

from llmexp_tui.domain.text import one_line

TIMEOUT_S = 20.0
LONGEST_WAIT_S = 60.0
MAX_PAGES = 100
MAX_BYTES = 16_000_000
_NEXT = re.compile(r'<([^>]*)>\s*;[^,]*rel="?next"?')


class ForgeError(Exception):
    """The forge did not take what was posted. It never fails a gate. `status` is None where no answer came.

    `forbidden`: the token may not do this, now or later; a rate limit that is used up says the same by its status.
    """

    def __init__(self, message: str, status: int | None = None, *, limited: bool = False) -> None:
        self.status = status
        self.forbidden = status in (401, 403, 404) and not limited
        super().__init__(message)


class _NoRedirect(HTTPRedirectHandler):
    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> Request | None:
        return None


@dataclass(frozen=True, slots=True)
class Api:
    """One server with its token in `headers`. `sleep` waits, `clock` is seconds since 1970; tests hold both still."""

    base: str
    headers: Mapping[str, str]
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.time
    tries: int = 4
    opener: OpenerDirector = field(default_factory=lambda: build_opener(_NoRedirect))

    def pages(self, path: str) -> Iterator[list[Any]]:
        """Every page of a list, by its Link header. Raises ForgeError."""
        url: str | None = self._url(path)
        for _ in range(MAX_PAGES):
            if url is None:
                return
            body, headers = self._call("GET", url, None)
            yield body if isinstance(body, list) else []
            url = self._next(url, headers)

    def get(self, path: str) -> Any:
        """One document. Raises ForgeError."""
        return self._call("GET", self._url(path), None)[0]

    def send(self, method: str, path: str, body: Mapping[str, Any]) -> Any:
        """Creates or changes one thing. Raises ForgeError."""
        return self._call(method, self._url(path), body)[0]

    def _url(self, path: str) -> str:
        return f"{self.base.rstrip('/')}/{path.lstrip('/')}"

    def _next(self, url: str, headers: Message) -> str | None:
        match = _NEXT.search(headers.get("Link", ""))
        if match is None:
            return None
        following = urljoin(url, str(match.group(1)))
        if urlsplit(following)[:2] != urlsplit(self.base)[:2]:
            raise ForgeError("the forge names a next page on another server")
        return following

    def _call(self, method: str, url: str, body: Mapping[str, Any] | None) -> tuple[Any, Message]:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Accept": "application/json", "User-Agent": "llmexp-tui", **self.headers}
        if data is not None:
            headers["Content-Type"] = "application/json"
        for attempt in range(1, self.tries + 1):
            try:
                with self.opener.open(Request(url, data, headers, method=method), timeout=TIMEOUT_S) as answer:
                    return _parsed(answer.read(MAX_BYTES)), answer.headers
            except HTTPError as error:
                with error:
                    wait = self._wait(method, error, attempt)
                    if wait is None or attempt == self.tries:
                        refusal = _refusal(method, error)
                        raise ForgeError(refusal, error.code, limited=_limited(error, refusal)) from None
                self.sleep(wait)
            except (URLError, OSError, ValueError) as error:
                raise ForgeError(f"{method} to the forge failed: {one_line(str(error))}") from None
        raise ForgeError(f"{method} to the forge failed")

    def _wait(self, method: str, error: HTTPError, attempt: int) -> float | None:
        """Seconds to wait before the next try; None where trying again is of no use or takes too long."""
        after = _number(error.headers.get("Retry-After"))
        if error.code == 429 or (error.code == 403 and _limited(error)):
            reset = _number(error.headers.get("X-RateLimit-Reset") or error.headers.get("RateLimit-Reset"))
            if after is None:
                after = 2.0**attempt if reset is None else reset - self.clock()
            return max(after, 1.0) if after <= LONGEST_WAIT_S else None
        # A gateway may have passed a POST on before it failed: a second comment is worse than none.
        return 2.0**attempt if error.code in (502, 503, 504) and method != "POST" else None


def _limited(error: HTTPError, said: str = "") -> bool:
    """Whether a refusal is one of pace: by its headers, or by what it says."""
    left = (error.headers.get("X-RateLimit-Remaining"), error.headers.get("RateLimit-Remaining"))
    return "0" in left or error.headers.get("Retry-After") is not None or "rate limit" in said.lower()


def _parsed(raw: bytes) -> Any:
    return json.loads(raw) if raw.strip() else None


def _refusal(method: str, error: HTTPError) -> str:
    detail = one_line(error.read(2000).decode("utf-8", "replace"))
    return f"the forge answered {error.code} to {method}: {detail or 'no reason given'}"


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None

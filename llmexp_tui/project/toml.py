"""Reads TOML of unknown origin: bounded in size, depth and key length before the parser sees it.

The standard parser takes seconds and gigabytes for a 31 KB dotted key, and gives no line numbers for values; both
are mended here. What the keys mean is not decided here.
"""

from __future__ import annotations

import re
import tomllib
from typing import Any

from llmexp_tui.domain.text import one_line
from llmexp_tui.errors import ConfigError

MAX_CHARS = 256 << 10
_MAX_DOTS = 16
_MAX_DEPTH = 20
_TOKENS = re.compile(
    r"""
      (?P<comment>\#[^\n]*)
    | (?P<long>\"\"\"(?:\\.|[^\\])*?(?:\"\"\"+|\Z)|'''.*?(?:'''+|\Z))
    | (?P<text>"(?:\\.|[^"\\\n])*"?|'[^'\n]*'?)
    | (?P<line>\n)
    | (?P<mark>[\[\]{}=,.])
    | (?P<word>[A-Za-z0-9_+:\-]+)
    | (?P<other>[^\n])
    """,
    re.VERBOSE | re.DOTALL,
)
# An unclosed string runs to the end of its line or of the text: trying again at each quote would be quadratic.
_PLACE = re.compile(r"\(at (?:line (\d+), column \d+|end of document)\)")

KeyPath = tuple[str | int, ...]


def parse_toml(text: str, shown: str) -> dict[str, Any]:
    """The document as plain values. Raises ConfigError with file and line, for whatever text."""
    if len(text) > MAX_CHARS:
        raise ConfigError(f"longer than {MAX_CHARS >> 10} KB", where=shown, mend="split the project")
    _refuse_bombs(text, shown)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        place = _PLACE.search(message)
        line = place[1] if place and place[1] else text.rstrip().count("\n") + 1
        reason = one_line(_PLACE.sub("", message).strip(), 160)
        raise ConfigError(f"not TOML: {reason}", where=f"{shown}:{line}") from None
    except (ValueError, RecursionError, MemoryError, OverflowError) as error:
        raise ConfigError(f"not usable TOML: {one_line(str(error), 160)}", where=shown) from None


def _refuse_bombs(text: str, shown: str) -> None:
    """Raises ConfigError for a dotted key or nesting that the parser would choke on. Linear in the text."""
    line, dots, depth = 1, 0, 0
    for token in _TOKENS.finditer(text):
        kind, value = token.lastgroup, token[0]
        if kind == "line" or kind == "long":
            line += value.count("\n")
        if kind == "mark":
            dots = dots + 1 if value == "." else 0
            depth += (value in "[{") - (value in "]}")
        elif kind in ("line", "comment"):
            dots = 0
        if dots > _MAX_DOTS or depth > _MAX_DEPTH:
            what = "a key has too many parts" if dots > _MAX_DOTS else "nested too deeply"
            raise ConfigError(what, where=f"{shown}:{line}", mend="make it flatter")


def key_lines(text: str) -> dict[KeyPath, int]:
    """The line of every key of a document that parses: path of keys and list indices -> line, from 1.

    Built only when a message needs it.
    """
    return _Locator(text).lines


class _Locator:
    """One pass over the tokens of a valid document. A path seen twice keeps its first line."""

    def __init__(self, text: str) -> None:
        self.lines: dict[KeyPath, int] = {}
        self._counts: dict[KeyPath, int] = {}
        self._tokens: list[tuple[str, str, int]] = []
        line = 1
        for token in _TOKENS.finditer(text):
            kind, value = token.lastgroup or "", token[0]
            if kind not in ("comment",) and not (kind == "other" and value.isspace()):
                self._tokens.append((kind, value, line))
            line += value.count("\n")
        self._at = 0
        self._document()

    def _peek(self) -> tuple[str, str, int]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("end", "", 0)

    def _next(self) -> tuple[str, str, int]:
        token = self._peek()
        self._at += 1
        return token

    def _note(self, path: KeyPath, line: int) -> None:
        self.lines.setdefault(path, line)

    def _document(self) -> None:
        table: KeyPath = ()
        while self._peek()[0] != "end":
            kind, value, line = self._peek()
            if kind == "line":
                self._at += 1
            elif (kind, value) == ("mark", "["):
                table = self._header(line)
            else:
                self._pair(table)

    def _header(self, line: int) -> KeyPath:
        self._at += 1
        many = self._peek()[1] == "["
        self._at += many
        keys = self._keys()
        self._at += 1 + many
        path: KeyPath = ()
        for place, key in enumerate(keys):
            path = (*path, key)
            self._note(path, line)
            if many and place == len(keys) - 1:
                self._counts[path] = self._counts.get(path, -1) + 1
            if path in self._counts:
                path = (*path, self._counts[path])
                self._note(path, line)
        return path

    def _keys(self) -> list[str]:
        keys = []
        while True:
            kind, value, _ = self._next()
            keys.append(next(iter(tomllib.loads(f"{value}=0"))) if kind == "text" else value)
            if self._peek()[1] != ".":
                return keys
            self._at += 1

    def _pair(self, table: KeyPath) -> None:
        line = self._peek()[2]
        path = table
        for key in self._keys():
            path = (*path, key)
            self._note(path, line)
        self._at += 1
        self._value(path)

    def _value(self, path: KeyPath) -> None:
        while self._peek()[0] == "line":
            self._at += 1
        kind, value, _ = self._next()
        if kind == "mark" and value == "{":
            self._inline(path)
        elif kind == "mark" and value == "[":
            self._array(path)
        else:
            while self._peek()[0] in ("word", "other") or self._peek()[1] == ".":
                self._at += 1

    def _inline(self, path: KeyPath) -> None:
        while self._peek()[1] != "}" and self._peek()[0] != "end":
            if self._peek()[1] == "," or self._peek()[0] == "line":
                self._at += 1
            else:
                self._pair(path)
        self._at += 1

    def _array(self, path: KeyPath) -> None:
        index = 0
        while self._peek()[1] != "]" and self._peek()[0] != "end":
            kind, value, line = self._peek()
            if kind == "line":
                self._at += 1
            elif value == ",":
                self._at += 1
                index += 1
            else:
                self._note((*path, index), line)
                self._value((*path, index))
        self._at += 1

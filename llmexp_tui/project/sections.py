"""Typed, strict access to the tables of the project file: every complaint names file, line, key and the remedy.

It knows nothing of datasets, models or experiments; those read their sections through it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from llmexp_tui.domain.text import neutralise, one_line
from llmexp_tui.errors import ConfigError, UnknownNameError
from llmexp_tui.project.toml import KeyPath, key_lines, parse_toml

_MAX_NAME = 100
_KINDS: Sequence[tuple[type, str]] = (
    (bool, "true or false"), (str, "a text"), (int, "a whole number"), (float, "a number"), (list, "a list"),
    (dict, "a table"),
)  # fmt: skip


@dataclass(slots=True)
class Document:
    """A parsed TOML text and, made when first needed, the line of each of its keys."""

    text: str
    shown: str
    _lines: dict[KeyPath, int] | None = field(default=None, repr=False)

    def root(self, known: Sequence[str]) -> Section:
        """The whole document as a section. Raises ConfigError for text that is not TOML."""
        return Section(self, (), parse_toml(self.text, self.shown), known)

    def place(self, path: KeyPath) -> str:
        """`llmexp.toml:12, experiments.tone`: the nearest line that is known for a path."""
        if self._lines is None:
            self._lines = key_lines(self.text)
        line = next((self._lines[path[:n]] for n in range(len(path), 0, -1) if path[:n] in self._lines), 1)
        return f"{self.shown}:{line}" + (f", {dotted(path)}" if path else "")


def dotted(path: KeyPath) -> str:
    """`experiments.tone.gates[0].margin`."""
    parts = "".join(f"[{key}]" if isinstance(key, int) else f".{one_line(key, 60)}" for key in path)
    return parts.removeprefix(".")


class Section:
    """One table of the document. Keys outside `known` are refused as soon as it is made (None: any key)."""

    def __init__(
        self, document: Document, path: KeyPath, values: Mapping[str, Any], known: Sequence[str] | None
    ) -> None:
        self.document = document
        self.path = path
        self.values = values
        for key in values:
            if known is not None and key not in known:
                raise UnknownNameError("key", one_line(key, 60), known, where=self._line_of(key))

    def _line_of(self, key: str) -> str:
        where = self.document.place((*self.path, key))
        shown, _, _ = where.partition(", ")
        return f"{shown}, {dotted(self.path)}" if self.path else shown

    def place(self, *keys: str | int) -> str:
        """Where a key of this section stands, for a message."""
        return self.document.place((*self.path, *keys))

    def refuse(self, key: str | int | None, what: str, mend: str | None = None) -> NoReturn:
        """Raises ConfigError about a key of this section, or about the section."""
        raise ConfigError(what, where=self.place(*(() if key is None else (key,))), mend=mend)

    def has(self, key: str) -> bool:
        """True where the key is given."""
        return key in self.values

    def require(self, key: str, example: str) -> None:
        """Raises ConfigError where the key is not given."""
        if key not in self.values:
            self.refuse(None, f'no "{key}"', f"add {key} = {example}")

    def _typed(self, key: str | int, value: Any, kinds: tuple[type, ...], wanted: str) -> Any:
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            self.refuse(key, f"is {kind_of(value)}, but {wanted} is needed")
        return value

    def text(self, key: str) -> str:
        """A text that is not empty. The key must be given."""
        value = self._typed(key, self.values[key], (str,), "a text")
        if not value.strip():
            self.refuse(key, "is empty", "write a text or remove the key")
        return str(value)

    def text_or_none(self, key: str) -> str | None:
        """A text, or None where the key is not given."""
        return self.text(key) if key in self.values else None

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts, each once; none where the key is not given."""
        values = self._typed(key, self.values.get(key, []), (list,), "a list of texts")
        for value in values:
            self._typed(key, value, (str,), "a list of texts")
        if len(set(values)) != len(values):
            self.refuse(key, "holds the same text twice", "remove one")
        return tuple(values)

    def truth(self, key: str, default: bool) -> bool:
        """True or false."""
        return bool(self._typed(key, self.values.get(key, default), (bool,), "true or false"))

    def whole(self, key: str, default: int, low: int, high: int = 2**53) -> int:
        """A whole number in [low, high]."""
        value = self._typed(key, self.values.get(key, default), (int,), "a whole number")
        return int(self._ranged(key, value, low, high))

    def whole_or_none(self, key: str, low: int, high: int = 2**53) -> int | None:
        """A whole number in [low, high], or None where the key is not given."""
        return self.whole(key, low, low, high) if key in self.values else None

    def number(self, key: str, default: float, low: float, high: float = 1e12) -> float:
        """A number in [low, high]."""
        value = self._typed(key, self.values.get(key, default), (int, float), "a number")
        return float(self._ranged(key, value, low, high))

    def number_or_none(self, key: str, low: float, high: float = 1e12) -> float | None:
        """A number in [low, high], or None where the key is not given."""
        return self.number(key, low, low, high) if key in self.values else None

    def _ranged(self, key: str, value: float, low: float, high: float) -> float:
        if not low <= value <= high:  # also refuses NaN
            limits = f"at least {low:g}" if high >= 1e12 else f"from {low:g} to {high:g}"
            self.refuse(key, f"is {_short(value)}, but must be {limits}")
        return value

    def choice(self, key: str, default: str, options: Sequence[str]) -> str:
        """One of a few words. Raises UnknownNameError with the nearest."""
        value = str(self._typed(key, self.values.get(key, default), (str,), "a text"))
        if value not in options:
            raise UnknownNameError(key, one_line(value, 60), options, where=self.place(key))
        return value

    def section(self, key: str | int, known: Sequence[str] | None) -> Section:
        """The table under a key; an empty one where the key is not given."""
        value = self.values.get(key, {}) if isinstance(key, str) else self.values
        return Section(self.document, (*self.path, key), self._typed(key, value, (dict,), "a table"), known)

    def sections(self, key: str, known: Sequence[str] | None) -> Iterator[tuple[str, Section]]:
        """(name, table) of each table under a key: `[datasets.tickets]`. Names are checked."""
        parent = self.section(key, None)
        for name, value in parent.values.items():
            parent.check_name(name)
            table = parent._typed(name, value, (dict,), "a table")
            yield name, Section(self.document, (*parent.path, name), table, known)

    def items(self, key: str) -> list[Any]:
        """The list under a key; empty where the key is not given."""
        return list(self._typed(key, self.values.get(key, []), (list,), "a list"))

    def item(self, key: str, index: int, value: Any, known: Sequence[str] | None) -> Section:
        """A table that is item `index` of the list under a key."""
        path = (*self.path, key, index)
        if not isinstance(value, dict):
            raise ConfigError(f"is {kind_of(value)}, but a table is needed", where=self.document.place(path))
        return Section(self.document, path, value, known)

    def check_name(self, name: str) -> None:
        """Raises ConfigError for a name that could not be referred to, shown or typed."""
        if not name.strip() or name != name.strip() or len(name) > _MAX_NAME or neutralise(name) != name:
            self.refuse(name, f'"{one_line(name, 40)}" is no usable name', f"use 1 to {_MAX_NAME} plain characters")
        if any(char in name for char in "@\n\t=,"):
            self.refuse(name, f'the name "{one_line(name, 40)}" holds one of @ = , or a tab', "rename it")

    def plain(self, key: str | int, value: Any) -> Any:
        """A value that JSON knows, unchanged. Raises ConfigError for dates, NaN and infinities."""
        if isinstance(value, dict):
            return {name: self.plain(key, item) for name, item in value.items()}
        if isinstance(value, list):
            return [self.plain(key, item) for item in value]
        if isinstance(value, float) and not math.isfinite(value):
            self.refuse(key, f"is {value}, which is no usable number")
        return self._typed(key, value, (str, bool, int, float), "a text, number, list or table")


def kind_of(value: Any) -> str:
    """What a value is, in words a message can use."""
    return next((words for kind, words in _KINDS if isinstance(value, kind)), "a date or time")


def _short(value: float) -> str:
    return one_line(str(value), 30)

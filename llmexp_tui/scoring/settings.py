"""Reads a scorer's settings with types and defaults, and refuses what the scorer does not know.

Every setting is asked for by name, so the list of known settings can never differ from what is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from llmexp_tui.domain.score import ScorerSpec
from llmexp_tui.errors import ConfigError, UnknownNameError


@dataclass(slots=True)
class Settings:
    """The settings of one scorer while it is built. Every reader raises ConfigError for a value of another type."""

    spec: ScorerSpec
    where: str
    known: set[str] = field(default_factory=set)

    def refuse(self, what: str, mend: str) -> NoReturn:
        """Raise ConfigError at this scorer."""
        raise ConfigError(what, where=self.where, mend=mend)

    def any(self, key: str) -> Any:
        """The value as it stands, None where it is not set."""
        self.known.add(key)
        return self.spec.settings.get(key)

    def _typed(self, key: str, kinds: type | tuple[type, ...], wanted: str) -> Any:
        value = self.any(key)
        if value is None:
            return None
        if not isinstance(value, kinds) or (isinstance(value, bool) and kinds is not bool):
            self.refuse(f"{key} = {value!r} is not {wanted}", f"give {wanted}")
        return value

    def text(self, key: str) -> str | None:
        """A string, None where it is not set."""
        value: str | None = self._typed(key, str, "a string")
        return value

    def required_text(self, key: str, mend: str) -> str:
        """A string that must be there and not be empty."""
        value = self.text(key)
        if not value:
            self.refuse(f"{self.spec.type} needs {key}", mend)
        return value

    def flag(self, key: str, default: bool = False) -> bool:
        """true or false."""
        value: bool | None = self._typed(key, bool, "true or false")
        return default if value is None else value

    def number(self, key: str, low: float | None = None) -> float | None:
        """A number not below `low`, None where it is not set."""
        value = self._typed(key, (int, float), "a number")
        if value is None:
            return None
        if value != value or value in (float("inf"), float("-inf")) or (low is not None and value < low):
            wanted = "give a number" if low is None else f"give a number from {low:g}"
            self.refuse(f"{key} = {value!r} is out of range", wanted)
        return float(value)

    def integer(self, key: str, default: int, low: int = 1, high: int = 1_000_000) -> int:
        """A whole number from `low` to `high`."""
        value: int | None = self._typed(key, int, "a whole number")
        if value is None:
            return default
        if not low <= value <= high:
            self.refuse(f"{key} = {value} is out of range", f"give a whole number from {low} to {high}")
        return value

    def choice(self, key: str, options: Sequence[str], default: str) -> str:
        """One of `options`."""
        value = self.text(key)
        if value is None:
            return default
        if value not in options:
            raise UnknownNameError(f"value of {key}", value, options, where=self.where)
        return value

    def texts(self, key: str) -> tuple[str, ...] | None:
        """A string or a list of strings, as a tuple; None where it is not set."""
        value = self._typed(key, (str, list, tuple), "a string or a list of strings")
        if value is None:
            return None
        items = (value,) if isinstance(value, str) else tuple(value)
        if not items or not all(isinstance(item, str) for item in items):
            self.refuse(f"{key} = {value!r} is not a list of strings", "give at least one string")
        return items

    def table(self, key: str) -> Mapping[str, Any] | None:
        """A table, None where it is not set."""
        value: Mapping[str, Any] | None = self._typed(key, Mapping, "a table")
        return value

    def finish(self) -> None:
        """Raise UnknownNameError for the first setting that nothing asked for."""
        for key in self.spec.settings:
            if key not in self.known:
                raise UnknownNameError(f"setting of {self.spec.type}", key, self.known, where=self.where)

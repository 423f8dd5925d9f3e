"""What parts of the app tell each other. Past tense: something happened; whoever cares reacts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from textual.message import Message

from llmexp_tui.errors import LlmexpError
from llmexp_tui.tui.state.runs import GroupLine


@dataclass
class Fetched(Message):
    """A thread has read what a screen asked for; `show` is called with it on the app's own thread."""

    show: Callable[[Any], None]
    value: Any


@dataclass
class ReadFailed(Message):
    """A thread could not read or do what was asked. `failed` replaces the toast where the caller has better words."""

    error: LlmexpError
    failed: Callable[[LlmexpError], None] | None = None


@dataclass
class StoreChanged(Message):
    """Somebody (a worker, another window, this app) has committed something to the store."""


@dataclass
class ProgressRead(Message):
    """To the app: what runs now, as counted from the store; empty once all is done."""

    groups: tuple[GroupLine, ...]

    def can_replace(self, message: Message) -> bool:
        """Only the newest figures matter."""
        return isinstance(message, ProgressRead)


@dataclass
class RunsProgressed(Message):
    """To the screen in front: the same figures."""

    groups: tuple[GroupLine, ...]

    def can_replace(self, message: Message) -> bool:
        """Only the newest figures matter."""
        return isinstance(message, RunsProgressed)


@dataclass
class ProjectChanged(Message):
    """Files that the project is made of changed on disk. `paths` are relative to the project."""

    paths: tuple[str, ...]


@dataclass
class TerminalLost(Message):
    """The terminal hung up; nobody sees this app any more."""

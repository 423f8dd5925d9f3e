"""Prompt versions: a prompt is everything its file pulls in, known by one hash."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from llmexp_tui.domain.hashing import content_hash


@dataclass(frozen=True, slots=True)
class Message:
    """One chat message as it is sent. `role` is system, user, assistant or tool."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt's whole content: `files` maps each pulled-in path (as written in the prompt) to its text.

    `path` is relative to the project; it is for people and is no part of the identity.
    """

    name: str
    path: str
    text: str
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def hash(self) -> str:
        """64 hex digits over the text and all it pulls in."""
        return content_hash({"text": self.text, "files": dict(self.files)})


@dataclass(frozen=True, slots=True)
class PromptVersion:
    """One content that a prompt had, when it was first seen, by whom, at which commit."""

    prompt: Prompt
    hash: str
    author: str
    created_at: str
    commit: str | None
    dirty: bool | None
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LabelMove:
    """One move of a label: from which version to which, by whom, when and why."""

    prompt: str
    label: str
    old_hash: str | None
    new_hash: str
    who: str
    at: str
    reason: str

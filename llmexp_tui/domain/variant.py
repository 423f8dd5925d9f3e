"""Variants: canonical, typed, hashed records of everything that can change an answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from llmexp_tui.domain.hashing import content_hash

AXES = ("prompt", "model", "retriever", "chain")


@dataclass(frozen=True, slots=True)
class Model:
    """A model with its parameters. What only says how to reach or pace it is no part of the identity.

    `params` holds temperature, top_p, max_tokens, reasoning_effort, seed, stop … as given in the project file.
    """

    name: str
    model: str
    params: Mapping[str, Any] = field(default_factory=dict)
    api_base: str | None = None
    lane: str = "auto"
    api_key_env: str | None = None
    timeout_s: float = 60.0
    stream: bool = False
    max_concurrency: int = 16
    rpm: int | None = None
    tpm: int | None = None
    input_cost_per_mtok: float | None = None
    output_cost_per_mtok: float | None = None

    def identity(self) -> dict[str, Any]:
        """What can change an answer: the id, every parameter, the address, the time limit, streaming."""
        return {"model": self.model, "params": dict(self.params), "api_base": self.api_base,
                "timeout_s": self.timeout_s, "stream": self.stream}


@dataclass(frozen=True, slots=True)
class Variant:
    """One arm as resolved at a moment. `prompt_hash` stands for the prompt with everything it pulls in.

    `retriever` and `chain` are the identities of those parts where the variant has them. `prompt_ref` is what
    the project file says (for people).
    """

    name: str
    model: Model
    prompt_name: str
    prompt_hash: str
    prompt_ref: str = ""
    retriever: Mapping[str, Any] | None = None
    chain: Mapping[str, Any] | None = None

    def identity(self) -> dict[str, Any]:
        """The canonical record that is hashed: one entry an axis."""
        return {
            "prompt": {"hash": self.prompt_hash},
            "model": self.model.identity(),
            "retriever": None if self.retriever is None else dict(self.retriever),
            "chain": None if self.chain is None else dict(self.chain),
        }

    @property
    def hash(self) -> str:
        """64 hex digits; equal hashes answer alike but for sampling."""
        return content_hash(self.identity())


@dataclass(frozen=True, slots=True)
class FieldDiff:
    """One field in which two variants differ, by its dotted path. Absent is None on that side."""

    path: str
    left: Any
    right: Any

    @property
    def axis(self) -> str:
        """The axis that the field belongs to."""
        return self.path.split(".", 1)[0]


def _flatten(prefix: str, value: Any, into: dict[str, Any]) -> None:
    if isinstance(value, Mapping):
        for key in value:
            _flatten(f"{prefix}.{key}" if prefix else str(key), value[key], into)
    else:
        into[prefix] = value


def diff_variants(left: Variant, right: Variant) -> tuple[FieldDiff, ...]:
    """Every field in which the two identities differ, sorted by path."""
    a: dict[str, Any] = {}
    b: dict[str, Any] = {}
    _flatten("", left.identity(), a)
    _flatten("", right.identity(), b)
    paths = sorted(set(a) | set(b))
    return tuple(FieldDiff(p, a.get(p), b.get(p)) for p in paths if a.get(p) != b.get(p))


def off_axis(left: Variant, right: Variant, axis: str) -> tuple[FieldDiff, ...]:
    """The differences that the declared axis does not allow; `any` allows all."""
    if axis == "any":
        return ()
    return tuple(d for d in diff_variants(left, right) if d.axis != axis)

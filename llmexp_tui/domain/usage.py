"""What is sent to a provider and what comes back. Unknown is None, never 0."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from llmexp_tui.domain.prompt import Message

_BYTES_PER_TOKEN = 4


def likely_tokens(texts: Iterable[str]) -> float:
    """About how many tokens texts are. Scripts whose letters take more bytes take more tokens as well."""
    return sum(len(text.encode("utf-8", "surrogatepass")) for text in texts) / _BYTES_PER_TOKEN


def usd(value: float) -> str:
    """An amount with cents, or with three significant digits below ten cents: what a call costs is seldom a cent."""
    decimals = 2 if value == 0 or abs(value) >= 0.1 else 2 - math.floor(math.log10(abs(value)))
    return f"${value:,.{decimals}f}"


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call; None where the provider did not say. `input` includes cached, `output` reasoning."""

    input: int | None = None
    output: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None

    @property
    def total(self) -> int | None:
        """Input and output tokens together, None when either is unknown."""
        return None if self.input is None or self.output is None else self.input + self.output


@dataclass(frozen=True, slots=True)
class Price:
    """USD per million tokens and where the figure comes from."""

    input_per_mtok: float
    output_per_mtok: float
    source: str

    def cost(self, usage: Usage) -> float | None:
        """List-price USD of a call, None when its tokens are unknown."""
        if usage.input is None or usage.output is None:
            return None
        return (usage.input * self.input_per_mtok + usage.output * self.output_per_mtok) / 1e6


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One tool call of an answer; `arguments` is the JSON text as the model wrote it."""

    name: str
    arguments: str
    id: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """One call, ready to send. `seed` derives from the plan's seed, the row, the repeat and the slot."""

    model: str
    messages: tuple[Message, ...]
    params: Mapping[str, Any] = field(default_factory=dict)
    seed: int | None = None
    timeout_s: float = 60.0
    stream: bool = False
    api_base: str | None = None
    api_key_env: str | None = None
    output_schema: Mapping[str, Any] | None = None
    tools: tuple[Mapping[str, Any], ...] = ()

    @property
    def likely_tokens(self) -> float:
        """About how many tokens its messages are."""
        return likely_tokens(message.content for message in self.messages)


@dataclass(frozen=True, slots=True)
class RateWindow:
    """What a provider says is left until its windows reset (x-ratelimit headers); None where it did not say."""

    remaining_requests: int | None = None
    remaining_tokens: int | None = None
    reset_requests_s: float | None = None
    reset_tokens_s: float | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """A provider's answer. Durations in ms; `ttft_ms` only where streamed; `cost_usd` None if unknown.

    `window` paces further calls and is not stored.
    """

    text: str
    finish_reason: str | None = None
    usage: Usage = Usage()
    cost_usd: float | None = None
    latency_ms: float = 0.0
    ttft_ms: float | None = None
    model_returned: str | None = None
    response_id: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    window: RateWindow | None = None


@dataclass(frozen=True, slots=True)
class Embeddings:
    """One vector a text, in their order. The rest as in Completion."""

    vectors: tuple[tuple[float, ...], ...]
    usage: Usage = Usage()
    cost_usd: float | None = None
    latency_ms: float = 0.0
    model_returned: str | None = None
    window: RateWindow | None = None


class FailureKind(StrEnum):
    """Why a call gave no answer. What each means for retrying stands in `Failure.retryable`."""

    AUTH = "auth"
    QUOTA = "quota"
    RATE_LIMIT = "rate_limit"
    BAD_MODEL = "bad_model"
    BAD_REQUEST = "bad_request"
    CONTEXT_WINDOW = "context_window"
    CONTENT_FILTER = "content_filter"
    TIMEOUT = "timeout"
    NETWORK = "network"
    PROVIDER_5XX = "provider_5xx"
    MALFORMED = "malformed"
    TRUNCATED = "truncated"
    TOO_LARGE = "too_large"
    INTERNAL = "internal"


STOPS_ARM = frozenset({FailureKind.AUTH, FailureKind.QUOTA, FailureKind.BAD_MODEL})
"""Failures that every further call of the model would meet too: the arm stops after the first few."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A call without an answer. `message` is redacted, at most 2 KB; `retry_after_s` as the provider said.

    `latency_ms` is the time the failed attempt took; `billed` is no, maybe or yes. `window` as in Completion.
    """

    kind: FailureKind
    message: str
    retryable: bool
    retry_after_s: float | None = None
    status: int | None = None
    billed: str = "no"
    latency_ms: float = 0.0
    window: RateWindow | None = None

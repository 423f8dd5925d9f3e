"""What a scorer is shown, and the calls it may ask the engine for.

A scorer never opens a connection itself: the engine hands it callables that already carry the cache, the
budget and the cost ledger of judges, which is kept apart from the variant's own calls.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from llmexp_tui.domain.prompt import Message
from llmexp_tui.domain.usage import Completion, Embeddings, Failure, ToolCall


@dataclass(frozen=True, slots=True)
class Sample:
    """One answered cell: the row, what was sent, what came back. A failed call never becomes a sample.

    `expected` is the value of the dataset's expected column as it stands in the row (a string, number, list …);
    `expected_present` is False where the row has no such column, which is not the same as null.
    `contexts` are the retrieved passages in rank order, None where nothing retrieves and the row brings none.
    """

    row_key: str
    row: Mapping[str, Any]
    text: str
    expected: Any = None
    expected_present: bool = False
    tool_calls: tuple[ToolCall, ...] = ()
    messages: tuple[Message, ...] = ()
    contexts: tuple[str, ...] | None = None


class JudgeCall(Protocol):
    """Calls a model of the project by its name there. `repeat` tells several answers to the same messages apart.

    `embed` gives one vector a text, in their order.
    """

    async def __call__(
        self,
        model_name: str,
        messages: tuple[Message, ...],
        /,
        *,
        output_schema: Mapping[str, Any] | None = None,
        seed: int | None = None,
        repeat: int = 0,
    ) -> Completion | Failure: ...

    async def embed(self, model_name: str, texts: Sequence[str], /) -> Embeddings | Failure: ...

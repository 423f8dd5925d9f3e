"""Turns arms and rows into cells: what is called, in which order, with which seed, under which cache key.

The order is what makes the statistics true: rows in a seeded random order, and within a row every arm's calls
back to back in an order drawn anew for each row, so that a shock of the provider hits all arms alike. Nothing
here calls anything.
"""

from __future__ import annotations

import random
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from llmexp_tui.domain.hashing import canonical_json, derived_seed
from llmexp_tui.domain.run import RunRecord
from llmexp_tui.domain.usage import Price, Request
from llmexp_tui.domain.variant import Variant
from llmexp_tui.project.prompts import CompiledPrompt
from llmexp_tui.scoring.base import Scorer

SEED_BITS = 31
"""Seeds that are sent fit 31 bits: some providers refuse larger ones."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One run of a group with everything that its cells need.

    `fresh` bypasses the response cache, `fresh_rows` does so for that many rows at the head of the order (so that
    latency and cost are measured side by side even where the answers are known).
    """

    run: RunRecord
    variant: Variant
    prompt: CompiledPrompt
    price: Price | None
    scorers: tuple[Scorer, ...]
    expected_column: str = "expected"
    fresh: bool = False
    fresh_rows: int = 0

    @property
    def sample_slot(self) -> str:
        """What tells this arm's samples from those of other slots and other runs of the same plan."""
        return self.run.slot if self.run.number == 1 else f"{self.run.slot}{self.run.number}"


@dataclass(frozen=True, slots=True)
class Cell:
    """One call to be made or taken from the cache: an arm (by its place in the group), a row and a repeat."""

    arm: int
    row_no: int
    row_hash: str
    repeat: int
    position: int


def row_order(row_count: int, seed: int) -> array[int]:
    """Indices 0 … row_count-1 in the order in which rows are dispatched; a function of the seed alone."""
    order = array("I", range(row_count))
    random.Random(derived_seed(seed, "row-order")).shuffle(order)
    return order


def sample_seed(seed: int, row_hash: str, repeat: int, slot: str) -> int:
    """The seed that is sent with a call: it differs by row, repeat and slot, so samples are samples."""
    return derived_seed(seed, row_hash, repeat, slot) & ((1 << SEED_BITS) - 1)


def cells_of_row(
    arms: Sequence[Arm], row_no: int, row_hash: str, position: int, seed: int
) -> Iterator[Cell]:
    """Every cell of a row, in an order drawn from the seed and the row."""
    cells = [
        Cell(index, row_no, row_hash, repeat, position)
        for index, arm in enumerate(arms)
        for repeat in range(arm.run.repeats)
    ]
    random.Random(derived_seed(seed, row_hash, "arm-order")).shuffle(cells)
    return iter(cells)


def cache_key(request: Request, repeat: int, slot: str) -> bytes:
    """32 bytes over everything that can change the answer, the repeat and the slot.

    The time limit and streaming are left out: they say how an answer is fetched, not what it is.
    """
    body: dict[str, Any] = {
        "model": request.model,
        "messages": [[m.role, m.content] for m in request.messages],
        "params": dict(request.params),
        "seed": request.seed,
        "api_base": request.api_base,
        "schema": request.output_schema,
        "tools": list(request.tools),
        "repeat": repeat,
        "slot": slot,
    }
    return sha256(canonical_json(body).encode("utf-8", "surrogatepass")).digest()

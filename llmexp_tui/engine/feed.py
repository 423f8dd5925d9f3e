"""Brings a group's open cells to the executor, a chunk of rows at a time: rendered, keyed, looked up in the cache.

Memory is bounded by the chunk, never by the dataset. Nothing here calls a model.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass

from llmexp_tui.domain.dataset import Row
from llmexp_tui.domain.run import SLOT_AA
from llmexp_tui.domain.usage import Request
from llmexp_tui.engine.plan import Arm, Cell, cache_key, cells_of_row, row_order, sample_seed
from llmexp_tui.providers.base import build_request
from llmexp_tui.store.cache import CachedCompletion, lookup
from llmexp_tui.store.datasets import RowRef, RowRefs, rows_by_no
from llmexp_tui.store.engine import Store
from llmexp_tui.store.names import chunks

CHUNK_ROWS = 128


@dataclass(frozen=True, slots=True)
class Work:
    """One open cell, ready to be called; `hit` is the answer that the cache has for it."""

    cell: Cell
    row: Row
    request: Request
    key: bytes
    hit: CachedCompletion | None = None


class Feed:
    """The open cells of a group over rows `[start, stop)` of the seeded order, a chunk at a time.

    `done[i]` holds the (row_no, repeat) of arm i that need no call. Offline, the cache serves every arm that is
    not fresh, and an A/A copy by answers of its own slot; otherwise the first `fresh_rows` rows of an arm bypass it.
    """

    def __init__(
        self,
        store: Store,
        arms: Sequence[Arm],
        refs: RowRefs,
        done: Sequence[set[tuple[int, int]]],
        *,
        offline: bool,
    ) -> None:
        self._store = store
        self._arms = arms
        self._refs = refs
        self._done = done
        self._offline = offline
        self._seed = arms[0].run.seed

    async def chunks(self, start: int, stop: int | None) -> AsyncIterator[list[Work]]:
        """Yields the open cells of each chunk of rows, interleaved as they are to be dispatched."""
        order = row_order(len(self._refs), self._seed)[: self._arms[0].run.rows][:stop]
        done = self._done_rows()
        places = (place for place in range(start, len(order)) if self._refs.nos[order[place]] not in done)
        for chunk in chunks(places, CHUNK_ROWS):
            cells = [cell for place in chunk for cell in self._open(place, self._refs[order[place]])]
            yield await self._prepared(cells)

    def _done_rows(self) -> set[int]:
        """The rows of which no arm has an open cell; most of them all, where a long run goes on."""
        arms = []
        for arm, done in zip(self._arms, self._done, strict=True):
            repeats = Counter(row for row, _ in done)
            arms.append({row for row, count in repeats.items() if count >= arm.run.repeats})
        return set.intersection(*arms)

    def _open(self, place: int, ref: RowRef) -> Iterator[Cell]:
        for cell in cells_of_row(self._arms, ref.no, ref.hash, place, self._seed):
            if (cell.row_no, cell.repeat) not in self._done[cell.arm]:
                yield cell

    async def _prepared(self, cells: Sequence[Cell]) -> list[Work]:
        rows = await asyncio.to_thread(rows_by_no, self._store, sorted({c.row_no for c in cells}))
        work = [self._render(cell, rows[cell.row_no]) for cell in cells]
        wanted = [w.key for w in work if self._may_use_cache(w.cell)]
        if not wanted:
            return work
        found = await asyncio.to_thread(lookup, self._store, wanted)
        return [
            Work(w.cell, w.row, w.request, w.key, found[w.key])
            if w.key in found and self._may_use_cache(w.cell)
            else w
            for w in work
        ]

    def _may_use_cache(self, cell: Cell) -> bool:
        arm = self._arms[cell.arm]
        if self._offline:
            return not arm.fresh or arm.run.slot == SLOT_AA
        return not arm.fresh and cell.position >= arm.fresh_rows

    def _render(self, cell: Cell, row: Row) -> Work:
        arm = self._arms[cell.arm]
        rendered = arm.prompt.render(row.values)
        request = build_request(
            arm.variant.model,
            rendered.messages,
            seed=sample_seed(self._seed, row.hash, cell.repeat, arm.sample_slot),
            output_schema=rendered.output_schema,
            tools=rendered.tools,
        )
        return Work(cell, row, request, cache_key(request, cell.repeat, arm.sample_slot))

"""One thread that commits finished cells in groups, so that the event loop never waits for the disk.

A cell counts as done only when its commit has returned: what is shown is what is stored. Until then the spool
keeps it for the case that the process is killed. Nothing here decides anything about a cell.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Sequence

from llmexp_tui.store.cells import CellWrite, write_cells
from llmexp_tui.store.engine import Store
from llmexp_tui.store.spool import Spool

BATCH = 512
QUEUED_AT_MOST = 4 * BATCH
"""Finished cells that may wait for the disk: past it, new calls wait, so memory stays bounded."""


class CellWriter:
    """Accepts cells from the event loop's thread; `on_commit` is called there with each committed batch."""

    def __init__(self, store: Store, spool: Spool, on_commit: Callable[[Sequence[CellWrite]], None]) -> None:
        self._store = store
        self._spool = spool
        self._on_commit = on_commit
        self._loop = asyncio.get_running_loop()
        self._queue: queue.SimpleQueue[CellWrite | None] = queue.SimpleQueue()
        self._room = asyncio.Semaphore(QUEUED_AT_MOST)
        self._noted = threading.Event()
        self._thread = threading.Thread(target=self._work, name="cell-writer", daemon=True)
        self._closed: asyncio.Future[None] = self._loop.create_future()
        self.error: BaseException | None = None
        self._thread.start()

    def keep(self, cell: CellWrite) -> None:
        """Keeps a called cell from now on, whatever becomes of this process; `put` it next."""
        self._spool.add(cell)

    async def put(self, cell: CellWrite) -> None:
        """Queues one cell; waits while too many are queued. Raises what a commit raised."""
        if self.error is not None:
            raise self.error
        await self._room.acquire()
        self._queue.put(cell)

    async def close(self) -> None:
        """Commits what is queued and ends the thread. Raises what a commit raised."""
        self._queue.put(None)
        await self._closed
        self._thread.join()
        self._spool.close()
        if self.error is not None:
            raise self.error

    def _work(self) -> None:
        open_ = True
        while open_:
            batch: list[CellWrite] = []
            item = self._queue.get()
            while item is not None:
                batch.append(item)
                if len(batch) >= BATCH:
                    break
                try:
                    item = self._queue.get_nowait()
                except queue.Empty:
                    break
            open_ = item is not None
            self._commit(batch)
        self._loop.call_soon_threadsafe(self._closed.set_result, None)

    def _commit(self, batch: list[CellWrite]) -> None:
        if not batch:
            return
        if self.error is None:
            try:
                write_cells(self._store, batch)
            except BaseException as error:  # carried to the loop, which stops the run and says why
                self.error = error
        self._loop.call_soon_threadsafe(self._committed, batch, self.error is None)
        # A loop with much to do is late to take note, and so gets fewer commits, each of more cells.
        self._noted.wait()
        self._noted.clear()

    def _committed(self, batch: Sequence[CellWrite], stored: bool) -> None:
        for _ in batch:
            self._room.release()
        try:
            if stored:
                self._spool.stored(batch)
                self._on_commit(batch)
        finally:
            self._noted.set()

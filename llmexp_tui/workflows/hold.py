"""Keeps two processes from running the same experiment at once: the second waits until the first is done."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from llmexp_tui.engine.stop import StopFlag, StopMode
from llmexp_tui.errors import InterruptedRunError
from llmexp_tui.store import queue, spool
from llmexp_tui.workflows.session import Session

BEAT_S = 10.0
POLL_S = 0.25


@contextlib.asynccontextmanager
async def holding(session: Session, experiment: str, flag: StopFlag) -> AsyncIterator[None]:
    """Holds the experiment while the body runs, beating its heart; waits while another live process holds it.

    Answers that a killed process left on their way are stored first. Raises what stopped the wait.
    """
    owner = queue.this_process()
    while not queue.hold_experiment(session.store, experiment, owner, at=session.at()):
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(flag.event.wait(), POLL_S)
        if flag.error is not None:
            raise flag.error
    queue.mark_orphans(session.store, at=session.at())
    spool.recover(session.store, experiment)
    beat = asyncio.create_task(_beat(session, experiment, owner, flag))
    try:
        yield
    finally:
        beat.cancel()
        await asyncio.gather(beat, return_exceptions=True)
        queue.release_experiment(session.store, experiment, owner)


async def _beat(session: Session, experiment: str, owner: queue.Owner, flag: StopFlag) -> None:
    """Keeps the hold alive and listens for a stop that another process asked for."""
    last = 0.0
    loop = asyncio.get_running_loop()
    while True:
        if loop.time() - last >= BEAT_S:
            queue.beat(session.store, experiment, owner, at=session.at())
            last = loop.time()
        mode = queue.stop_requested(session.store, experiment)
        if mode is not None and not flag.cancelled.is_set():
            error = InterruptedRunError("stopped on request; what finished is stored", mend="`llmexp-tui resume`")
            flag.request(StopMode(mode), error)
        await asyncio.sleep(POLL_S)

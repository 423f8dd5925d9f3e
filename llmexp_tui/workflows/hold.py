"""Keeps two processes from running the same experiment at once: the second waits until the first is done."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator

from llmexp_tui.engine.events import StepStarted
from llmexp_tui.engine.stop import StopFlag, StopMode
from llmexp_tui.errors import RESUME_MEND, InterruptedRunError, StoreError
from llmexp_tui.store import queue, spool
from llmexp_tui.store.engine import Store
from llmexp_tui.store.pacing import Pacing, set_pacing
from llmexp_tui.workflows.group import Invocation

BEAT_S = 10.0
POLL_S = 0.25
TELL_S = 1.0
"""How often the pace is written at most: a commit, for eyes alone."""
TAKEN_OVER = "this process slept so long that another one took the experiment over; what finished is stored"


@contextlib.asynccontextmanager
async def holding(invocation: Invocation, experiment: str) -> AsyncIterator[None]:
    """Holds the experiment while the body runs, beating its heart; waits while another live process holds it.

    Answers that a killed process left on their way are stored first. Raises what stopped the wait.
    """
    session, flag = invocation.session, invocation.flag
    owner, told = queue.this_process(), None
    while not queue.hold_experiment(session.store, experiment, owner, at=session.at()):
        holder = queue.holder(session.store, experiment)
        if holder is not None and holder != told:
            told = holder
            invocation.options.listener(StepStarted(experiment, f"waiting for {holder.label}, which is running it"))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(flag.event.wait(), POLL_S)
        _heed(flag, queue.stop_of_command(session.store, experiment))
        if flag.error is not None:
            raise flag.error
    queue.mark_orphans(session.store, at=session.at())
    spool.recover(session.store, experiment)
    tending = asyncio.create_task(_tend(invocation, experiment, owner))
    try:
        yield
    finally:
        tending.cancel()
        await asyncio.gather(tending, return_exceptions=True)
        with contextlib.suppress(StoreError):  # it ends with this process
            queue.release_experiment(session.store, experiment, owner)


async def _tend(invocation: Invocation, experiment: str, owner: queue.Owner) -> None:
    """Keeps the hold alive, says how fast calls may go, and hears of stops that other processes ask for.

    One that slept for longer than its heartbeats count (a paused container) finds the experiment in other hands.
    In threads: a database that somebody has locked must not hold up the calls. What fails is tried again.
    """
    session, flag, loop = invocation.session, invocation.flag, asyncio.get_running_loop()
    beat_at = told_at = -math.inf
    told: Pacing | None = None
    while True:
        with contextlib.suppress(StoreError):
            if loop.time() - beat_at >= BEAT_S:
                await asyncio.to_thread(queue.beat, session.store, experiment, owner, at=session.at())
                beat_at = loop.time()
            pacing = invocation.lanes.pacing(session.now())
            if pacing is not None and pacing != told and loop.time() - told_at >= TELL_S:
                await asyncio.to_thread(set_pacing, session.store, experiment, pacing)
                told, told_at = pacing, loop.time()
            _heed(flag, await asyncio.to_thread(_stop_asked, session.store, experiment))
            if await asyncio.to_thread(queue.holder, session.store, experiment) != owner:
                flag.request(StopMode.CANCEL, InterruptedRunError(TAKEN_OVER, mend=RESUME_MEND))
        await asyncio.sleep(POLL_S)


def _stop_asked(store: Store, experiment: str) -> str | None:
    return queue.stop_requested(store, experiment) or queue.stop_of_command(store, experiment)


def _heed(flag: StopFlag, mode: str | None) -> None:
    if mode is not None and not flag.cancelled.is_set():
        error = InterruptedRunError("stopped on request; what finished is stored", mend=RESUME_MEND)
        flag.request(StopMode(mode), error)

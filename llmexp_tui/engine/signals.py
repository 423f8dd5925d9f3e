"""Turns SIGINT, SIGTERM and SIGHUP into the stop flag: the first asks for a drain, the second ends at once.

A project's own scorer may keep the loop from hearing any of them; a later one then ends that scorer from outside.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable, Iterator

from llmexp_tui.engine.stop import DRAIN_S, StopFlag, StopMode
from llmexp_tui.errors import RESUME_MEND, InterruptedRunError

STOP_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)

_UNHEARD_S = 2.0
"""A loop that has not heard a signal for so long is held up by code that does not return."""


@contextlib.contextmanager
def stopping_on_signals(flag: StopFlag, tell: Callable[[str], None] = lambda text: None) -> Iterator[None]:
    """Installs the handlers on the running loop while the body runs. Call it on the main thread.

    `tell` is given what a person who pressed ctrl+c must know: what is waited for, and what a second one does.
    """
    loop = asyncio.get_running_loop()
    unheard: list[float] = []

    def arrived(number: int, frame: object) -> None:
        unheard.append(time.monotonic())
        if unheard[-1] - unheard[0] > _UNHEARD_S:
            unheard.clear()
            raise KeyboardInterrupt

    def stop() -> None:
        unheard.clear()
        mode = StopMode.CANCEL if flag.requested else StopMode.DRAIN
        flag.request(mode, InterruptedRunError("interrupted; what finished is stored", mend=RESUME_MEND))
        if mode is StopMode.DRAIN:
            tell(f"stopping: calls in flight have {DRAIN_S:.0f} s to finish; a second ctrl+c drops them")

    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, stop)
        signal.signal(number, arrived)  # called at once; the loop still hears of it, by its wake-up descriptor
    try:
        yield
    finally:
        for number in STOP_SIGNALS:
            loop.remove_signal_handler(number)

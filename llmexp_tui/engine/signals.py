"""Turns SIGINT, SIGTERM and SIGHUP into the stop flag: the first asks for a drain, the second ends at once."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Iterator

from llmexp_tui.engine.stop import StopFlag, StopMode
from llmexp_tui.errors import RESUME_MEND, InterruptedRunError

STOP_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)


@contextlib.contextmanager
def stopping_on_signals(flag: StopFlag) -> Iterator[None]:
    """Installs the handlers on the running loop while the body runs. Call it on the main thread."""
    loop = asyncio.get_running_loop()

    def stop() -> None:
        mode = StopMode.CANCEL if flag.requested else StopMode.DRAIN
        flag.request(mode, InterruptedRunError("interrupted; what finished is stored", mend=RESUME_MEND))

    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in STOP_SIGNALS:
            loop.remove_signal_handler(number)

"""How a command opens the project and follows the engine: the same for every command.

It imports the workflows when a session is opened, not before: they load the store.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from llmexp_tui.cli.diagnostics import ProgressLine
from llmexp_tui.cli.options import RootOptions

if TYPE_CHECKING:
    from llmexp_tui.engine.events import Listener
    from llmexp_tui.engine.stop import StopFlag
    from llmexp_tui.workflows.session import Session

T = TypeVar("T")


def opened(options: RootOptions, *, read_only: bool = False) -> Session:
    """The project's session, a context manager; the environment is read here and nowhere deeper."""
    from llmexp_tui.workflows.session import open_session

    return open_session(options.project, db=options.db, env=os.environ, trust=options.trust, read_only=read_only)


def followed(work: Callable[[Listener, StopFlag], Coroutine[Any, Any, T]]) -> T:
    """Runs a workflow to its end: progress on stderr, and signals that stop it without losing what was paid for."""
    from llmexp_tui.engine.signals import stopping_on_signals
    from llmexp_tui.engine.stop import StopFlag

    async def run(progress: ProgressLine) -> T:
        flag = StopFlag()
        with stopping_on_signals(flag, progress.say):
            return await work(progress, flag)

    with ProgressLine() as progress:
        return asyncio.run(run(progress))

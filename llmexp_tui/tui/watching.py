"""Watch mode: a saved file becomes a version, what it changed is run again, what it made obsolete is stopped.

The states are visible in the top bar: watching, changed, running (from the runs themselves), and the verdict as a
toast. Files are looked at by `project.watch`; this only decides what a change means.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from llmexp_tui.errors import LlmexpError
from llmexp_tui.tui.messages import ProjectChanged

if TYPE_CHECKING:
    from llmexp_tui.project.config import Project
    from llmexp_tui.tui.app import LlmexpApp
    from llmexp_tui.tui.reads.watch import Reaction
    from llmexp_tui.workflows.session import Session

OFF, WATCHING, CHANGED = "off", "watching", "changed"


@dataclass
class Watching:
    """The switch and its state. `seen` is the newest reaction, for the watch screen."""

    app: LlmexpApp
    state: str = OFF
    seen: Reaction | None = None

    @property
    def on(self) -> bool:
        """Whether files are watched."""
        return self.state != OFF

    def toggle(self, *, quietly: bool = False) -> None:
        """On or off."""
        if self.on:
            self.app.workers.cancel_group(self.app, "watch")
            self._become(OFF)
            self.app.say("Not watching any more")
            return
        self._become(WATCHING)
        self.app.run_worker(self._watch(), group="watch", exclusive=True)
        if not quietly:
            self.app.say("Watching: saving a file runs what it changes")

    def _become(self, state: str) -> None:
        self.state = state
        self.app.show_activity()

    async def _watch(self) -> None:
        from llmexp_tui.project.watch import changes
        from llmexp_tui.tui.reads.watch import watched_paths

        session = await self._session()
        if session is None:
            return
        files = partial(watched_paths, session)
        known = session.project
        async for changed in changes(session.root, *files(), again=files):
            self._become(CHANGED)
            self.app.post_message(ProjectChanged(tuple(sorted(str(path) for path in changed))))
            known = await self._react(session, changed, known)

    async def _session(self) -> Session | None:
        import asyncio

        try:
            return await asyncio.to_thread(self.app.session)
        except LlmexpError as error:
            self.app.say_error(error)
            self._become(OFF)
            return None

    async def _react(self, session: Session, changed: frozenset[Path], known: Project) -> Project:
        """One change after the other: what to watch next depends on what was made of this one. The project since."""
        import asyncio

        from llmexp_tui.tui.reads.watch import react

        try:
            reaction = await asyncio.to_thread(react, changed, session, known)
        except LlmexpError as error:
            self._become(WATCHING)
            self.app.say_error(error)
            return known
        self.seen = reaction
        self._become(WATCHING)
        self.app.say(reaction.words)
        return reaction.project

"""Keys one after the other: each goes to what the key before it has opened, however fast they come.

Textual hands a key to what has the focus now. Of keys that come at once (a paste over ssh, a fast hand) the second
then lands on the screen behind the dialog that the first is about to open. This knows nothing of what keys mean.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from textual import events
from textual.app import App
from textual.message import Message
from textual.timer import Timer
from textual.widget import Widget

Typed = events.Key | events.Paste
_LOST_S = 1.0
"""A message is lost with the widget that carried it; keys never wait longer than this for one."""


class Followed(Message):
    """Goes the way of a key, behind it: once it is home, all that the key has set off before it is done."""

    def __init__(self, front: Widget, *, again: bool) -> None:
        super().__init__()
        self.front = front
        self.again = again


class TypeAhead:
    """What was typed and has to wait. `give` hands a key to what has the focus.

    `keeping` says whether what a key asked for is put off until something is read; `go_on` ends that, escape calls
    it off.
    """

    def __init__(
        self, app: App[Any], give: Callable[[Typed], Awaitable[None]], keeping: Callable[[], bool]
    ) -> None:
        self._app = app
        self._give = give
        self._keeping = keeping
        self._waiting: deque[Typed] = deque()
        self._follower: Followed | None = None
        self._patience: Timer | None = None

    async def type(self, event: Typed) -> None:
        """Hand a key on, or let it wait for the one before it."""
        off = isinstance(event, events.Key) and event.key == "escape" and self._keeping()
        if off:
            self._waiting.clear()
        self._waiting.append(event)
        if off or (self._follower is None and not self._keeping()):
            await self._next()
        elif self._patience is None:
            self._wait()

    async def came_home(self, follower: Followed) -> None:
        """Go on once a second one has come back: what the key's action posts is behind the first."""
        if follower is not self._follower:
            return
        if not (follower.again and follower.front is self._front()):
            self._follow(again=True)
        elif self._keeping():
            self._follower = None
        else:
            await self._next()

    def go_on(self) -> None:
        """What was put off has begun: what was typed behind it follows."""
        if self._follower is None:
            self._follow(again=False)

    async def _next(self) -> None:
        self._follower = None
        if self._patience is not None:
            self._patience.stop()
            self._patience = None
        if self._waiting:
            await self._give(self._waiting.popleft())
            self._follow(again=False)
            if self._waiting:
                self._wait()

    def _front(self) -> Widget:
        return self._app.focused or self._app.screen

    def _follow(self, *, again: bool) -> None:
        if not self._app.screen_stack:
            return  # the key ended the app
        front = self._front()
        self._follower = Followed(front, again=again)
        if not front.post_message(self._follower):
            self._app.post_message(self._follower)  # it is just being closed

    def _wait(self) -> None:
        self._patience = self._app.set_timer(_LOST_S, self._next)

"""The app's ground on a terminal: what may reach it, how it ends, how keys are called. Knows nothing of experiments.

Six of Textual's habits are changed here, each measured: it hands control codes on to the terminal, it prints every
frame's locals when it crashes, it handles neither SIGTERM nor SIGHUP, it leaves the screen blank when a suspended app
comes back, NO_COLOR only turns its colours grey, and keys that come at once go to the screen that the first of them
leaves.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Mapping, Sequence

from rich.text import Text
from textual import events, on
from textual.app import App
from textual.binding import Binding
from textual.driver import Driver
from textual.filter import LineFilter, NoColor
from textual.widgets import Input

from llmexp_tui.domain.text import one_line
from llmexp_tui.tui import crash, surface, terminal
from llmexp_tui.tui.messages import TerminalLost
from llmexp_tui.tui.settings import config_folder
from llmexp_tui.tui.stylesheet import KeptStylesheet
from llmexp_tui.tui.typeahead import Followed, TypeAhead

_GRACE_S = 2.0
"""How long an orderly end may take after a signal before the process leaves anyway."""
_TWICE_S = 2.0
"""Within so many seconds a second ctrl+c means it."""
_TOAST_S, _READ_PER_S = 5.0, 15.0
"""A toast stays so long at least, and a second for every so many characters."""


class TerminalApp(App[None]):
    """An app that behaves on every terminal. `closing` is set when threads should come to their end."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self.env = env
        self.folder = config_folder(env)
        self.closing = threading.Event()
        self._net = self._line_net()
        self._asked_at = -_TWICE_S
        self._typeahead = TypeAhead(self, super().on_event, lambda: self.keeping)
        super().__init__()
        self.stylesheet = KeptStylesheet(variables=self.get_css_variables())
        self.animation_level = "none"

    def _line_net(self) -> list[LineFilter]:
        net: list[LineFilter] = [terminal.ControlFilter()]
        return net if surface.speaks_utf8(self.env) else [*net, terminal.AsciiFilter()]

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Textual's filters, then the net that no control code passes; without colours where NO_COLOR asks."""
        if self.no_color and self.native_ansi_color:
            return [NoColor(), *self._net]
        return [*super().get_line_filters(), *self._net]

    async def on_event(self, event: events.Event) -> None:
        """Keys wait for what the key before them opens; a forwarded one has come back from there."""
        if isinstance(event, events.Key | events.Paste) and not event.is_forwarded:
            await self._typeahead.type(event)
        else:
            await super().on_event(event)

    @property
    def keeping(self) -> bool:
        """Whether what the last key asked for is still to be done."""
        return False

    def keys_go_on(self) -> None:
        """It is done."""
        self._typeahead.go_on()

    async def on_followed(self, message: Followed) -> None:
        """All that a key has set off is done."""
        await self._typeahead.came_home(message)

    def _handle_exception(self, error: Exception) -> None:
        """Textual's way prints every frame's locals; this one never does."""
        self._return_code = 1
        if self._exception is None:
            self._exception = error
            self._exception_event.set()
        self._fatal_error()

    def _fatal_error(self) -> None:
        error: BaseException = self._exception or RuntimeError("unknown fault")
        report = crash.crash_report(getattr(error, "error", error), self.env)
        path = crash.write_report(report, self.folder / "crashes")
        where = f"a report is in {path}" if path else "no report could be written"
        self._exit_renderables.append(Text(f"llmexp-tui met a fault of its own and has to stop; {where}"))
        self._close_messages_no_wait()

    def watch_signals(self) -> None:
        """SIGTERM and SIGHUP end the app with the terminal restored; Textual handles neither."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self.leave_now, 128 + number)

    def leave_now(self, return_code: int) -> None:
        """End at once; runs go on in their workers. A dead terminal cannot hold the process back."""
        self.closing.set()
        killer = threading.Timer(_GRACE_S, os._exit, (return_code,))
        killer.daemon = True
        killer.start()
        self.exit(return_code=return_code)

    @on(Driver.SignalResume)
    def _came_back(self) -> None:
        """From ctrl+z: the terminal's other screen is empty, and nothing on this one has changed."""
        self.refresh(layout=True)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """A cursor that blinks draws twice a second for ever: over a slow line, that is noise."""
        if isinstance(event.widget, Input):
            event.widget.cursor_blink = False

    def on_terminal_lost(self, message: TerminalLost) -> None:
        """Nobody is watching."""
        message.stop()
        self.leave_now(128 + signal.SIGHUP)

    def get_key_display(self, binding: Binding) -> str:
        """Keys by the names printed on them, not by symbols."""
        shown = {"enter": "enter", "escape": "esc", "space": "space", "tab": "tab", "comma": ",", "slash": "/"}
        return binding.key_display or shown.get(binding.key) or super().get_key_display(binding)

    def say(self, text: str, *, title: str = "", severity: str = "information") -> None:
        """A toast that stays as long as it takes to read. The text may hold anything: it is shown as it is."""
        level = severity if severity in ("warning", "error") else "information"
        words = one_line(text, 300)
        stays = max(_TOAST_S, len(words) / _READ_PER_S)
        self.notify(words, title=one_line(title, 60), severity=level, timeout=stays, markup=False)  # type: ignore[arg-type]

    def action_help_quit(self) -> None:
        """ctrl+c copies selected text; without any, twice within two seconds quits."""
        selected = self.screen.get_selected_text()
        if selected:
            self.copy_to_clipboard(selected)
            return
        now = time.monotonic()
        if now - self._asked_at < _TWICE_S:
            self.run_worker(self.action_quit(), group="quit")
            return
        self._asked_at = now
        self.say("Press ctrl+c again to quit")

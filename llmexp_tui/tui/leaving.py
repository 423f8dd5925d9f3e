"""Leaving the app: at once, or after asking what shall become of the runs that go on."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from llmexp_tui.errors import LlmexpError
from llmexp_tui.tui.reads.runs import stop_group

if TYPE_CHECKING:
    from llmexp_tui.tui.app import LlmexpApp
    from llmexp_tui.tui.state.runs import GroupLine
    from llmexp_tui.workflows.session import Session


def leave(app: LlmexpApp) -> None:
    """Leave, asking only while something runs and the user wants to be asked."""
    going = [group for group in app.groups if group.active]
    if not going or not app.settings.confirm_quit:
        app.exit()
        return
    from llmexp_tui.tui.screens.quit import QuitScreen

    if isinstance(app.screen, QuitScreen):
        return
    app.push_screen(QuitScreen(going), partial(_answered, app, going))


def _answered(app: LlmexpApp, going: list[GroupLine], answer: str | None) -> None:
    if answer is None:
        return
    if answer == "leave":
        app.exit()
        return
    app.run_worker(partial(_stop_and_exit, app, going, answer), thread=True, group="quit", exclusive=True)


def _stop_and_exit(app: LlmexpApp, going: list[GroupLine], mode: str) -> None:
    session: Session = app.session()
    for group in going:
        try:
            stop_group(group.group, mode, session)
        except LlmexpError as error:
            app.call_from_thread(app.say_error, error)
            return
    app.call_from_thread(app.exit)

"""The app's shell: places, themes, keys, opening the project, and an orderly end. No screen's content lives here.

It never calls a model. It reads the store in threads and queues runs that a worker process executes.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import CancelledError, Future
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.command import Provider
from textual.dom import DOMNode
from textual.message import Message
from textual.reactive import reactive
from textual.screen import Screen

from llmexp_tui.domain.text import one_line
from llmexp_tui.errors import ConfigError, InterruptedRunError, LlmexpError
from llmexp_tui.project.locate import PROJECT_FILE, stamp_of
from llmexp_tui.tui import surface, themes, watching
from llmexp_tui.tui.messages import Fetched, ProgressRead, RunsProgressed, StoreChanged
from llmexp_tui.tui.palette import ActionProvider, ObjectProvider
from llmexp_tui.tui.screens.base import ProjectScreen
from llmexp_tui.tui.settings import Settings, config_folder, load_settings, save_settings
from llmexp_tui.tui.shell import TerminalApp
from llmexp_tui.tui.state.activity import activity_line
from llmexp_tui.tui.state.cells import Line
from llmexp_tui.tui.state.runs import GroupLine

if TYPE_CHECKING:
    from llmexp_tui.workflows.session import Session

_LOOK_AGAIN_S = 1.0
"""How often a project file that could not be used is looked at."""
_WARM_AFTER_S = 0.5
"""The first screen is read and drawn before loading the others and the worker's start take a processor."""


def _home() -> Screen[Any]:
    from llmexp_tui.tui.screens.home import HomeScreen

    return HomeScreen()


def _runs() -> Screen[Any]:
    from llmexp_tui.tui.screens.runs import RunsScreen

    return RunsScreen()


def _datasets() -> Screen[Any]:
    from llmexp_tui.tui.screens.datasets import DatasetsScreen

    return DatasetsScreen()


def _prompts() -> Screen[Any]:
    from llmexp_tui.tui.screens.prompts import PromptsScreen

    return PromptsScreen()


def _welcome() -> Screen[Any]:
    from llmexp_tui.tui.screens.welcome import WelcomeScreen

    return WelcomeScreen()


class LlmexpApp(TerminalApp):
    """The terminal app over one project."""

    TITLE = "llmexp"
    CSS_PATH = "app.tcss"
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {ActionProvider, ObjectProvider}
    MODES: ClassVar[dict[str, str | Callable[[], Screen[Any]]]] = {
        "welcome": _welcome, "home": _home, "runs": _runs, "datasets": _datasets, "prompts": _prompts,
    }  # fmt: skip
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("1", "go_to('home')", "Home", show=False, id="place.home"),
        Binding("2", "go_to('runs')", "Runs", show=False, id="place.runs"),
        Binding("3", "go_to('datasets')", "Datasets", show=False, id="place.datasets"),
        Binding("4", "go_to('prompts')", "Prompts", show=False, id="place.prompts"),
        Binding("question_mark,f1", "help", "Keys", key_display="?", id="app.help"),
        Binding("ctrl+p", "command_palette", "Everything by name", show=False, priority=True, id="app.palette"),
        Binding("colon", "command_palette", "Everything by name", show=False, id="app.palette_too"),
        Binding("ctrl+z", "suspend_process", "Suspend", show=False, id="app.suspend"),
        Binding("comma", "settings", "Settings", show=False, id="app.settings"),
        Binding("q", "quit", "Quit", id="app.quit"),
        Binding("ctrl+q", "quit", "Quit", show=False, priority=True, id="app.quit_anywhere"),
    ]

    project_name: reactive[str] = reactive("")
    activity: reactive[Line] = reactive(())

    def __init__(
        self,
        open_project: Callable[[], Session] | None,
        *,
        env: Mapping[str, str],
        settings: Settings | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        warm: bool = False,
        project_file: Path | None = None,
    ) -> None:
        """`open_project` opens the session (called in a thread); None starts with the welcome screen.

        Where the project cannot be opened, it is tried again once `project_file` is another.
        `warm` loads the other screens and starts the worker process soon, so that neither a key nor a run's first
        call waits for imports.
        """
        super().__init__(env)
        self.now = now
        self.settings = settings or Settings()
        self.HORIZONTAL_BREAKPOINTS = [(0, "-tiny"), (40, "-narrow"), (100, "-wide")]
        self.VERTICAL_BREAKPOINTS = [(0, "-flat"), (12, "-short"), (15, "-low"), (32, "-tall")]
        self.groups: tuple[GroupLine, ...] = ()
        self.watching = watching.Watching(self)
        self._warm = warm
        self._opener = open_project
        self.project_file = project_file
        self._session: Future[Session] = Future()
        for theme in themes.THEMES:
            self.register_theme(theme)
        self.theme = themes.first_theme(self.settings.theme, env)

    # ---- the project

    def session(self) -> Session:
        """The open session; blocks until it is open, so only threads may ask. Raises what opening raised."""
        try:
            return self._session.result()
        except CancelledError:
            raise InterruptedRunError("the app is closing") from None

    def open_project(self, opener: Callable[[], Session]) -> None:
        """Open (or open again) the project in a thread and go home."""
        self._opener = opener
        self._session = Future()
        if self._warm:
            gc.disable()  # until all is loaded, see `loading`
        self.go_to("home")
        # The frame is painted first: opening imports the store's libraries, which holds up every other thread.
        self.call_after_refresh(self.run_worker, self._open, thread=True, group="open", exclusive=True)

    def _open(self) -> None:
        opener, again = self._opener, False
        assert opener is not None
        while True:
            seen = stamp_of(self.project_file)
            try:
                session = opener()
            except LlmexpError as error:
                self._session.set_exception(error)
                gc.enable()
            else:
                self._session.set_result(session)
                self.call_from_thread(self._opened, session)
            if again:
                self.post_message(StoreChanged())
            if self._session.exception() is None or not self._has_changed(seen):
                return
            again, self._session = True, Future()

    def _has_changed(self, seen: tuple[int, int]) -> bool:
        """Wait until the project's file is another one; False where there is none, or the app closes first."""
        while self.project_file is not None and not self.closing.wait(_LOOK_AGAIN_S):
            if stamp_of(self.project_file) != seen:
                return True
        return False

    def _opened(self, session: Session) -> None:
        from llmexp_tui.tui.follow import start_following

        self.project_name = one_line(session.root.name, 40)
        start_following(self, session)
        if self._warm:
            job = partial(self.run_worker, partial(_warm_up, session), thread=True, group="warm")
            self.set_timer(_WARM_AFTER_S, job)

    async def on_mount(self) -> None:
        """Paint first, open the store behind it."""
        self.set_keymap(dict(self.settings.keymap))
        if not self.is_headless:
            self.watch_signals()
        if self._opener is None:
            self.switch_mode("welcome")
        else:
            self.open_project(self._opener)

    async def on_unmount(self) -> None:
        """Let threads end, close the store."""
        self.closing.set()
        if self._session.done() and self._session.exception() is None:
            self._session.result().store.close()
        elif not self._session.done():
            self._session.cancel()

    @property
    def has_project(self) -> bool:
        """Whether there is a project, open or opening."""
        return self._opener is not None

    def open_folder(self, root: Path) -> None:
        """Open the project in a folder."""
        self.project_file = root / PROJECT_FILE
        self.open_project(project_opener(root, None, env=self.env))

    # ---- what is going on

    def on_store_changed(self, message: StoreChanged) -> None:
        """Tell the screen in front; the others read when they come back."""
        self._tell_front(StoreChanged())

    def on_progress_read(self, message: ProgressRead) -> None:
        """New figures of what runs; what has ended is announced."""
        going = {group.group for group in message.groups if group.active}
        ended = [group for group in self.groups if group.active and group.group not in going]
        self.groups = message.groups
        self.show_activity()
        self._tell_front(RunsProgressed(message.groups))
        for group in ended:
            self.run_worker(partial(_announce, self, group), thread=True, group=f"announce {group.group}")

    @property
    def _front(self) -> Screen[Any] | None:
        """The screen in front; none once the app is closing, when threads may still have something to say."""
        return self.screen_stack[-1] if self.screen_stack else None

    def _tell_front(self, message: Message) -> None:
        if (front := self._front) is not None:
            front.post_message(message)

    def on_fetched(self, message: Fetched) -> None:
        """A thread of the app's own has read something."""
        message.show(message.value)

    def show_activity(self) -> None:
        """The right end of the top bar."""
        self.activity = activity_line(self.groups, self.watching.state)

    def choose_theme(self, name: str) -> None:
        """Another theme, kept for the next time."""
        self.theme = name
        self.change_settings(replace(self.settings, theme=name))

    def change_settings(self, settings: Settings) -> None:
        """Other settings, kept at once; says so where they cannot be kept."""
        self.settings = settings
        try:
            save_settings(self.folder, settings)
        except OSError as error:
            self.say(f"Settings cannot be kept: {error.strerror}", severity="warning")

    # ---- getting about

    def go_to(self, place: str) -> None:
        """Switch to a place; its screens stay as they were left."""
        if self.current_mode != place:
            self.switch_mode(place)

    def action_go_to(self, place: str) -> None:
        """To a place as it was left; from within it to its first screen."""
        if self.has_project and self.current_mode == place:
            while len(self.screen_stack) > 1:
                self.pop_screen()
        elif self.has_project:
            self.go_to(place)

    def go_back(self) -> None:
        """One screen back; from the first screen of a place, home."""
        if len(self.screen_stack) > 1:
            self.pop_screen()
        elif self.current_mode not in ("home", "welcome"):
            self.go_to("home")

    def action_help(self) -> None:
        from llmexp_tui.tui.screens.keys import KeysScreen

        self.push_screen(KeysScreen.of(self.screen))

    def action_settings(self) -> None:
        from llmexp_tui.tui.screens.settings import SettingsScreen

        self.push_screen(SettingsScreen())

    async def run_action(
        self, action: Any, default_namespace: DOMNode | None = None, namespaces: Mapping[str, DOMNode] | None = None
    ) -> bool:
        """Any action but those of a screen that shows nothing yet, or has no room to: nobody sees what they do."""
        if isinstance(default_namespace, ProjectScreen) and (
            default_namespace.too_small or default_namespace.keeps(str(action))
        ):
            return True
        return await super().run_action(action, default_namespace, namespaces)

    @property
    def keeping(self) -> bool:
        """Whether the screen in front still owes what a key asked for."""
        front = self._front
        return isinstance(front, ProjectScreen) and front.keeping

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """The palette's own commands: none of Textual's, whose names say other things. See `palette`."""
        return ()

    # ---- saying things

    def say_error(self, error: LlmexpError) -> None:
        """A toast of an error's one sentence."""
        self.say(error.sentence, title="That did not work", severity="error")

    # ---- leaving

    async def action_quit(self) -> None:
        """Leave; asks only while a run goes."""
        from llmexp_tui.tui.leaving import leave

        leave(self)


def run_app(project_root: Path | None, db: Path | None, *, env: Mapping[str, str], trust: bool = False) -> int:
    """Run the app on a project (None: the welcome screen) until the user leaves; the process's exit code.

    Raises UsageError where there is no terminal to draw on.
    """
    surface.require_surface(env)
    folder = config_folder(env)
    complaint: ConfigError | None = None
    try:
        settings = load_settings(folder)
    except ConfigError as error:
        settings, complaint = Settings(), error
    opener = None if project_root is None else project_opener(project_root, db, env=env, trust=trust)
    file = None if project_root is None else project_root / PROJECT_FILE
    app = LlmexpApp(opener, env=env, settings=settings, warm=True, project_file=file)
    if complaint is not None:
        app.call_later(app.say_error, complaint)
    app.run()
    return app.return_code or 0


def _warm_up(session: Session) -> None:
    from llmexp_tui.tui.loading import load_screens
    from llmexp_tui.workflows.start import ensure_worker

    load_screens()
    if not session.store.read_only:
        ensure_worker(session)


def _announce(app: LlmexpApp, group: GroupLine) -> None:
    from llmexp_tui.tui.announce import announce  # brings the store, which is loaded after the first frame

    announce(app, group)


def project_opener(
    root: Path, db: Path | None, *, env: Mapping[str, str], trust: bool = False
) -> Callable[[], Session]:
    """A function that opens the project. The store's imports (0.3 s) are paid when it is called, in a thread."""

    def opener() -> Session:
        from llmexp_tui.workflows.session import open_session

        return open_session(root, db=db, env=env, trust=trust)

    return opener

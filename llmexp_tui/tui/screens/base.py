"""What every screen of a project shares: the frame, reading in threads, going back. No screen's own content."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen, Screen
from textual.widgets import Static
from textual.worker import get_current_worker

from llmexp_tui.domain.text import one_line
from llmexp_tui.errors import LlmexpError, TrustError
from llmexp_tui.tui.messages import Fetched, ReadFailed, StoreChanged
from llmexp_tui.tui.state.versions import Recorded
from llmexp_tui.tui.widgets.key_bar import KeyBar
from llmexp_tui.tui.widgets.paged_table import PagedTable
from llmexp_tui.tui.widgets.top_bar import TopBar

if TYPE_CHECKING:
    from llmexp_tui.tui.app import LlmexpApp
    from llmexp_tui.workflows.session import Session

T = TypeVar("T")


class TooSmall(Static):
    """Stands instead of a screen where there is no room for one."""

    def __init__(self) -> None:
        super().__init__("The window is too small: 40 columns and 12 lines are the least. q quits.", markup=False)


class Reading:
    """Reading and doing in threads, for screens. What comes back is shown on the app's own thread."""

    app: Any
    run_worker: Any
    post_message: Any

    @property
    def home_app(self) -> LlmexpApp:
        """The app, typed."""
        app: LlmexpApp = self.app
        return app

    def fetch(
        self,
        group: str,
        read: Callable[[Session], T],
        show: Callable[[T], None],
        failed: Callable[[LlmexpError], None] | None = None,
    ) -> None:
        """Call `read` in a thread with the open session, then `show` with its answer; a newer call of the group wins.

        A LlmexpError becomes a toast, or goes to `failed`. Anything else is a fault of the app and ends it.
        """
        job = partial(self._read, read, show, failed)
        self.run_worker(job, thread=True, exclusive=True, group=group, exit_on_error=True)

    def fetch_trusted(self, group: str, do: Callable[[Session], T], show: Callable[[T], None]) -> None:
        """`fetch` of what uses the project's powers: where nobody trusts it, the user is asked before it goes on."""

        def trusted(session: Session) -> T:
            session.require_trust()
            return do(session)

        def failed(error: LlmexpError) -> None:
            if isinstance(error, TrustError):
                self.ask_trust(error, lambda: self.fetch_trusted(group, do, show))
            else:
                self.home_app.say_error(error)

        self.fetch(group, trusted, show, failed)

    def ask_trust(self, error: TrustError, then: Callable[[], None]) -> None:
        """Ask whether to trust the project with what the error names, remember a yes, and go on."""
        from llmexp_tui.tui.reads.launch import trust_project
        from llmexp_tui.tui.screens.confirm import ConfirmScreen

        def answered(sure: bool | None) -> None:
            if sure:
                self.fetch("trust", trust_project, lambda _: then())

        what = f"{error.what}. Say yes only if you know who wrote it."
        self.app.push_screen(ConfirmScreen("Trust this project?", what, "trust it"), answered)

    def _read(
        self,
        read: Callable[[Session], T],
        show: Callable[[T], None],
        failed: Callable[[LlmexpError], None] | None,
    ) -> None:
        worker = get_current_worker()
        try:
            value = read(self.home_app.session())
        except LlmexpError as error:
            if not worker.is_cancelled:
                self.post_message(ReadFailed(error, failed))
            return
        if not worker.is_cancelled:
            self.post_message(Fetched(show, value))

    def still_wanted(self, share: float | None) -> bool:
        """A Watch for what is read in a thread of this screen: shows how far it is, until nobody waits for it."""
        if share is not None:
            self.post_message(Fetched(self.show_share, share))
        return not get_current_worker().is_cancelled

    def show_share(self, share: float) -> None:
        """What is read is so far (0 to 1)."""

    def on_fetched(self, message: Fetched) -> None:
        """Show what was read."""
        message.stop()
        message.show(message.value)

    def on_read_failed(self, message: ReadFailed) -> None:
        """Say what went wrong."""
        message.stop()
        if message.failed is not None:
            message.failed(message.error)
        else:
            self.home_app.say_error(message.error)


class ProjectScreen(Reading, Screen[None]):
    """A full screen: top bar, body, key bar. Subclasses give `body` and read in `load`."""

    HELP: ClassVar[str] = ""
    EARLY: ClassVar[frozenset[str]] = frozenset()
    """The actions that need what the screen reads: asked for before it is there, the last of them waits for it."""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", show=False, id="app.back"),
    ]
    _waiting = True
    _early = ""

    def compose(self) -> ComposeResult:
        """The frame around the body."""
        yield TooSmall()
        yield TopBar()
        yield from self.body()
        yield KeyBar()

    @property
    def too_small(self) -> bool:
        """Whether there is no room to show it."""
        return self.has_class("-tiny") or self.has_class("-flat")

    def body(self) -> ComposeResult:
        """What is between the bars."""
        yield from ()

    def load(self) -> None:
        """Read what the screen shows; called when it appears and when the store changed."""

    def keeps(self, action: str) -> bool:
        """Keep an action that has come too early; False where it can be done now."""
        if not self._waiting or action.partition("(")[0] not in self.EARLY:
            return False
        self._early = action
        return True

    def has_read(self) -> None:
        """What the screen is for is there, or will not come: do what has waited for it."""
        self._waiting = False
        if self._early:
            self.call_after_refresh(self._catch_up)

    async def _catch_up(self) -> None:
        early, self._early = self._early, ""
        if early and self.is_current:
            await self.run_action(early)
            self.home_app.keys_go_on()

    @property
    def keeping(self) -> bool:
        """Whether an action waits: what is typed behind it is for where that leads."""
        return bool(self._early)

    def on_mount(self) -> None:
        """Read at once; the frame is painted meanwhile."""
        self.load()

    def on_screen_resume(self) -> None:
        """Something may have changed while another screen was in front."""
        if self.is_mounted:
            self.load()

    def on_store_changed(self, message: StoreChanged) -> None:
        """Somebody wrote to the store."""
        message.stop()
        self.load()

    def action_back(self) -> None:
        """Back to where one came from."""
        self.home_app.go_back()


class Finding(ProjectScreen):
    """A screen with one list whose cursor can be put on something by name, now or once it is read."""

    LIST: ClassVar[str] = "PagedTable"
    ALWAYS: ClassVar[frozenset[str]] = frozenset({"back"})
    """The screen's actions that do something without a row to do it to."""
    _wanted: str | None = None
    _then = ""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Of an empty list the keys that need a row are not offered."""
        found = self.query(self.LIST).results(PagedTable)
        empty = any(table.ready and not table.total for table in found)
        return not empty or action in self.ALWAYS

    def find(self, name: str, then: str = "") -> None:
        """Put the cursor on what has this name, and do something with it: `then` is an action of this screen."""
        self._wanted, self._then = name, then
        self.seek()

    def listed(self) -> None:
        """The list is there."""
        self.has_read()
        self.seek()

    def seek(self) -> None:
        """Put the cursor on what is wanted, if it is in the list."""
        place = None if self._wanted is None else self.place_of(self._wanted)
        if place is not None:
            self._wanted = None
            self.query_one(self.LIST, PagedTable).move_to(place)
            if self._then:
                self.call_after_refresh(self.run_action, self._then)
                self._then = ""

    def show_recorded(self, recorded: Recorded) -> None:
        """Say what was recorded, and put the cursor on what is new: the next key shall not mean the text before."""
        self.home_app.say(recorded.words)
        if key := recorded.nearest(self.query_one(self.LIST, PagedTable).cursor_key):
            self.find(key)
        self.load()

    def place_of(self, name: str) -> int | None:
        """Where something stands in the list; None where it is not."""
        return None


class Dialog(Reading, ModalScreen[T]):
    """A small window over a screen. Escape closes it without an answer."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Close", show=False, id="dialog.close"),
    ]

    def action_close(self) -> None:
        """No answer."""
        self.dismiss(None)


def shown_name(text: str, limit: int = 60) -> str:
    """A name from outside, safe to put into a sentence."""
    return one_line(text, limit)

"""Home: where do I stand? Experiments with their latest verdict, what runs now, what changed on disk."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Static

from llmexp_tui.errors import LlmexpError
from llmexp_tui.project.locate import PROJECT_FILE
from llmexp_tui.tui.errands import edit_file
from llmexp_tui.tui.messages import RunsProgressed
from llmexp_tui.tui.screens.base import ProjectScreen
from llmexp_tui.tui.state import home as state
from llmexp_tui.tui.state.cells import Line, line
from llmexp_tui.tui.state.interval import Scale
from llmexp_tui.tui.state.paging import ListSource
from llmexp_tui.tui.state.runs import GroupLine
from llmexp_tui.tui.widgets.empty_state import EmptyState
from llmexp_tui.tui.widgets.paged_table import PagedTable
from llmexp_tui.tui.widgets.run_progress import RunProgress
from llmexp_tui.tui.widgets.tones import join_lines

if TYPE_CHECKING:
    from llmexp_tui.workflows.session import Session

_CHANGED_LINES = 4
_AGES_EVERY_S = 60.0
"""Ages are shown in minutes: what was just measured must not stay so in a window that is left open."""


_HOW_TO_MEND = ("o", "opens llmexp.toml in your editor; once it is saved, the project is opened again")


class HomeScreen(ProjectScreen):
    """The first screen of a project."""

    HELP = (
        "Home shows each experiment with its latest verdict. A change stands with its 95 % interval drawn beside it."
    )
    CSS_PATH = "home.tcss"
    EARLY = frozenset({"open", "run", "aa", "plan"})
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Open", id="experiment.open"),
        Binding("r", "run", "Run", tooltip="Run the experiment under the cursor", id="run.start"),
        Binding("a", "aa", "A/A", tooltip="Run the baseline against itself: measures the noise floor", id="aa.start"),
        Binding("p", "plan", "Plan", tooltip="What a run would cost and could show", id="run.plan"),
        Binding(
            "w",
            "watch",
            "Watch",
            tooltip="Saving a prompt runs what it changes, and shows what that changed",
            id="watch.open",
        ),
        Binding("o", "edit", "Edit", tooltip="Open llmexp.toml in your editor", show=False, id="project.edit"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.view: state.HomeView | None = None
        self._broken = False
        self._compared: set[str] = set()

    def body(self) -> ComposeResult:
        """Experiments above, now and changed below."""
        table = PagedTable(state.columns(Scale()), id="experiments", classes="panel")
        table.border_title = "Experiments"
        yield table
        yield EmptyState(
            "No experiment yet",
            "An experiment compares variants on a dataset; it is declared in llmexp.toml.",
            "o", "opens llmexp.toml in your editor", id="nothing",
        )  # fmt: skip
        yield Static(id="question", markup=False)
        with Horizontal(id="below"):
            progress = RunProgress(id="now", classes="panel")
            progress.border_title = "Now"
            yield progress
            changed = Static(id="changed", classes="panel", markup=False)
            changed.border_title = "Changed since the last run"
            yield changed

    def on_mount(self) -> None:
        """Paint the frame, then fill it."""
        self.query_one("#nothing").display = False
        self.query_one("#changed", Static).update(join_lines([line(("reading …", "muted"))]))
        self.query_one("#experiments").focus()
        self.set_interval(_AGES_EVERY_S, self._grow_older)

    def _grow_older(self) -> None:
        if self.view is not None and self.is_current:
            self._show(self.view)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """There is no way back from where one begins, and nothing to run in what cannot be opened."""
        return action != "back" and not (self._broken and action in (*self.EARLY, "watch"))

    def load(self) -> None:
        """Read the experiments."""
        self.fetch("home", _read, self._show, self._failed)

    def _failed(self, error: LlmexpError) -> None:
        self.query_one("#experiments").display = False
        empty = self.query_one("#nothing", EmptyState)
        empty.say("The project cannot be opened", error.sentence, *_HOW_TO_MEND)
        empty.display = True
        self.query_one("#changed", Static).update("")
        self._broken = True
        self.refresh_bindings()
        self.has_read()

    def _show(self, view: state.HomeView) -> None:
        self.view = view
        if self._broken:
            self._broken = False
            self.refresh_bindings()
        table = self.query_one("#experiments", PagedTable)
        table.display = bool(view.experiments)
        self.query_one("#nothing").display = not view.experiments
        scale = state.common_scale(view.experiments)
        rows = state.table_rows(view.experiments, self.home_app.now(), scale)
        table.show(ListSource(rows), columns=state.columns(scale))
        self.query_one("#changed", Static).update(join_lines(_changed(view)))
        self._explain()
        self.has_read()
        for item in view.experiments:
            if item.uncompared and not item.running and item.uncompared not in self._compared:
                self._compared.add(item.uncompared)
                self.fetch(f"compare {item.name}", partial(_compare, item.name), lambda _: self.load(), _leave_it)

    @on(PagedTable.Highlighted)
    def _explain(self) -> None:
        item = self.experiment
        if item is not None:
            self.query_one("#question", Static).update(join_lines(state.explained(item, self.home_app.now())))

    def on_runs_progressed(self, message: RunsProgressed) -> None:
        """Live figures arrived."""
        message.stop()
        self.show_runs(message.groups)

    def show_runs(self, groups: tuple[GroupLine, ...]) -> None:
        """Draw what runs now."""
        self.query_one("#now", RunProgress).show(groups)

    @property
    def experiment(self) -> state.ExperimentLine | None:
        """The experiment under the cursor."""
        name = self.query_one("#experiments", PagedTable).cursor_key
        items = self.view.experiments if self.view else ()
        return next((item for item in items if item.name == name), None)

    @on(PagedTable.Opened)
    def _opened(self) -> None:
        self.action_open()

    def action_open(self) -> None:
        """The results of the experiment under the cursor."""
        if item := self.experiment:
            from llmexp_tui.tui.screens.results import ResultsScreen

            self.app.push_screen(ResultsScreen(item.name))

    def action_run(self) -> None:
        """The pre-flight of a run."""
        self._launch()

    def action_aa(self) -> None:
        """The pre-flight of an A/A."""
        self._launch("aa")

    def action_plan(self) -> None:
        """The same screen: it shows what a run costs before it starts."""
        self._launch()

    def _launch(self, kind: str = "") -> None:
        if item := self.experiment:
            from llmexp_tui.tui.screens.launch import LaunchScreen

            self.app.push_screen(LaunchScreen(item.name, kind))

    def action_edit(self) -> None:
        """The project file in the user's editor; it is read again once it has changed."""
        if self._broken and self.home_app.project_file is not None:
            self._edit(str(self.home_app.project_file))
            return
        self.fetch("path", lambda session: str(session.root / PROJECT_FILE), self._edit)

    def _edit(self, path: str) -> None:
        edit_file(self.home_app, path)

    def action_watch(self) -> None:
        """Watch, and see what a save changes."""
        from llmexp_tui.tui.screens.watch import WatchScreen

        self.app.push_screen(WatchScreen())


def _read(session: Session) -> state.HomeView:
    """The store's libraries take 0.3 s to import: in this thread, behind the first frame."""
    from llmexp_tui.tui.reads.home import read_home

    return read_home(session)


def _compare(name: str, session: Session) -> None:
    """Runs that ended while nobody looked: a resumed check, a run from another window."""
    from llmexp_tui.tui.reads.results import read_report

    read_report(name, session)


def _leave_it(error: LlmexpError) -> None:
    """Whoever opens the results is told why they cannot be compared."""


def _changed(view: state.HomeView) -> list[Line]:
    if not view.ran:
        return [line(("Nothing has run yet.", "muted"))]
    if not view.changed:
        return [line(("Nothing: what is on disk is what was run.", "muted"))]
    lines = [line(item.path, (f"  {item.what}", "muted")) for item in view.changed[:_CHANGED_LINES]]
    if len(view.changed) > _CHANGED_LINES:
        lines.append(line((f"and {len(view.changed) - _CHANGED_LINES} more", "muted")))
    names = {name for item in view.changed for name in item.experiments}
    touched = [item.name for item in view.experiments if item.name in names]
    return [*lines, line(("r", "key"), (" on ", "muted"), ", ".join(touched), (" runs it as it is now", "muted"))]

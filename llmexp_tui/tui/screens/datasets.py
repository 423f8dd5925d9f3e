"""Datasets: every version there ever was, what changed between two, and their rows."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from llmexp_tui.domain.dataset import DatasetVersion
from llmexp_tui.tui.errands import edit_file
from llmexp_tui.tui.reads.datasets import read_versions
from llmexp_tui.tui.screens.base import Finding
from llmexp_tui.tui.state import versions as state
from llmexp_tui.tui.state.paging import ListSource
from llmexp_tui.tui.widgets.empty_state import EmptyState
from llmexp_tui.tui.widgets.paged_table import PagedTable
from llmexp_tui.tui.widgets.sheet import Sheet


class DatasetsScreen(Finding):
    """Versions of all datasets, newest first under each name."""

    HELP = "A version never changes. Its tag stays with it; a changed file becomes the next version."
    CSS_PATH = "datasets.tcss"
    LIST = "#versions"
    EARLY = frozenset({"open", "diff", "tag", "edit"})
    ALWAYS = Finding.ALWAYS | {"record"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Rows", id="dataset.rows"),
        Binding(
            "d", "diff", "Diff", tooltip="Against the version before, or between two marked ones", id="dataset.diff"
        ),
        Binding("space", "mark", "Mark", tooltip="Mark two versions to compare them", id="dataset.mark"),
        Binding("n", "record", "Record", tooltip="Record what the files hold now", id="dataset.record"),
        Binding("t", "tag", "Tag", tooltip="Give this version a tag to go by", id="dataset.tag"),
        Binding("o", "edit", "Edit", tooltip="Open the dataset's file in your editor", id="dataset.edit"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.versions: tuple[DatasetVersion, ...] = ()

    def body(self) -> ComposeResult:
        """The list and the facts."""
        yield PagedTable(state.DATASET_COLUMNS, id="versions", marking=True)
        yield EmptyState(
            "No version yet",
            "A dataset's first version is recorded when it is first run, or now.",
            "n",
            "records what the files hold",
            id="nothing",
        )
        about = Sheet(id="about", classes="panel")
        about.border_title = "Version"
        yield about

    def on_mount(self) -> None:
        """The list has the keys."""
        self.query_one("#nothing").display = False
        self.query_one("#versions").focus()

    def place_of(self, name: str) -> int | None:
        """The version with this key, or the newest with this name."""
        return state.place_of(((v.name, v.hash) for v in self.versions), name)

    def load(self) -> None:
        """Read the versions."""
        self.fetch("versions", read_versions, self._show)

    def _show(self, versions: tuple[DatasetVersion, ...]) -> None:
        self.versions = versions
        self.query_one("#nothing").display = not versions
        self.query_one("#versions").display = bool(versions)
        self.query_one("#about").display = bool(versions)
        self.query_one("#versions", PagedTable).show(ListSource(state.dataset_rows(versions, self.home_app.now())))
        self.refresh_bindings()
        self.listed()

    def _by_key(self, key: str | None) -> DatasetVersion | None:
        return next((v for v in self.versions if state.version_key(v.name, v.hash) == key), None)

    @property
    def version(self) -> DatasetVersion | None:
        """The version under the cursor."""
        return self._by_key(self.query_one("#versions", PagedTable).cursor_key)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The first version differs from none."""
        if action == "diff" and self.versions and (version := self.version):
            return len(self.query_one("#versions", PagedTable).marked) == 2 or version.parent is not None
        return super().check_action(action, parameters)

    @on(PagedTable.Highlighted)
    @on(PagedTable.Marked)
    def _draw(self) -> None:
        self.refresh_bindings()
        if version := self.version:
            self.query_one("#about", Sheet).write(state.dataset_facts(version))

    @on(PagedTable.Opened)
    def _opened(self) -> None:
        self.action_open()

    def action_open(self) -> None:
        """The version's rows."""
        if version := self.version:
            from llmexp_tui.tui.screens.dataset_rows import DatasetRowsScreen

            self.app.push_screen(DatasetRowsScreen(version))

    def action_mark(self) -> None:
        """Mark the version under the cursor."""
        self.query_one("#versions", PagedTable).action_mark()

    def action_diff(self) -> None:
        """Between two marked versions, else against the version before."""
        marked = [
            v
            for v in self.versions
            if state.version_key(v.name, v.hash) in self.query_one("#versions", PagedTable).marked
        ]
        new, old = (marked[0], marked[1]) if len(marked) == 2 else (self.version, self._before(self.version))
        if new is None or old is None:
            self.home_app.say("There is no version before this one")
            return
        from llmexp_tui.tui.screens.dataset_diff import DatasetDiffScreen

        self.app.push_screen(DatasetDiffScreen(old, new))

    def _before(self, version: DatasetVersion | None) -> DatasetVersion | None:
        if version is None or version.parent is None:
            return None
        return next((v for v in self.versions if v.name == version.name and v.hash == version.parent), None)

    def action_tag(self) -> None:
        """Ask for a tag."""
        if version := self.version:
            from llmexp_tui.tui.screens.tag import TagScreen

            self.app.push_screen(TagScreen(version), partial(self._tag, version))

    def _tag(self, version: DatasetVersion, tag: str | None) -> None:
        if tag is not None:
            from llmexp_tui.tui.reads.datasets import tag_version

            self.fetch("tag", partial(tag_version, version, tag), self._tagged)

    def _tagged(self, version: DatasetVersion) -> None:
        self.home_app.say(f"{version.name} {version.hash[:8]} is {version.label}")
        self.load()

    def action_record(self) -> None:
        """Record what is on disk."""
        from llmexp_tui.tui.reads.datasets import record_all

        self.fetch("record", record_all, self.show_recorded)

    def action_edit(self) -> None:
        """The file in the user's editor, then a new version if it changed."""
        version = self.version
        if version is not None:
            from llmexp_tui.tui.reads.datasets import dataset_path

            self.fetch("path", partial(dataset_path, version.name), self._edit)

    def _edit(self, path: str) -> None:
        if edit_file(self.home_app, path):
            self.action_record()

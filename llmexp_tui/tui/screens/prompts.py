"""Prompts: every content a prompt ever had, its labels, who used it, and any two side by side."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from llmexp_tui.domain.prompt import LabelMove, PromptVersion
from llmexp_tui.tui.errands import copy_text, edit_file
from llmexp_tui.tui.reads.prompts import (
    LabelRequest,
    prompt_path,
    read_moves,
    read_prompts,
    record_prompts,
    set_label,
    take_back,
)
from llmexp_tui.tui.screens.base import Finding
from llmexp_tui.tui.state import versions as state
from llmexp_tui.tui.state.cells import line
from llmexp_tui.tui.state.format import short_hash
from llmexp_tui.tui.state.paging import ListSource
from llmexp_tui.tui.widgets.diff_view import DiffView
from llmexp_tui.tui.widgets.empty_state import EmptyState
from llmexp_tui.tui.widgets.paged_table import PagedTable


class PromptsScreen(Finding):
    """Versions of all prompts, newest first under each name; below, the one under the cursor against another."""

    HELP = "A version is known by its content, with everything it pulls in. Labels move; their history stays."
    CSS_PATH = "prompts.tcss"
    LIST = "#versions"
    EARLY = frozenset({"open", "label", "roll_back", "edit", "used_by", "history", "copy"})
    ALWAYS = Finding.ALWAYS | {"record"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Compare", tooltip="Side by side, on the whole screen", id="prompt.compare"),
        Binding("space", "mark", "Mark", tooltip="Mark another version to compare with", id="prompt.mark"),
        Binding(
            "l", "label", "Label", tooltip="Put a label on this version: production, staging …", id="prompt.label"
        ),
        Binding("b", "roll_back", "Roll back", tooltip="Take the last move of a label back", id="prompt.roll_back"),
        Binding("o", "edit", "Edit", tooltip="Open the prompt's file in your editor", id="prompt.edit"),
        Binding("t", "used_by", "Used by", tooltip="Which runs used this version", id="prompt.used_by"),
        Binding("n", "record", "Record", tooltip="Record what the files hold now", id="prompt.record"),
        Binding("H", "history", "Label history", show=False, id="prompt.history"),
        Binding("y", "copy", "Copy the text", show=False, id="prompt.copy"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.items: tuple[state.PromptLine, ...] = ()

    def body(self) -> ComposeResult:
        """The list and the comparison."""
        yield PagedTable(state.PROMPT_COLUMNS, id="versions", marking=True)
        yield EmptyState(
            "No version yet",
            "A prompt's first version is recorded when it is first run, or now.",
            "n",
            "records what the files hold",
            id="nothing",
        )
        yield DiffView(id="text", fold=True)

    def on_mount(self) -> None:
        """The list has the keys."""
        self.query_one("#nothing").display = False
        self.query_one("#versions").focus()

    def place_of(self, name: str) -> int | None:
        """The version with this key, or the newest with this name."""
        return state.place_of(((i.version.prompt.name, i.version.hash) for i in self.items), name)

    def load(self) -> None:
        """Read the versions."""
        self.fetch("prompts", read_prompts, self._show)

    def _show(self, items: tuple[state.PromptLine, ...]) -> None:
        self.items = items
        self.query_one("#nothing").display = not items
        self.query_one("#versions").display = bool(items)
        self.query_one("#text").display = bool(items)
        self.query_one("#versions", PagedTable).show(ListSource(state.prompt_rows(items, self.home_app.now())))
        self.refresh_bindings()
        self.listed()

    @property
    def version(self) -> PromptVersion | None:
        """The version under the cursor."""
        return self._by_key(self.query_one("#versions", PagedTable).cursor_key)

    def _by_key(self, key: str | None) -> PromptVersion | None:
        if key is None:
            return None
        name, digest = state.split_key(key)
        return next(
            (i.version for i in self.items if i.version.hash == digest and i.version.prompt.name == name), None
        )

    def pair(self) -> tuple[PromptVersion | None, PromptVersion | None]:
        """(older, newer): the marked version or the one before, and the one under the cursor."""
        table = self.query_one("#versions", PagedTable)
        marked = [key for key in table.marked if key != table.cursor_key]
        if marked:
            return self._by_key(marked[-1]), self.version
        return state.previous_of(self.items, table.cursor_key or ""), self.version

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only a version with a label has one to take back."""
        if action == "roll_back" and self.items and (version := self.version):
            return bool(version.labels)
        return super().check_action(action, parameters)

    @on(PagedTable.Highlighted)
    @on(PagedTable.Marked)
    def _draw(self) -> None:
        self.refresh_bindings()
        old, new = self.pair()
        if new is None:
            return
        view = self.query_one("#text", DiffView)
        title = line((f"{new.prompt.name} {short_hash(new.hash)}", "strong"))
        if old is None:
            view.show(state.prompt_text(new), None, (title, ()))
        else:
            before = line((f"{old.prompt.name} {short_hash(old.hash)}", "strong"))
            view.show(state.prompt_text(old), state.prompt_text(new), (before, title))

    def action_mark(self) -> None:
        """Mark the version under the cursor."""
        self.query_one("#versions", PagedTable).action_mark()

    @on(PagedTable.Opened)
    def _opened(self) -> None:
        self.action_open()

    def action_open(self) -> None:
        """On the whole screen."""
        old, new = self.pair()
        if new is not None:
            from llmexp_tui.tui.screens.prompt_diff import PromptDiffScreen

            self.app.push_screen(PromptDiffScreen(old, new))

    # ---- labels

    def action_label(self) -> None:
        """Ask for a label."""
        if version := self.version:
            from llmexp_tui.tui.screens.label import LabelScreen

            stands = state.labels_of(self.items, version.prompt.name)
            self.app.push_screen(LabelScreen(version, stands), self._label)

    def _label(self, request: LabelRequest | None) -> None:
        if request is not None:
            self.fetch("label", partial(set_label, request), self._labelled)

    def _labelled(self, move: LabelMove) -> None:
        self.home_app.say(f"{move.prompt}: {move.label} is now {short_hash(move.new_hash)}")
        self.load()

    def action_roll_back(self) -> None:
        """Take a label's last move back; asks which, where there are several, and whether."""
        if version := self.version:
            self.fetch("moves", partial(read_moves, version.prompt.name), partial(self._ways_back, version))

    def _ways_back(self, version: PromptVersion, moves: list[LabelMove]) -> None:
        ways = state.ways_back(version, moves)
        if not ways:
            self.home_app.say(f"No label of {version.prompt.name} came here from another version")
        elif len(ways) == 1:
            self._confirm_back(ways[0])
        else:
            from llmexp_tui.tui.screens.which_label import WhichLabelScreen

            self.app.push_screen(WhichLabelScreen(ways), self._confirm_back)

    def _confirm_back(self, move: LabelMove | None) -> None:
        if move is None:
            return
        from llmexp_tui.tui.screens.confirm import ConfirmScreen

        what = f"Take back the last move of “{move.label}” of {move.prompt}?"
        where = f"It goes from {short_hash(move.new_hash)} back to {short_hash(move.old_hash)}."
        question = ConfirmScreen(what, where, "take it back")
        self.app.push_screen(question, partial(self._roll_back, move))

    def _roll_back(self, move: LabelMove, sure: bool | None) -> None:
        if sure:
            self.fetch("label", partial(take_back, move.prompt, move.label), self._labelled)

    def action_history(self) -> None:
        """Every move of every label."""
        if version := self.version:
            from llmexp_tui.tui.screens.history import HistoryScreen

            self.app.push_screen(HistoryScreen(version.prompt.name))

    def action_used_by(self) -> None:
        """Which runs used this version."""
        if version := self.version:
            from llmexp_tui.tui.screens.used_by import UsedByScreen

            self.app.push_screen(UsedByScreen(version))

    # ---- files

    def action_edit(self) -> None:
        """The file in the user's editor; what it then holds is recorded."""
        if version := self.version:
            self.fetch("path", partial(prompt_path, version.prompt.name), self._edit)

    def _edit(self, path: str) -> None:
        if edit_file(self.home_app, path):
            self.action_record()

    def action_record(self) -> None:
        """Record what is on disk."""
        self.fetch("record", record_prompts, self.show_recorded)

    def action_copy(self) -> None:
        """The prompt's text."""
        if version := self.version:
            copy_text(self.home_app, version.prompt.text, f"{version.prompt.name} {short_hash(version.hash)}")

"""The user's settings: theme, editor, whether to ask before leaving, and where the keys are set."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input, Static

from llmexp_tui.tui.screens.base import Dialog
from llmexp_tui.tui.settings import SETTINGS_FILE
from llmexp_tui.tui.state.cells import line
from llmexp_tui.tui.state.paging import Column, ListSource, TableRow
from llmexp_tui.tui.themes import THEME_NAMES
from llmexp_tui.tui.widgets.paged_table import PagedTable
from llmexp_tui.tui.widgets.tones import join_lines


class SettingsScreen(Dialog[None]):
    """A short list; enter changes what is under the cursor. Everything is kept at once."""

    CSS_PATH = "settings.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "change", "Change", show=False, id="settings.change"),
        Binding("q", "close", "Close", show=False, id="settings.close"),
    ]

    def compose(self) -> ComposeResult:
        """The list, an input for the editor, where it is kept."""
        app = self.home_app
        with Vertical(classes="dialog"):
            yield PagedTable((Column("name", "Setting", 19), Column("value", "Value")), id="list")
            yield Input(value=app.settings.editor, placeholder="editor, for example: code --wait", id="editor")
            where = app.folder / SETTINGS_FILE
            yield Static(
                join_lines([
                    line(("enter", "key"), " changes it    ", ("esc", "key"), " closes"),
                    line((f"kept in {where}; keys go there as [keymap]", "muted")),
                ]),
                markup=False,
            )  # fmt: skip

    def on_mount(self) -> None:
        """The list has the keys."""
        self.query_one("#editor").display = False
        self._draw()
        self.query_one("#list").focus()

    def _draw(self) -> None:
        settings = self.home_app.settings
        values = (
            ("theme", "Theme", self.app.theme),
            ("editor", "Editor", settings.editor or "$VISUAL, $EDITOR or vi"),
            ("quit", "Ask before quitting", "yes" if settings.confirm_quit else "no"),
        )
        rows = [TableRow(key, (line(name), line((value, "info")))) for key, name, value in values]
        self.query_one("#list", PagedTable).show(ListSource(rows))

    def action_change(self) -> None:
        """Change what is under the cursor."""
        self.query_one("#list", PagedTable).action_open()

    @on(PagedTable.Opened)
    def _opened(self, message: PagedTable.Opened) -> None:
        app = self.home_app
        if message.key == "theme":
            names = THEME_NAMES
            app.choose_theme(names[(names.index(app.theme) + 1) % len(names)] if app.theme in names else names[0])
        elif message.key == "quit":
            app.change_settings(replace(app.settings, confirm_quit=not app.settings.confirm_quit))
        else:
            field = self.query_one("#editor", Input)
            field.display = True
            field.focus()
        self._draw()

    @on(Input.Submitted)
    def _typed(self, message: Input.Submitted) -> None:
        app = self.home_app
        app.change_settings(replace(app.settings, editor=message.value.strip()))
        message.input.display = False
        self.query_one("#list").focus()
        self._draw()

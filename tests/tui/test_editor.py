"""Out into the user's editor and back, in a real terminal: what was typed is what is gone on with."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from llmexp_tui.store import datasets, prompts, rows
from llmexp_tui.workflows.session import Session
from tests.tui.terminal_run import TerminalRun


@pytest.fixture
def env(isolation: Path) -> dict[str, str]:
    """The environment of a terminal, with no editor chosen yet."""
    unset = {name: value for name, value in os.environ.items() if name != "VISUAL"}
    return {**unset, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", "LLMEXP_CONFIG_DIR": str(isolation / "settings")}


def test_a_label_after_an_edit_goes_to_what_was_edited(env: dict[str, str], project: Path, session: Session) -> None:
    before = prompts.versions(session.store, "short")
    with TerminalRun(project, {**env, "EDITOR": "sed -i 's/^user:$/user:\\nPlease./'"}) as app:
        app.wait_for("improved")
        app.send("4")
        app.wait_for("production")
        app.send("j")
        app.send("o")
        app.wait_for("new version")
        app.send("l")
        app.wait_for("kept with the move")
        app.send("best\r")
        app.wait_for("best is now")
        app.send("\x11")
        assert app.wait_for_end() == 0
    newest = prompts.versions(session.store, "short")[0]
    assert newest.hash not in {version.hash for version in before}
    assert prompts.resolve(session.store, "short", "best").hash == newest.hash


def test_a_prompt_that_cannot_be_run_is_said_at_once(env: dict[str, str], project: Path) -> None:
    with TerminalRun(project, {**env, "EDITOR": "sed -i '1s/^/Hello\\n/'"}, size=(100, 40)) as app:
        app.wait_for("improved")
        app.send("4")
        app.wait_for("production")
        app.send("o")
        app.wait_for("put a role line above it")
        app.send("\x11")
        app.wait_for_end()


def test_a_row_that_was_typed_wrong_is_gone_on_with(
    env: dict[str, str], project: Path, session: Session, tmp_path: Path
) -> None:
    editor = tmp_path / "editor.sh"
    editor.write_text(
        "#!/bin/sh\n"
        'if grep -q BROKEN "$1"; then sed -i "s/BROKEN//" "$1"; '
        'else sed -i "s/\\"text\\": \\"/&rewritten /; 1s/^/BROKEN/" "$1"; fi\n'
    )
    editor.chmod(0o755)
    with TerminalRun(project, {**env, "EDITOR": str(editor)}, size=(100, 40)) as app:
        app.wait_for("improved")
        app.send("3")
        app.wait_for("first version")
        app.send("\r")
        app.wait_for("t000")
        app.send("e")
        app.wait_for("not JSON")
        app.send("e")
        app.wait_for("row t000 edited")
        app.send("j")
        app.send("e")
        app.wait_for("not JSON")
        app.send("e")
        app.wait_for("row t001 edited")
        app.send("\x11")
        assert app.wait_for_end() == 0
    newest = datasets.versions(session.store, "tickets")[0]
    texts = [rows.row(session.store, newest.hash, key).values["text"] for key in ("t000", "t001")]
    assert all(text.startswith("rewritten ") for text in texts), "both edits are in, one after the other"


def test_what_stands_in_the_way_of_a_run_is_mended_from_there(env: dict[str, str], project: Path) -> None:
    prompt = project / "prompts" / "short.md"
    whole = prompt.read_text()
    prompt.write_text("Hello\n" + whole)
    with TerminalRun(project, {**env, "EDITOR": "sed -i 1d"}) as app:
        app.wait_for("improved")
        app.send("r")
        app.wait_for("put a role line above it")
        app.send("o")
        app.wait_for("What it could show")
        app.send("\x11")
        assert app.wait_for_end() == 0
    assert prompt.read_text() == whole

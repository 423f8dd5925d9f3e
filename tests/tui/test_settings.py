"""The user's settings: read strictly, written whole, broken files say what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmexp_tui.errors import ConfigError
from llmexp_tui.tui.settings import BROKEN_FILE, SETTINGS_FILE, Settings, config_folder, load_settings, save_settings


def test_what_is_saved_is_what_is_loaded(tmp_path: Path) -> None:
    settings = Settings(theme="light", editor="code --wait", confirm_quit=False, keymap={"run.start": "f5"})
    save_settings(tmp_path / "new", settings)
    assert load_settings(tmp_path / "new") == settings
    assert [path.name for path in (tmp_path / "new").iterdir()] == [SETTINGS_FILE]


def test_no_file_is_the_defaults(tmp_path: Path) -> None:
    assert load_settings(tmp_path) == Settings()


@pytest.mark.parametrize("text", ["theme = 3", "colour = 'x'", "keymap = 'r'", "[keymap]\nx = 1", "not toml", "\xff"])
def test_a_wrong_file_says_what_and_where(tmp_path: Path, text: str) -> None:
    (tmp_path / SETTINGS_FILE).write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError) as caught:
        load_settings(tmp_path)
    assert SETTINGS_FILE in caught.value.sentence
    save_settings(tmp_path, Settings(theme="light"))
    assert load_settings(tmp_path).theme == "light"
    assert (tmp_path / BROKEN_FILE).read_bytes() == text.encode("latin-1"), "what could not be used is not lost"


def test_the_folder_follows_the_environment(tmp_path: Path) -> None:
    assert config_folder({"XDG_CONFIG_HOME": str(tmp_path)}) == tmp_path / "llmexp-tui"
    assert config_folder({"LLMEXP_CONFIG_DIR": "/x", "XDG_CONFIG_HOME": "/y"}) == Path("/x")

"""The user's own settings: theme, keys, editor. One TOML file in the user's config folder.

A broken file never stops the app: it falls back to the defaults and says what was wrong.
"""

from __future__ import annotations

import os
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from llmexp_tui.errors import ConfigError

_MAX_BYTES = 64 * 1024
SETTINGS_FILE = "settings.toml"
BROKEN_FILE = f"{SETTINGS_FILE}.broken"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a user chose. `keymap` maps a binding id to keys ("run.start" -> "r,f5"); empty strings mean unset."""

    theme: str = ""
    editor: str = ""
    confirm_quit: bool = True
    keymap: Mapping[str, str] = field(default_factory=dict)


def config_folder(env: Mapping[str, str]) -> Path:
    """The user's config folder for this program (LLMEXP_CONFIG_DIR, else the platform's own place)."""
    if chosen := env.get("LLMEXP_CONFIG_DIR"):
        return Path(chosen)
    if base := env.get("XDG_CONFIG_HOME"):
        return Path(base) / "llmexp-tui"
    from platformdirs import user_config_path

    return user_config_path("llmexp-tui", appauthor=False)


def load_settings(folder: Path) -> Settings:
    """The settings of a folder; defaults where there is no file. Raises ConfigError where it is wrong."""
    path = folder / SETTINGS_FILE
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return Settings()
    except OSError as error:
        raise ConfigError(f"cannot be read ({error.strerror})", where=str(path)) from None
    if len(data) > _MAX_BYTES:
        raise ConfigError("is larger than 64 KB", where=str(path), mend="remove what does not belong there")
    try:
        table = tomllib.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"is not valid TOML: {error}", where=str(path)) from None
    return _from_table(table, str(path))


def _from_table(table: Mapping[str, Any], where: str) -> Settings:
    settings = Settings()
    for key, value in table.items():
        if key == "keymap":
            if not (isinstance(value, dict) and all(isinstance(keys, str) for keys in value.values())):
                raise ConfigError("keymap must map binding ids to keys", where=where, mend='"run.start" = "r,f5"')
            settings = replace(settings, keymap=dict(value))
        elif key == "theme" and isinstance(value, str):
            settings = replace(settings, theme=value)
        elif key == "editor" and isinstance(value, str):
            settings = replace(settings, editor=value)
        elif key == "confirm_quit" and isinstance(value, bool):
            settings = replace(settings, confirm_quit=value)
        else:
            raise ConfigError(
                f'unknown or wrong setting "{key}"', where=where, mend="known: theme, editor, confirm_quit, keymap"
            )
    return settings


def save_settings(folder: Path, settings: Settings) -> Path:
    """Write the settings whole or not at all (a new file renamed over the old one). Raises OSError.

    A file that could not be used may still hold somebody's keys: it stays, as `settings.toml.broken`.
    """
    import tomli_w

    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    table: dict[str, Any] = {"confirm_quit": settings.confirm_quit}
    table |= {key: value for key, value in (("theme", settings.theme), ("editor", settings.editor)) if value}
    if settings.keymap:
        table["keymap"] = dict(settings.keymap)
    path = folder / SETTINGS_FILE
    handle, name = tempfile.mkstemp(prefix=".settings-", dir=folder)
    with os.fdopen(handle, "wb") as stream:
        tomli_w.dump(table, stream)
    try:
        load_settings(folder)
    except ConfigError:
        os.replace(path, folder / BROKEN_FILE)
    os.replace(name, path)
    return path

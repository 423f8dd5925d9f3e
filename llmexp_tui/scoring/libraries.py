"""Loads the field's own libraries when a scorer of theirs is built: most are extras, all cost time to import."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from llmexp_tui.errors import ConfigError
from llmexp_tui.scoring.settings import Settings


def load(module: str, settings: Settings, extra: str | None = None) -> Any:
    """The module. Raises ConfigError that names the extra which brings it."""
    try:
        return import_module(module)
    except ImportError as error:
        mend = f'pip install "llmexp-tui[{extra}]"' if extra else "install llmexp-tui anew"
        package = module.partition(".")[0]
        what = f"{settings.spec.type} needs the package {package}, which cannot be imported ({error})"
        raise ConfigError(what, where=settings.where, mend=mend) from None


def library_version(distribution: str) -> str:
    """"name 1.2.3" of an installed distribution, for fingerprints."""
    try:
        return f"{distribution} {version(distribution)}"
    except PackageNotFoundError:
        return f"{distribution} unknown"

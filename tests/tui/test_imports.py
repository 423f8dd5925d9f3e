"""What the app may import, and when: looked at in a process of its own, because the static graph sees no deferral."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import llmexp_tui.tui

_HEAVY = ("sqlalchemy", "sqlmodel", "numpy", "scipy", "litellm", "aiohttp", "openai", "watchfiles", "jinja2")


def _modules(package: str) -> list[str]:
    """The names of the modules in a package of the app."""
    folder = Path(llmexp_tui.tui.__file__).parent / package
    return sorted(path.stem for path in folder.glob("*.py") if path.stem != "__init__")


def loaded(code: str) -> set[str]:
    """The modules that a piece of code leaves in a fresh interpreter."""
    script = f"import sys\n{code}\nprint(*sys.modules, sep='\\n')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "module", ["llmexp_tui.tui.app", "llmexp_tui.tui.screens.home", "llmexp_tui.tui.screens.welcome"]
)
def test_the_first_frame_pays_for_textual_alone(module: str) -> None:
    assert loaded(f"import {module}").isdisjoint(_HEAVY)


def test_no_screen_brings_a_provider_or_an_engine() -> None:
    names = _modules("screens")
    modules = loaded("\n".join(f"import llmexp_tui.tui.screens.{name}" for name in names))
    assert modules.isdisjoint({"litellm", "aiohttp", "openai", "scipy.stats"})
    assert not any(name.startswith("llmexp_tui.providers.") and name.endswith(("litellm_adapter", "openai_lane"))
                   for name in modules)  # fmt: skip


def test_view_models_know_nothing_of_textual() -> None:
    names = _modules("state")
    modules = loaded("\n".join(f"import llmexp_tui.tui.state.{name}" for name in names))
    assert not any(name == "textual" or name.startswith("textual.") for name in modules)


def test_the_rest_is_loaded_before_a_key_asks_for_it() -> None:
    """Dialogs cost next to nothing; every other screen is there, and what stays is collected no more."""
    modules = loaded(
        "import gc; gc.disable(); from llmexp_tui.tui.loading import load_screens; load_screens()\n"
        "assert gc.isenabled() and gc.get_freeze_count() > 50_000"
    )
    small = {"confirm", "history", "label", "marked", "tag", "used_by", "which_label", "base", "home", "welcome"}
    assert {f"llmexp_tui.tui.screens.{name}" for name in _modules("screens") if name not in small} <= modules
    assert "numpy" in modules

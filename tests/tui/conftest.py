"""The app over a project with a past: built once, copied for each test, time held still."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from llmexp_tui.tui.app import LlmexpApp
from llmexp_tui.tui.settings import Settings
from llmexp_tui.workflows.session import Session
from tests.tui.build import NOW, build_project, open_fixed

MakeApp = Callable[..., LlmexpApp]


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Times are shown in the reader's zone: here it is UTC, and the locale speaks UTF-8."""
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project with its past; not to be changed."""
    return build_project(tmp_path_factory.mktemp("built") / "support-triage")


@pytest.fixture
def project(built: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may change."""
    return Path(shutil.copytree(built, tmp_path / "support-triage"))


@pytest.fixture
def session(project: Path) -> Iterator[Session]:
    """The project's session, for looking at what the app did."""
    with open_fixed(project) as opened:
        yield opened


@pytest.fixture
def make_app(project: Path, isolation: Path) -> MakeApp:
    """Makes the app on the project (or on what `opener` opens), with a theme and time held still."""

    def make(theme: str = "dark", opener: Callable[[], Session] | None = None, **settings: object) -> LlmexpApp:
        env = {"HOME": str(isolation), "LC_ALL": "C.UTF-8", "LLMEXP_CONFIG_DIR": str(isolation / "settings")}
        chosen = Settings(theme=theme, **settings)  # type: ignore[arg-type]
        return LlmexpApp(opener or (lambda: open_fixed(project)), env=env, settings=chosen, now=lambda: NOW)

    return make

"""Fixtures every test may use, and the isolation every test gets: no home, no keys, no settings of this machine."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.model_server import ModelServer

_SECRET_MARKS = ("API_KEY", "_TOKEN", "SECRET", "_BASE_URL", "API_BASE")
_OWN_MARKS = ("LLMEXP_", "LITELLM_", "GITHUB_", "GITLAB_", "BUILDKITE", "XDG_")
_IN_MEMORY = Path("/dev/shm")


def pytest_configure(config: pytest.Config) -> None:
    """Tests' folders lie in memory where it is roomy: half of the suite was waiting for the disk."""
    if os.access(_IN_MEMORY, os.W_OK) and shutil.disk_usage(_IN_MEMORY).free > 2**31:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_IN_MEMORY))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: a test that waits for a child process leaves its core to another."""
    return (os.cpu_count() or 1) + 1


@pytest.fixture(autouse=True)
def isolation(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home of its own for each test, and an environment without keys, addresses and CI marks. Returns the home."""
    home = tmp_path_factory.mktemp("home")
    for name in list(os.environ):
        if any(mark in name for mark in _SECRET_MARKS) or name.startswith(_OWN_MARKS) or name in ("CI", "NO_COLOR"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    for name in ("CONFIG", "CACHE", "DATA", "STATE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(home / name.lower()))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
    return home


@pytest.fixture
def model_server() -> Iterator[ModelServer]:
    """A healthy loopback model server; script faults on it (see tests/fakes/replies.py)."""
    with ModelServer() as server:
        yield server

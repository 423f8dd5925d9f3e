"""A real store on a real file for every test that asks for one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from llmexp_tui.store.engine import Store, open_store


@pytest.fixture
def db(tmp_path: Path) -> Path:
    """Where the test's store is."""
    return tmp_path / ".llmexp" / "llmexp.db"


@pytest.fixture
def store(db: Path) -> Iterator[Store]:
    """An empty store."""
    with open_store(db) as opened:
        yield opened

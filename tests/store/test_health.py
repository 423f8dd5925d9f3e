from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from llmexp_tui.domain.dataset import make_row
from llmexp_tui.domain.prompt import Prompt
from llmexp_tui.store import datasets, health, prompts
from llmexp_tui.store.engine import Store
from llmexp_tui.store.migrations import SCHEMA_VERSION
from tests.store.samples import AT, make_dataset


@pytest.fixture
def filled(store: Store) -> Store:
    make_dataset(store)
    equal = [make_row({"q": 1}), make_row({"q": 1}, ordinal=2), make_row({"q": 1}, ordinal=3)]
    datasets.add_version(store, "equal", equal, columns=("q",), author="ada", at=AT)
    prompt = Prompt("triage", "p.md", "Say", {})
    prompts.record(store, prompt, author="ada", at=AT, commit=None, dirty=None)
    return store


def change(store: Store, sql: str) -> None:
    with closing(sqlite3.connect(store.path)) as raw:
        raw.execute(sql)
        raw.commit()


def test_facts(store: Store) -> None:
    found = health.facts(store)
    assert (found.sqlite, found.schema, found.journal) == (sqlite3.sqlite_version, SCHEMA_VERSION, "WAL")
    assert found.size > 0


@pytest.mark.parametrize(
    ("version", "exposed"),
    [((3, 40, 1), True), ((3, 44, 5), True), ((3, 44, 6), False), ((3, 45, 0), True), ((3, 50, 7), False),
     ((3, 51, 2), True), ((3, 51, 3), False), ((3, 53, 0), False)],
)  # fmt: skip
def test_which_libraries_can_lose_commits(version: tuple[int, int, int], exposed: bool) -> None:
    assert health._exposed(version) is exposed


def test_a_whole_store_has_no_problems(filled: Store) -> None:
    assert health.problems(filled) == []


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("UPDATE row SET body = '{\"q\":2}' WHERE no = 2", 'dataset "tickets", row "r0001"'),
        ("UPDATE row SET body = '{\"q\":2}' WHERE no = 6", 'dataset "equal"'),
        ("UPDATE prompt_version SET text = 'Shout'", 'prompt "triage"'),
        ("INSERT INTO dataset_member VALUES (1, 99, 12345)", "table dataset_member"),
    ],
)
def test_what_was_changed_behind_the_stores_back_is_found(filled: Store, sql: str, said: str) -> None:
    change(filled, sql)
    (problem,) = health.problems(filled)
    assert said in problem

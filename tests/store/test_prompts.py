from __future__ import annotations

import pytest
from sqlalchemy import text

from llmexp_tui.domain.prompt import LabelMove, Prompt
from llmexp_tui.errors import StoreError, UnknownNameError, UsageError
from llmexp_tui.store import prompts
from llmexp_tui.store.engine import Store
from tests.store.samples import AT


def save(store: Store, content: str, name: str = "triage", **files: str) -> str:
    prompt = Prompt(name, f"prompts/{name}.md", content, files)
    return prompts.record(store, prompt, author="ada", at=AT, commit="c" * 40, dirty=True)[0].hash


def move(store: Store, label: str, digest: str, reason: str = "") -> LabelMove:
    return prompts.move_label(store, "triage", label, digest, who="bob", at=AT, reason=reason)


def test_a_content_is_one_version_however_often_it_is_seen(store: Store) -> None:
    prompt = Prompt("triage", "prompts/triage.md", "Say {{ x }} \ud800", {"few.jsonl": "{}\n"})
    version, created = prompts.record(store, prompt, author="ada", at=AT, commit=None, dirty=None)
    assert created
    assert (version.prompt, version.hash, version.commit, version.dirty, version.labels) == (
        prompt, prompt.hash, None, None, ())  # fmt: skip
    again = prompts.record(store, prompt, author="eve", at="later", commit="c", dirty=False)
    assert again == (version, False)
    assert prompts.versions(store, "triage") == [version]


def test_a_pulled_in_file_makes_another_version(store: Store) -> None:
    assert save(store, "a", few="1") != save(store, "a", few="2")
    assert [v.prompt.files for v in prompts.versions(store, "triage")] == [{"few": "2"}, {"few": "1"}]


def test_versions_are_found_by_label_prefix_or_as_the_newest(store: Store) -> None:
    first, second = save(store, "one"), save(store, "two")
    move(store, "production", first)
    assert prompts.resolve(store, "triage").hash == second
    assert prompts.resolve(store, "triage", "production").prompt.text == "one"
    assert prompts.resolve(store, "triage", "production").labels == ("production",)
    assert prompts.resolve(store, "triage", second[:7]).hash == second
    assert prompts.resolve(store, "triage", second).hash == second
    with pytest.raises(UnknownNameError, match='did you mean "production"'):
        prompts.resolve(store, "triage", "producton")
    with pytest.raises(UnknownNameError, match='did you mean "triage"'):
        prompts.resolve(store, "triagee", "production")


def test_names(store: Store) -> None:
    save(store, "x", name="b")
    save(store, "x", name="a")
    assert prompts.names(store) == ["a", "b"]
    assert prompts.versions(store, "c") == []


def test_labels_move_and_remember(store: Store) -> None:
    first, second = save(store, "one"), save(store, "two")
    assert move(store, "production", first, "start").old_hash is None
    move(store, "staging", second)
    moved = move(store, "production", second, "better")
    assert moved == LabelMove("triage", "production", first, second, "bob", AT, "better")
    assert prompts.label_history(store, "triage", "production")[0] == moved
    assert [m.label for m in prompts.label_history(store, "triage")] == ["production", "staging", "production"]
    assert prompts.versions(store, "triage")[0].labels == ("production", "staging")
    assert prompts.versions(store, "triage")[1].labels == ()


def test_a_label_needs_a_version_and_a_name(store: Store) -> None:
    digest = save(store, "one")
    with pytest.raises(UnknownNameError):
        move(store, "production", "f" * 64)
    with pytest.raises(UsageError):
        move(store, "git:main", digest)
    with pytest.raises(UnknownNameError):
        prompts.move_label(store, "other", "production", digest, who="bob", at=AT, reason="")


@pytest.mark.parametrize("change", ["UPDATE label_move SET new_hash = 'x'", "DELETE FROM label_move"])
def test_the_history_cannot_be_changed(store: Store, change: str) -> None:
    move(store, "production", save(store, "one"))
    with pytest.raises(StoreError, match="label_move is append-only"), store.write() as connection:
        connection.execute(text(change))

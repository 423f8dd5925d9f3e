from __future__ import annotations

import gzip
import json
import stat
from pathlib import Path

import pytest

from llmexp_tui.domain.experiment import Registration
from llmexp_tui.domain.usage import Completion, ToolCall
from llmexp_tui.errors import StoreError
from llmexp_tui.store import cache, carry, runs
from llmexp_tui.store.cells import write_cells
from llmexp_tui.store.engine import Store, open_store
from llmexp_tui.store.experiments import registrations, save_registration
from tests.store.samples import answer, cell, failure, make_runs


def key(n: int) -> bytes:
    return n.to_bytes(32, "big")


def fill(store: Store, count: int = 3) -> list[Completion]:
    rows = make_runs(store, "r1", rows=max(count, 4))
    answers = [answer(f"{'x' * 10}{n}\ud800", tool_calls=(ToolCall("f", "{}", "i"),)) for n in range(count)]
    cells = [cell("r1", rows[n], a, key=key(n), at=f"2026-01-0{n + 1}T00:00:00+00:00") for n, a in enumerate(answers)]
    write_cells(store, cells)
    return answers


def test_lookup_finds_what_is_there(store: Store) -> None:
    answers = fill(store)
    found = cache.lookup(store, [key(2), key(0), key(9), key(2)])
    assert {k: v.completion for k, v in found.items()} == {key(2): answers[2], key(0): answers[0]}
    assert (found[key(2)].rules, found[key(2)].created_at) == ("b" * 64, "2026-01-03T00:00:00+00:00")
    assert cache.lookup(store, []) == {}
    assert len(cache.lookup(store, [key(n) for n in range(2000)])) == 3


def test_the_newest_answer_to_a_key_wins(store: Store) -> None:
    rows = make_runs(store, "r1")
    write_cells(store, [cell("r1", rows[0], answer("old"), key=key(1))])
    write_cells(store, [cell("r1", rows[1], answer("new"), key=key(1))])
    assert cache.lookup(store, [key(1)])[key(1)].completion.text == "new"


def test_failures_are_never_cached(store: Store) -> None:
    rows = make_runs(store, "r1")
    write_cells(store, [cell("r1", rows[0], failure(), key=key(1))])
    assert cache.size(store).entries == 0


def test_list_and_size(store: Store) -> None:
    fill(store)
    newest = cache.list_entries(store, limit=1)[0]
    assert (newest.key, newest.size, newest.start, newest.model) == (key(2), 14, f"{'x' * 10}2\ud800", "m-1")
    assert [e.key for e in cache.list_entries(store, offset=1)] == [key(1), key(0)]
    assert cache.size(store) == cache.CacheSize(3, 42)


def test_pruning_forgets_the_key_and_keeps_the_output(store: Store) -> None:
    answers = fill(store)
    assert cache.prune(store, older_than="2026-01-02T00:00:00+00:00") == 1
    assert set(cache.lookup(store, [key(n) for n in range(3)])) == {key(1), key(2)}
    assert cache.prune(store, max_bytes=20) == 1
    assert set(cache.lookup(store, [key(n) for n in range(3)])) == {key(2)}
    assert cache.prune(store, max_bytes=0) == 1
    assert [o.text for o in runs.outputs(store, "r1")] == [a.text for a in answers]


def test_a_carried_cache_answers_elsewhere(store: Store, tmp_path: Path) -> None:
    answers = fill(store)
    file = tmp_path / "new" / "cache.gz"
    assert carry.export_cache(store, file) == 3
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with open_store(tmp_path / "other.db") as other:
        assert carry.import_cache(other, file) == 3
        assert carry.import_cache(other, file) == 0
        found = cache.lookup(other, [key(n) for n in range(3)])
        assert [found[key(n)].completion for n in range(3)] == answers
        assert found[key(0)].created_at == "2026-01-01T00:00:00+00:00"
        row, *_ = make_runs(other, "r9")
        write_cells(other, [cell("r9", row, found[key(1)].no)])
        again = tmp_path / "again.gz"
        carry.export_cache(other, again)
    assert [p.name for p in file.parent.iterdir()] == ["cache.gz"]


PROMISE = Registration("tone", {"gates": [{"metric": "exact", "margin": 0.1}], "variants": {"a": "1"}})


def test_what_was_registered_travels_with_its_time_and_without_its_author(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "cache.gz"
    save_registration(store, PROMISE, who="Ada <ada@example.org>", at="2026-01-01T00:00:00+00:00")
    carry.export_cache(store, file, since="2026-01-01T00:00:00+00:00")
    with open_store(tmp_path / "other.db") as other:
        for _ in range(2):
            carry.import_cache(other, file)
            assert registrations(other, "tone") == [(PROMISE, "", "2026-01-01T00:00:00+00:00")]
    carry.export_cache(store, file, since="2026-01-02T00:00:00+00:00")
    with open_store(tmp_path / "third.db") as third:
        carry.import_cache(third, file)
        assert registrations(third, "tone") == []


@pytest.mark.parametrize(
    "wrong", [{"at": 1}, {"body": []}, {"body": {"x": float("nan")}}, {"more": 1}, {"experiment": None}]
)
def test_a_carried_registration_that_is_none_refuses_the_file(
    store: Store, tmp_path: Path, wrong: dict[str, object]
) -> None:
    file = tmp_path / "cache.gz"
    carry.export_cache(store, file)
    head, foot = lines_of(file)
    value = {"registration": {"experiment": "tone", "at": "2026", "body": {}, **wrong}}
    file.write_bytes(gzip.compress(head + json.dumps(value).encode() + b"\n" + foot))
    with open_store(tmp_path / "other.db") as other:
        with pytest.raises(StoreError, match="not a whole cache file"):
            carry.import_cache(other, file)
        assert registrations(other, "tone") == []


def test_the_same_answers_give_the_same_file(store: Store, tmp_path: Path) -> None:
    fill(store)
    for name in ("a", "b"):
        carry.export_cache(store, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_carried_file_does_not_grow_for_ever(store: Store, tmp_path: Path) -> None:
    fill(store)
    first, second = tmp_path / "first.gz", tmp_path / "second.gz"
    assert carry.export_cache(store, first, since="2026-01-02T00:00:00+00:00") == 2
    with open_store(tmp_path / "other.db") as other:
        carry.import_cache(other, first)
        assert set(cache.lookup(other, [key(n) for n in range(3)])) == {key(1), key(2)}
        assert carry.export_cache(other, second, max_bytes=len(lines_of(first)[1])) == 1
    with open_store(tmp_path / "third.db") as third:
        carry.import_cache(third, second)
        assert set(cache.lookup(third, [key(n) for n in range(3)])) == {key(2)}, "the newest is what is kept"


def lines_of(file: Path) -> list[bytes]:
    return gzip.decompress(file.read_bytes()).splitlines(keepends=True)


def entry(**changes: object) -> bytes:
    body = {"cache_key": "00" * 32, "attempts": 1, "rules": "", "created_at": "t", "text": "x", **changes}
    return json.dumps(body).encode() + b"\n"


HEAD, FOOT = b'{"schema": "llmexp.cache/1"}\n', b'{"entries": 1}\n'


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not gzip",
        gzip.compress(b"{}\n"),
        gzip.compress(b"[]\n"),
        gzip.compress(HEAD),
        gzip.compress(HEAD + entry()),
        gzip.compress(HEAD + FOOT),
        gzip.compress(HEAD + entry() + FOOT + entry()),
        gzip.compress(HEAD + entry() + FOOT)[:-4],
        gzip.compress(HEAD + entry() + FOOT)[:40] + b"\0" * 30,
        gzip.compress(HEAD + b"[" * 100_000 + b"\n" + FOOT),
        gzip.compress(HEAD + entry(cache_key="zz") + FOOT),
        gzip.compress(HEAD + entry(cache_key=5) + FOOT),
        gzip.compress(HEAD + entry(attempts="1") + FOOT),
        gzip.compress(HEAD + entry(attempts=10**30) + FOOT),
        gzip.compress(HEAD + entry(no=1) + FOOT),
        gzip.compress(HEAD + entry(error_kind="timeout") + FOOT),
        gzip.compress(HEAD + entry(tool_calls=[{"name": "f"}]) + FOOT),
        gzip.compress(HEAD + b'{"cache_key": "00"}\n' + FOOT),
    ],
    ids=range(19),
)
def test_a_file_that_is_not_whole_adds_nothing(store: Store, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "cache.gz"
    file.write_bytes(content)
    with pytest.raises(StoreError, match="not a whole cache file"):
        carry.import_cache(store, file)
    assert cache.size(store).entries == 0


def test_a_whole_file_by_hand(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "cache.gz"
    file.write_bytes(gzip.compress(HEAD + entry() + FOOT))
    assert carry.import_cache(store, file) == 1


def test_a_missing_file(store: Store, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="No such file"):
        carry.import_cache(store, tmp_path / "none")


def test_a_place_that_cannot_be_written(store: Store, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        carry.export_cache(store, tmp_path / "file" / "cache.gz")

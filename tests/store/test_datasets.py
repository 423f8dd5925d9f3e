from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from llmexp_tui.domain.dataset import Row, dataset_hash, make_row
from llmexp_tui.errors import DatasetError, UnknownNameError, UsageError
from llmexp_tui.store import datasets
from llmexp_tui.store.engine import Store
from tests.store.samples import AT, make_rows


def add(store: Store, rows: list[Row] | Iterator[Row], columns: tuple[str, ...] = ("q",), **more: object) -> object:
    return datasets.add_version(store, "tickets", rows, columns=columns, author="ada", at=AT, **more)  # type: ignore[arg-type]


def row(key: str, value: object = 1, **more: object) -> Row:
    return make_row({"q": value, **more}, key=key)


def count(store: Store, table: str) -> int:
    with store.read() as connection:
        return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


def test_a_first_version(store: Store) -> None:
    rows = [row("a"), row("b")]
    version, created = add(store, rows)
    assert created
    assert version.hash == dataset_hash((r.key, r.hash) for r in rows)
    assert (version.name, version.tag, version.parent, version.rows) == ("tickets", "1.0.0", None, 2)
    assert (version.columns, version.author, version.created_at) == (("q",), "ada", AT)
    assert version.changelog == "first version, 2 rows"


def test_the_same_rows_are_the_same_version(store: Store) -> None:
    first, _ = add(store, [row("a"), row("b")])
    again, created = add(store, [row("a"), row("b")])
    assert (again, created) == (first, False)
    assert count(store, "dataset_version") == 1


def test_a_changed_file_is_a_new_version_and_rows_are_stored_once(store: Store) -> None:
    first, _ = add(store, [row("a"), row("b"), row("c")])
    second, created = add(store, [row("a"), row("b", 2), row("c"), row("d")])
    assert created
    assert (second.parent, second.tag, second.changelog) == (first.hash, "1.1.0", "+1 rows, 1 changed")
    assert count(store, "row") == 5
    diff = datasets.diff(store, first.hash, second.hash)
    assert (diff.added, diff.removed, diff.changed) == (("d",), (), ("b",))
    assert datasets.diff(store, second.hash, first.hash).removed == ("d",)
    assert datasets.diff(store, first.hash, first.hash).empty


@pytest.mark.parametrize(
    ("rows", "columns", "tag", "changelog"),
    [
        ([row("a")], ("q",), "2.0.0", "-1 rows"),
        ([row("b"), row("a")], ("q",), "1.0.1", "the same rows in another order"),
        ([row("a", 1, n=2), row("b", 1, n=2)], ("q", "n"), "2.0.0", "2 changed, +column n"),
    ],
)
def test_tags_and_change_log_follow_the_difference(
    store: Store, rows: list[Row], columns: tuple[str, ...], tag: str, changelog: str
) -> None:
    add(store, [row("a"), row("b")])
    version, _ = add(store, rows, columns)
    assert (version.tag, version.changelog) == (tag, changelog)


def test_given_tag_and_change_log(store: Store) -> None:
    version, _ = add(store, [row("a")], tag="march", changelog="from the March export")
    assert (version.tag, version.changelog) == ("march", "from the March export")
    assert add(store, [row("b")])[0].tag == "1.0.0"


def test_a_tag_never_moves(store: Store) -> None:
    first, _ = add(store, [row("a")])
    with pytest.raises(UsageError, match="never moves"):
        add(store, [row("b")], tag="1.0.0")
    assert count(store, "dataset_version") == 1
    second, _ = add(store, [row("b")])
    with pytest.raises(UsageError, match="never moves"):
        datasets.set_tag(store, "tickets", second.hash[:8], "1.0.0")
    renamed = datasets.set_tag(store, "tickets", "1.0.0", "golden")
    assert (renamed.hash, renamed.tag) == (first.hash, "golden")
    assert datasets.resolve_version(store, "tickets", "1.0.0").hash == first.hash
    assert datasets.set_tag(store, "tickets", "1.0.0", "golden") == renamed
    with pytest.raises(UsageError, match="before its present one"):
        datasets.set_tag(store, "tickets", "golden", "1.0.0")


@pytest.mark.parametrize("tag", ["", "a b", "a@b", "a\n"])
def test_what_cannot_be_a_tag(store: Store, tag: str) -> None:
    with pytest.raises(UsageError, match="cannot be a tag"):
        add(store, [row("a")], tag=tag)
    assert count(store, "dataset") == 0


def test_the_store_itself_refuses_to_move_a_tag(store: Store) -> None:
    add(store, [row("a")])
    with pytest.raises(Exception, match="append-only"), store.write() as connection:
        connection.execute(text("UPDATE dataset_tag SET tag = 'other'"))


def test_a_suggested_tag_that_is_taken_makes_way(store: Store) -> None:
    add(store, [row("a")])
    add(store, [row("a"), row("b")], tag="mine")
    datasets.set_tag(store, "tickets", "1.0.0", "1.1.0")
    datasets.set_tag(store, "tickets", "mine", "1.0.5")
    version, _ = add(store, [row("a"), row("b"), row("c")])
    assert version.tag == "1.1.1"


def test_an_older_content_that_comes_back_is_the_older_version(store: Store) -> None:
    first, _ = add(store, [row("a")])
    add(store, [row("b")])
    assert add(store, [row("a")]) == (first, False)
    assert datasets.resolve_version(store, "tickets").hash != first.hash


def test_an_error_while_reading_stores_nothing(store: Store) -> None:
    def broken() -> Iterator[Row]:
        yield from make_rows(1200)
        raise DatasetError("line 1202 is ragged")

    with pytest.raises(DatasetError, match="ragged"):
        add(store, broken())
    assert (count(store, "row"), count(store, "dataset"), count(store, "dataset_version")) == (0, 0, 0)


def test_two_rows_with_one_id_store_nothing(store: Store) -> None:
    with pytest.raises(DatasetError, match='two rows have the id "a"'):
        add(store, [row("a", 1), row("b"), row("a", 2)])
    assert count(store, "row") == 0


def test_versions_are_found_by_tag_prefix_and_name(store: Store) -> None:
    first, _ = add(store, [row("a")])
    second, _ = add(store, [row("b")])
    assert datasets.resolve_version(store, "tickets", None) == second
    assert datasets.resolve_version(store, "tickets", "1.0.0") == first
    assert datasets.resolve_version(store, "tickets", first.hash[:6]) == first
    assert datasets.resolve_version(store, "tickets", first.hash) == first
    assert datasets.versions(store, "tickets") == [second, first]
    assert datasets.versions(store) == [second, first]
    assert datasets.versions(store, "other") == []
    with pytest.raises(UnknownNameError, match='did you mean "tickets"'):
        datasets.resolve_version(store, "ticket")
    with pytest.raises(UnknownNameError, match=r'did you mean "1\.0\.0"'):
        datasets.resolve_version(store, "tickets", "1.0.1")


def test_a_stamp_finds_the_version_without_reading_the_file(store: Store) -> None:
    first, _ = add(store, [row("a")], stamp="s1")
    assert datasets.version_of_stamp(store, "tickets", "s1") == first
    assert datasets.version_of_stamp(store, "tickets", "s2") is None
    add(store, [row("a")], stamp="s2")
    assert datasets.version_of_stamp(store, "tickets", "s2") == first
    assert datasets.version_of_stamp(store, "other", "s2") is None


def test_rows_come_back_exactly(store: Store) -> None:
    values = {"z": None, "a": "", "n": 0, "big": 10**40, "f": 0.1, "t": True, "list": [1, {"k": "v"}],
              "odd": "nul \x00 lone \ud800 😀", "quote": 'a"b\n'}  # fmt: skip
    made = make_row(values, key="k\udc80")
    version, _ = add(store, [made])
    (ref,) = datasets.row_refs(store, version.hash)
    assert (ref.key, ref.hash) == (made.key, made.hash)
    found = datasets.rows_by_no(store, [ref.no])[ref.no]
    assert (found.key, found.hash, dict(found.values)) == (made.key, made.hash, values)
    assert list(found.values) == list(values)
    assert datasets.row(store, version.hash, made.key) == found
    assert "missing" not in found.values


def test_row_refs_are_a_sequence_in_the_versions_order(store: Store) -> None:
    first = list(make_rows(1100))
    add(store, first)
    shuffled = first[::-1]
    version, _ = add(store, shuffled)
    refs = datasets.row_refs(store, version.hash)
    assert [(r.key, r.hash) for r in refs] == [(r.key, r.hash) for r in shuffled]
    assert (refs[-1], refs[0]) == (refs[1099], refs[-1100])
    assert [r.key for r in refs[10:13]] == [r.key for r in shuffled[10:13]]
    assert [r.key for r in datasets.iter_rows(store, version.hash, 10, 3)] == [r.key for r in shuffled[10:13]]
    with pytest.raises(IndexError):
        refs[1100]
    assert len(datasets.rows_by_no(store, (r.no for r in refs))) == 1100


def test_a_row_of_another_version_is_unknown(store: Store) -> None:
    first, _ = add(store, [row("a")])
    add(store, [row("b")])
    with pytest.raises(UnknownNameError, match='unknown row "b"'):
        datasets.row(store, first.hash, "b")
    with pytest.raises(UnknownNameError):
        datasets.row_refs(store, "f" * 64)


def test_one_content_under_two_names(store: Store) -> None:
    first, _ = add(store, [row("a")])
    other, created = datasets.add_version(store, "copy", [row("a")], columns=("q",), author="bob", at=AT)
    assert created
    assert other.hash == first.hash
    assert (count(store, "row"), [v.name for v in datasets.versions(store)]) == (1, ["copy", "tickets"])

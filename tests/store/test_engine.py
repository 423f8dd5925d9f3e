from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from llmexp_tui.errors import StoreBusyError, StoreError
from llmexp_tui.store import audit, engine, runs
from llmexp_tui.store.connect import WAL_LIMIT_BYTES
from llmexp_tui.store.engine import Store, data_version, open_store
from tests.store.samples import AT
from tests.store.unprivileged import run_unprivileged


def note(store: Store, subject: str) -> None:
    audit.append(store, who="ada", at=AT, action="test", subject=subject, detail={})


def subjects(store: Store) -> list[str]:
    return [entry.subject for entry in audit.entries(store)]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_store_is_private_and_ignored_by_git(store: Store, db: Path) -> None:
    note(store, "one")
    assert mode(db.parent) == 0o700
    assert (db.parent / ".gitignore").read_text() == "*\n"
    files = [path for path in db.parent.iterdir() if path.name.startswith("llmexp.db")]
    assert {path.name for path in files} >= {"llmexp.db", "llmexp.db-wal", "llmexp.db-shm"}
    assert {mode(path) for path in files} == {0o600}


def test_a_folder_that_exists_keeps_its_mode_and_gets_no_gitignore(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with open_store(tmp_path / "x.db"):
        pass
    assert mode(tmp_path) == 0o755
    assert not (tmp_path / ".gitignore").exists()


def test_settings_of_both_kinds_of_connection(store: Store) -> None:
    with store.write() as connection:
        values = {p: connection.exec_driver_sql(f"PRAGMA {p}").scalar() for p in
                  ("journal_mode", "synchronous", "foreign_keys", "trusted_schema", "wal_autocheckpoint")}
    assert values == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "trusted_schema": 0,
                      "wal_autocheckpoint": 0}
    with store.read() as connection:
        assert connection.exec_driver_sql("PRAGMA query_only").scalar() == 1
        assert connection.exec_driver_sql("PRAGMA trusted_schema").scalar() == 0


def test_what_was_committed_is_there_after_reopening(store: Store, db: Path) -> None:
    note(store, "one")
    store.close()
    with open_store(db) as again:
        assert subjects(again) == ["one"]
        assert again.notes == ()


def test_an_exception_rolls_back_and_passes_unchanged(store: Store) -> None:
    with pytest.raises(KeyError), store.write() as connection:
        connection.execute(text("INSERT INTO meta VALUES ('a', 'b')"))
        raise KeyError("mine")
    with store.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM meta WHERE key = 'a'")).scalar() == 0
    note(store, "still works")


def test_a_reader_keeps_its_snapshot_while_others_write(store: Store) -> None:
    with store.read() as connection:
        before = connection.execute(text("SELECT count(*) FROM audit")).scalar()
        writer = threading.Thread(target=note, args=(store, "two"))
        writer.start()
        writer.join()
        assert connection.execute(text("SELECT count(*) FROM audit")).scalar() == before
    assert subjects(store) == ["two"]


def test_a_read_connection_cannot_write(store: Store) -> None:
    with pytest.raises(StoreError, match="read-only"), store.read() as connection:
        connection.execute(text("INSERT INTO meta VALUES ('a', 'b')"))


def test_threads_write_without_losing_or_refusing_anything(store: Store) -> None:
    def work(name: int) -> None:
        for n in range(25):
            note(store, f"{name}-{n}")

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    written = sorted(entry.subject for entry in audit.entries(store, limit=None))
    assert written == sorted(f"{n}-{i}" for n in range(6) for i in range(25))


def test_data_version_changes_with_every_commit_and_only_then(store: Store, db: Path) -> None:
    first = data_version(store)
    assert data_version(store) == first
    note(store, "one")
    second = data_version(store)
    assert second != first
    with open_store(db) as other:
        note(other, "two")
    assert data_version(store) != second


def test_read_only_refuses_writes_and_says_why(store: Store, db: Path) -> None:
    note(store, "one")
    with open_store(db, read_only=True) as reading:
        assert reading.read_only
        assert subjects(reading) == ["one"]
        with pytest.raises(StoreError, match="opened for reading"), reading.write():
            pass


def test_read_only_of_nothing_is_an_error(db: Path) -> None:
    with pytest.raises(StoreError, match="no database"):
        open_store(db, read_only=True)
    assert not db.exists()


def _open_and_report(db: str) -> str:
    with open_store(Path(db)) as opened:
        try:
            note(opened, "two")
        except StoreError as error:
            return f"{opened.read_only} {subjects(opened)} {error.what}"
        return "written"


def test_a_read_only_file_is_read_and_refuses_runs(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    db = tmp_path / "x.db"
    with open_store(db) as store:
        note(store, "one")
    db.chmod(0o444)
    tmp_path.chmod(0o777)
    assert run_unprivileged(_open_and_report, str(db)) == (
        "True ['one'] nothing can be stored: the database file is read-only"
    )


def test_a_store_in_a_read_only_folder_is_read(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    db = tmp_path / "x.db"
    with open_store(db) as store:
        note(store, "one")
    db.chmod(0o666)
    tmp_path.chmod(0o555)
    assert run_unprivileged(_open_and_report, str(db)) == (
        "True ['one'] nothing can be stored: the database's folder is read-only"
    )
    assert run_unprivileged(_open_and_report, str(db)).startswith("True")


def _open_error(db: str) -> str:
    try:
        open_store(Path(db)).close()
    except StoreError as error:
        return error.what
    return "opened"


def test_a_log_that_cannot_be_replayed_is_an_error_and_not_old_data(tmp_path: Path) -> None:
    db, copy = tmp_path / "x.db", tmp_path / "copy" / "x.db"
    copy.parent.mkdir()
    with open_store(db) as store:
        note(store, "one")
        for end in ("", "-wal"):
            shutil.copy(f"{db}{end}", f"{copy}{end}")
    tmp_path.chmod(0o755)
    for path in copy.parent.iterdir():
        path.chmod(0o444)
    copy.parent.chmod(0o555)
    assert "not closed properly" in run_unprivileged(_open_error, str(copy))


@pytest.mark.parametrize("content", [b"this is a text file, not a database at all\n" * 40, b"\0" * 5000])
def test_a_file_that_is_no_database(tmp_path: Path, content: bytes) -> None:
    db = tmp_path / "x.db"
    db.write_bytes(content)
    with pytest.raises(StoreError, match="not an SQLite database"):
        open_store(db)
    assert db.read_bytes() == content


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    db = tmp_path / "x.db"
    with closing(sqlite3.connect(db)) as raw:
        raw.execute("CREATE TABLE theirs (a)")
    before = db.read_bytes()
    with pytest.raises(StoreError, match="another program"):
        open_store(db)
    assert db.read_bytes() == before


def test_a_folder_in_its_place(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="not a file"):
        open_store(tmp_path)


def test_damage_after_an_unclean_end_is_found_on_opening(tmp_path: Path) -> None:
    db, copy = tmp_path / "x.db", tmp_path / "copy.db"
    with open_store(db) as store:
        for n in range(300):
            note(store, f"{n}" * 50)
        with store.write() as connection:
            connection.exec_driver_sql("SELECT 1")
        with closing(sqlite3.connect(db)) as raw:
            raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        note(store, "in the log")
        for end in ("", "-wal"):
            shutil.copy(f"{db}{end}", f"{copy}{end}")
    with closing(sqlite3.connect(f"file:{db}?mode=ro", uri=True)) as raw:
        root = raw.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'audit_subject'").fetchone()[0]
    with open(copy, "r+b") as file:
        file.seek((root - 1) * 4096 + 8)
        file.write(b"\xff" * 300)
    with pytest.raises(StoreError, match="damaged"):
        open_store(copy)


def test_a_log_left_by_a_killed_process_is_replayed(tmp_path: Path) -> None:
    db, copy = tmp_path / "x.db", tmp_path / "copy.db"
    with open_store(db) as store:
        note(store, "one")
        for end in ("", "-wal"):
            shutil.copy(f"{db}{end}", f"{copy}{end}")
    with open_store(copy) as again:
        assert subjects(again) == ["one"]


def test_a_store_too_large_to_check_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    db, copy = tmp_path / "x.db", tmp_path / "copy.db"
    with open_store(db) as store:
        note(store, "one")
        for end in ("", "-wal"):
            shutil.copy(f"{db}{end}", f"{copy}{end}")
    monkeypatch.setattr(engine, "QUICK_CHECK_AT_MOST_BYTES", 1)
    with open_store(copy) as again:
        assert "ended abruptly" in again.notes[0]


def test_without_a_log_where_the_file_system_has_no_shared_memory(db: Path) -> None:
    with open_store(db, journal="TRUNCATE") as store:
        note(store, "one")
        assert store.journal == "TRUNCATE"
        assert not Path(f"{db}-wal").exists()
        assert subjects(store) == ["one"]
    with open_store(db) as store:
        assert subjects(store) == ["one"]


def test_a_full_disk_keeps_what_was_acknowledged(store: Store, db: Path) -> None:
    note(store, "acknowledged")
    with store.write() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages + 2}")
    with pytest.raises(StoreError, match="disk is full"):
        for n in range(100):
            note(store, f"{n}" * 5000)
            acknowledged = n
    kept = subjects(store)
    assert len(kept) == acknowledged + 2
    store.close()
    with open_store(db) as again:
        assert subjects(again) == kept
        note(again, "room again")


def test_a_writer_that_waited_in_vain_names_the_holder(store: Store, db: Path) -> None:
    with open_store(db, busy_s=0.05) as other, store.write():
        with pytest.raises(StoreBusyError, match=f"locked by process {os.getpid()} on "):
            note(other, "two")
        assert subjects(other) == []


def test_a_store_is_joined_while_another_process_writes_for_long(store: Store, db: Path) -> None:
    note(store, "one")
    with store.write(), open_store(db, busy_s=0.05) as other:
        assert subjects(other) == ["one"]


def test_a_foreign_writer_that_holds_sqlites_lock_is_waited_for_and_then_reported(store: Store, db: Path) -> None:
    with closing(sqlite3.connect(db, isolation_level=None)) as raw:
        raw.execute("BEGIN IMMEDIATE")
        with open_store(db.parent / "other.db"), pytest.raises(StoreBusyError, match="locked"):
            _write_hastily(db)
        raw.execute("ROLLBACK")
    note(store, "afterwards")


def test_who_waited_in_vain_waits_a_tenth_until_a_write_has_passed(store: Store, db: Path) -> None:
    def limit(writer: Store) -> int:
        raw = writer._writer.raw_connection()  # type: ignore[union-attr]
        with closing(raw):
            return int(raw.cursor().execute("PRAGMA busy_timeout").fetchone()[0])

    with open_store(db, busy_s=0.2) as hasty, closing(sqlite3.connect(db, isolation_level=None)) as foreign:
        foreign.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreBusyError):
            note(hasty, "never")
        assert limit(hasty) == 20
        foreign.execute("ROLLBACK")
        note(hasty, "afterwards")
        assert limit(hasty) == 200


def _write_hastily(db: Path) -> None:
    with open_store(db, busy_s=0.05) as hasty:
        note(hasty, "never")


def test_the_log_does_not_grow_without_end(store: Store, db: Path) -> None:
    largest = 0
    for n in range(12):
        with store.write() as connection:
            rows = [{"k": f"{n}-{i}", "v": "x" * 4000} for i in range(900)]
            connection.execute(text("INSERT INTO meta VALUES (:k, :v)"), rows)
        largest = max(largest, os.stat(f"{db}-wal").st_size)
    assert largest < 2 * WAL_LIMIT_BYTES
    assert db.stat().st_size > WAL_LIMIT_BYTES


def test_a_closed_store_says_so(store: Store) -> None:
    store.close()
    for use in (subjects, data_version, lambda s: note(s, "x")):
        with pytest.raises(StoreError, match="closed"):
            use(store)


@pytest.mark.parametrize("ask", [lambda s: runs.get_run(s, "\udcff run"), lambda s: audit.entries(s, before=10**30)])
def test_a_value_that_sqlite_cannot_take_is_an_error(store: Store, ask: Callable[[Store], object]) -> None:
    with pytest.raises(StoreError, match="cannot be stored"):
        ask(store)


def test_closing_twice_is_fine_and_leaves_no_log(store: Store, db: Path) -> None:
    note(store, "one")
    store.close()
    store.close()
    assert not Path(f"{db}-wal").exists()

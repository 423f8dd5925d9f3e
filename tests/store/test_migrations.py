from __future__ import annotations

import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy.dialects.sqlite import dialect
from sqlalchemy.schema import CreateIndex, CreateTable

from llmexp_tui.errors import StoreBusyError, StoreError, StoreVersionError
from llmexp_tui.store import audit
from llmexp_tui.store.connect import APPLICATION_ID
from llmexp_tui.store.engine import open_store
from llmexp_tui.store.locks import LockFile
from llmexp_tui.store.migrations import SCHEMA_VERSION, STEPS, Step, migrate
from llmexp_tui.store.tables import METADATA, TRIGGERS

SCHEMAS = Path(__file__).parent / "schemas"
NEXT = Step(SCHEMA_VERSION + 1, ("ALTER TABLE run ADD COLUMN note TEXT", "UPDATE run SET note = 'old'"), 1)


def shape(raw: sqlite3.Connection) -> dict[str, object]:
    """Tables with their columns and keys, indexes with theirs, triggers."""
    found: dict[str, object] = {}
    for kind, name, sql in raw.execute("SELECT type, name, sql FROM sqlite_schema"):
        if kind == "table":
            found[name] = (raw.execute(f'PRAGMA table_xinfo("{name}")').fetchall(),
                           sorted(r[2:] for r in raw.execute(f'PRAGMA foreign_key_list("{name}")')),
                           "WITHOUT ROWID" in sql)
        elif kind == "index":
            found[name] = (raw.execute(f'PRAGMA index_xinfo("{name}")').fetchall(), "WHERE" in (sql or ""))
        else:
            found[name] = " ".join(sql.split())
    return found


def build(path: Path, schema: str) -> None:
    with closing(sqlite3.connect(path)) as raw:
        raw.executescript((SCHEMAS / schema).read_text())


def test_the_steps_lead_to_the_tables(tmp_path: Path) -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as by_steps:
        migrate(by_steps, tmp_path / "x.db", "t")
        with closing(sqlite3.connect(":memory:")) as by_tables:
            for table in METADATA.sorted_tables:
                by_tables.execute(str(CreateTable(table).compile(dialect=dialect())))
                for index in table.indexes:
                    by_tables.execute(str(CreateIndex(index).compile(dialect=dialect())))
            for trigger in TRIGGERS:
                by_tables.execute(trigger)
            assert shape(by_steps) == shape(by_tables)


def test_steps_are_numbered_without_a_gap() -> None:
    assert [step.version for step in STEPS] == list(range(1, SCHEMA_VERSION + 1))


@pytest.mark.parametrize("schema", sorted(p.name for p in SCHEMAS.glob("*.sql")))
def test_every_schema_that_ever_was_still_opens(tmp_path: Path, schema: str) -> None:
    db = tmp_path / "old.db"
    build(db, schema)
    with open_store(db) as store:
        entry = audit.entries(store)[0]
        assert (entry.who, entry.subject, entry.detail) == ("ada", "tickets@1.0.0", {"rows": 2})
        with store.read() as connection:
            assert connection.exec_driver_sql("PRAGMA user_version").scalar() == SCHEMA_VERSION
            assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []


def test_every_schema_has_a_file_that_must_still_open() -> None:
    assert {p.stem for p in SCHEMAS.glob("*.sql")} == {str(step.version) for step in STEPS}


def test_a_migration_keeps_the_rows_and_a_private_copy_from_before(tmp_path: Path) -> None:
    db = tmp_path / "old.db"
    build(db, f"{SCHEMA_VERSION}.sql")
    with closing(sqlite3.connect(db, isolation_level=None)) as raw:
        copy = migrate(raw, db, "20260102T030405Z", (*STEPS, NEXT))
        assert raw.execute("PRAGMA user_version").fetchone() == (NEXT.version,)
        assert raw.execute("SELECT id, note FROM run").fetchall() == [("run-1", "old")]
        assert raw.execute("SELECT value FROM meta WHERE key = 'readable_from'").fetchone() == ("1",)
        assert migrate(raw, db, "again", (*STEPS, NEXT)) is None
    assert copy == db.with_name(f"old.db.bak-{SCHEMA_VERSION}-20260102T030405Z")
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    with closing(sqlite3.connect(copy)) as raw:
        assert raw.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
        assert raw.execute("SELECT id FROM run").fetchall() == [("run-1",)]


def test_no_migration_while_an_older_program_has_the_file_open(tmp_path: Path) -> None:
    db = tmp_path / "old.db"
    build(db, "1.sql")
    older = LockFile(tmp_path / "old.db.open")
    assert older.try_shared()
    with pytest.raises(StoreBusyError, match="another process has it open"):
        open_store(db)
    assert not list(tmp_path.glob("*.bak-*"))
    older.close()
    with open_store(db) as store:
        (note,) = store.notes
    assert [path.name for path in tmp_path.glob("*.bak-*")] == [note.rpartition(" ")[2]]


def test_a_step_that_fails_changes_nothing(tmp_path: Path) -> None:
    db = tmp_path / "old.db"
    build(db, f"{SCHEMA_VERSION}.sql")
    broken = Step(NEXT.version + 1, ("CREATE TABLE fine (a)", "INSERT INTO missing VALUES (1)"), 1)
    with closing(sqlite3.connect(db, isolation_level=None)) as raw:
        before = shape(raw)
        with pytest.raises(sqlite3.OperationalError):
            migrate(raw, db, "t", (*STEPS, NEXT, broken))
        assert shape(raw) == before
        assert raw.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)


def test_no_migration_without_a_copy(tmp_path: Path) -> None:
    db = tmp_path / "old.db"
    build(db, f"{SCHEMA_VERSION}.sql")
    db.with_name(f"old.db.bak-{SCHEMA_VERSION}-t").write_text("in the way")
    with closing(sqlite3.connect(db, isolation_level=None)) as raw:
        with pytest.raises(StoreError, match="no copy"):
            migrate(raw, db, "t", (*STEPS, NEXT))
        assert raw.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)


def newer(db: Path, readable_from: int) -> bytes:
    with open_store(db) as store:
        audit.append(store, who="ada", at="t", action="a", subject="s", detail={})
    with closing(sqlite3.connect(db)) as raw:
        raw.execute("UPDATE meta SET value = ? WHERE key = 'readable_from'", (str(readable_from),))
        raw.execute(f"PRAGMA user_version={SCHEMA_VERSION + 1}")
        raw.commit()
        raw.execute("PRAGMA journal_mode=DELETE")
    return db.read_bytes()


def test_a_newer_file_is_never_written(tmp_path: Path) -> None:
    db = tmp_path / "x.db"
    before = newer(db, SCHEMA_VERSION)
    with pytest.raises(StoreVersionError, match="newer than this program's"):
        open_store(db)
    assert db.read_bytes() == before


def test_a_newer_file_is_read_where_that_is_safe(tmp_path: Path) -> None:
    db = tmp_path / "x.db"
    before = newer(db, SCHEMA_VERSION)
    with open_store(db, read_only=True) as store:
        assert len(audit.entries(store)) == 1
    assert db.read_bytes() == before
    db.unlink()
    newer(db, SCHEMA_VERSION + 1)
    with pytest.raises(StoreVersionError):
        open_store(db, read_only=True)


def test_an_older_file_that_is_only_read_is_an_error(tmp_path: Path) -> None:
    db = tmp_path / "x.db"
    with closing(sqlite3.connect(db)) as raw:
        raw.execute("CREATE TABLE meta (key, value)")
        raw.execute(f"PRAGMA application_id={APPLICATION_ID}")
        raw.execute("PRAGMA user_version=0")
    with pytest.raises(StoreVersionError, match="open it once where it can be written"):
        open_store(db, read_only=True)

from __future__ import annotations

import pytest
from sqlalchemy import text

from llmexp_tui.errors import StoreError
from llmexp_tui.store import audit
from llmexp_tui.store.engine import Store
from tests.store.samples import AT


def test_entries_newest_first_and_filtered(store: Store) -> None:
    for n in range(5):
        action = "run.start" if n % 2 else "run.end"
        audit.append(store, who="ada", at=AT, action=action, subject=f"r{n}", detail={"n": n})
    assert [e.subject for e in audit.entries(store)] == ["r4", "r3", "r2", "r1", "r0"]
    assert [e.subject for e in audit.entries(store, action="run.start")] == ["r3", "r1"]
    (entry,) = audit.entries(store, subject="r2")
    assert (entry.who, entry.at, entry.action, entry.detail) == ("ada", AT, "run.end", {"n": 2})
    assert [e.subject for e in audit.entries(store, before=entry.no, limit=1)] == ["r1"]


@pytest.mark.parametrize("change", ["UPDATE audit SET who = 'eve'", "DELETE FROM audit"])
def test_what_was_done_stays_done(store: Store, change: str) -> None:
    audit.append(store, who="ada", at=AT, action="a", subject="s", detail={})
    with pytest.raises(StoreError, match="audit is append-only"), store.write() as connection:
        connection.execute(text(change))
    assert audit.entries(store)[0].who == "ada"

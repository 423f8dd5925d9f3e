"""How fast the process that runs an experiment may go just now. For eyes only: nothing is decided by it."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, update

from llmexp_tui.store.engine import Store
from llmexp_tui.store.names import find_no
from llmexp_tui.store.tables import ExperimentTable, HoldTable, core

_HOLD = core(HoldTable)


@dataclass(frozen=True, slots=True)
class Pacing:
    """`concurrency`: calls that may be in flight now, at most `most`.

    `waiting` says why no call may start (empty where one may), `until` (RFC 3339 UTC) when the next one may.
    """

    concurrency: int
    most: int
    waiting: str = ""
    until: str | None = None

    def words(self, now: datetime) -> str:
        """What is waited for, with the seconds left; empty where nothing is."""
        if not self.waiting or self.until is None:
            return self.waiting
        left = math.ceil((datetime.fromisoformat(self.until) - now).total_seconds())
        return f"{self.waiting}, next call in {left} s" if left > 0 else self.waiting


def set_pacing(store: Store, experiment: str, pacing: Pacing) -> None:
    """Says so in the hold that this process has on the experiment."""
    with store.write() as connection:
        number = find_no(connection, core(ExperimentTable), "name", experiment)
        values: dict[str, Any] = asdict(pacing)
        connection.execute(update(_HOLD).where(_HOLD.c.experiment_no == number).values(**values))


def pacing_of(row: RowMapping) -> Pacing | None:
    """Pacing from a hold's columns; None where nobody holds or nothing was said yet."""
    if row["concurrency"] is None:
        return None
    return Pacing(row["concurrency"], row["most"], row["waiting"] or "", row["until"])

"""What the project has spent, and who may spend how much more under the cap that holds over all of its runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, select, text, update

from llmexp_tui.store import liveness
from llmexp_tui.store.engine import Store
from llmexp_tui.store.tables import AllowanceTable, ProcessTable, core

_ALLOWANCE, _PROCESS = core(AllowanceTable), core(ProcessTable)
_SPENT = text(
    "SELECT (SELECT coalesce(sum(cost_usd), 0.0) FROM output WHERE NOT cached)"
    " + (SELECT coalesce(sum(cost_usd), 0.0) FROM score)"
)
_AHEAD = 8
"""With what is asked for comes this part of the rest: few requests have to ask, and little is kept from others."""


def spent_usd(connection: Connection) -> float:
    """USD that the stored calls and judgements have cost, whoever made them."""
    return float(connection.execute(_SPENT).scalar_one())


@dataclass(slots=True)
class Spending:
    """What one invocation may spend of the project's cap. It asks for ever more: several cannot pass it together.

    `granted_usd` is what it may spend in all, `elsewhere_usd` what the project had spent before, and what others that
    run meanwhile were granted. What is stored counts only where nobody else is running: it lags behind the calls.
    """

    store: Store
    cap_usd: float
    at: Callable[[], str]
    granted_usd: float = 0.0
    elsewhere_usd: float = 0.0
    _no: int | None = field(default=None, repr=False)

    def ask(self, spends_usd: float) -> bool:
        """Whether it may spend so much in all."""
        with self.store.write() as connection:
            before = self._before(connection)
            others = select(func.coalesce(func.sum(_ALLOWANCE.c.granted_usd), 0.0)).where(_ALLOWANCE.c.no != self._no)
            self.elsewhere_usd = before + connection.execute(others).scalar_one()
            most = self.cap_usd - self.elsewhere_usd
            if spends_usd > most:
                return False
            self.granted_usd = max(self.granted_usd, spends_usd + (most - spends_usd) / _AHEAD)
            self._write(connection, granted_usd=self.granted_usd)
            return True

    def close(self, spent_usd: float) -> None:
        """Leaves to others what was granted and not spent."""
        if self._no is not None:
            with self.store.write() as connection:
                self._write(connection, granted_usd=spent_usd, process_no=None)
            self._no = None

    def _write(self, connection: Connection, **values: float | None) -> None:
        connection.execute(update(_ALLOWANCE).where(_ALLOWANCE.c.no == self._no).values(**values))

    def _before(self, connection: Connection) -> float:
        """What was spent before all who are running; this one is among them from now on."""
        known = select(_ALLOWANCE.c.before_usd).where(_ALLOWANCE.c.no == self._no)
        before: float | None = connection.execute(known).scalar()
        if before is not None:
            return before
        at = self.at()
        running = select(_ALLOWANCE.c.before_usd, _PROCESS).join(_PROCESS, _PROCESS.c.no == _ALLOWANCE.c.process_no)
        now, observer = datetime.fromisoformat(at), self.store.process
        rows = [r for r in connection.execute(running).mappings() if liveness.is_alive(r, now, observer)]
        if rows:
            before = float(rows[0]["before_usd"])
        else:
            connection.execute(delete(_ALLOWANCE))
            before = spent_usd(connection)
        process_no = liveness.register(connection, observer, at)
        new = insert(_ALLOWANCE).values(process_no=process_no, before_usd=before, granted_usd=self.granted_usd)
        self._no = connection.execute(new.returning(_ALLOWANCE.c.no)).scalar_one()
        return before

"""What the project has spent, as its store says: for the cap that holds over all of its runs."""

from __future__ import annotations

from sqlalchemy import text

from llmexp_tui.store.engine import Store

_SPENT = text(
    "SELECT (SELECT coalesce(sum(cost_usd), 0.0) FROM output WHERE NOT cached)"
    " + (SELECT coalesce(sum(cost_usd), 0.0) FROM score)"
)
_NEWEST = text("SELECT coalesce(max(no), 0) FROM completion")
_SINCE = text("SELECT coalesce(sum(cost_usd), 0.0) FROM completion WHERE no > :after AND no <= :newest")


class Spending:
    """USD that calls and judgements have cost, whoever made them; `read` again costs only what is new."""

    def __init__(self, store: Store) -> None:
        self._store = store
        with store.read() as connection:
            self._newest: int = connection.execute(_NEWEST).scalar_one()
            self.before_usd: float = connection.execute(_SPENT).scalar_one()
        self._since_usd = 0.0

    def since(self) -> float:
        """What was stored as spent since this was made."""
        with self._store.read() as connection:
            newest: int = connection.execute(_NEWEST).scalar_one()
            if newest > self._newest:
                given = {"after": self._newest, "newest": newest}
                self._since_usd += connection.execute(_SINCE, given).scalar_one()
                self._newest = newest
        return self._since_usd

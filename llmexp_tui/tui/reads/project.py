"""The project file while the app is open: read again once it has changed.

Nobody has to start the app anew, whether it watches or not.
"""

from __future__ import annotations

from weakref import WeakKeyDictionary

from llmexp_tui.project.config import load_project
from llmexp_tui.project.locate import PROJECT_FILE, stamp_of
from llmexp_tui.store.engine import Store
from llmexp_tui.workflows.session import Session

_seen: WeakKeyDictionary[Store, tuple[int, int]] = WeakKeyDictionary()


def reread(session: Session) -> bool:
    """Read the project file if it is another than at the last call; whether it was read.

    Raises ConfigError where it is wrong; the session then keeps what it had, and the next call says nothing more.
    """
    stamp = stamp_of(session.root / PROJECT_FILE)
    known = _seen.setdefault(session.store, stamp)
    if stamp == known:
        return False
    _seen[session.store] = stamp
    session.project = load_project(session.files, session.root)
    return True

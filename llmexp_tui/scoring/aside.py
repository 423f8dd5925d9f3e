"""Keeps what own code prints away from stdout: that is the program's answer, which a script may read as JSON.

Writes nothing itself.
"""

from __future__ import annotations

import sys
import threading


class _Aside:
    """Within it, stdout is stderr. Uses overlap, in threads and across awaits: the last that ends puts it back."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running = 0
        self._before = self._instead = sys.stdout

    def __enter__(self) -> None:
        with self._lock:
            self._running += 1
            if self._running == 1:
                self._before, self._instead = sys.stdout, sys.stderr
                sys.stdout = self._instead

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._running -= 1
            if self._running == 0 and sys.stdout is self._instead:  # else somebody else has set it since
                sys.stdout = self._before


ASIDE = _Aside()

"""llmexp-tui: says whether a prompt change is real.

Importing the package costs nothing: the version is read only when somebody asks for it.
"""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from llmexp_tui._version import __version__

        return __version__
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

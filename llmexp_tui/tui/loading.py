"""Loads what the first frame did not need, behind it, so that no key waits for an import. Draws nothing.

An import of 0.1 s on the app's own thread is a key that hangs; a full garbage collection over what imports leave
behind (200,000 objects that stay) is 80 ms at a time nobody chose.
"""

from __future__ import annotations

import gc
from importlib import import_module

_SCREENS = (
    "results", "rows", "row", "runs", "launch", "prompts", "datasets", "dataset_rows", "histogram", "slices",
    "differences", "prompt_diff", "dataset_diff", "scoring", "keys", "watch", "settings", "quit",
)  # fmt: skip
"""In the order in which they are likely to be asked for."""


def load_screens() -> None:
    """Import the screens with what they read through, set all that aside, and let collection go on."""
    try:
        for name in _SCREENS:
            import_module(f"llmexp_tui.tui.screens.{name}")
    finally:
        gc.freeze()
        gc.enable()

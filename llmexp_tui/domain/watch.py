"""How long work says how far it is, and hears that nobody wants it any more."""

from __future__ import annotations

from collections.abc import Callable

from llmexp_tui.errors import CalledOffError

Watch = Callable[[float | None], bool]
"""Told now and then how much of the work is done (0 to 1, None where nobody can know); False calls it off."""


def unwatched(share: float | None) -> bool:
    """Nobody looks, nobody calls it off."""
    return True


def tell(watch: Watch, share: float | None) -> None:
    """Say how far it is. Raises CalledOffError where the answer is not wanted any more."""
    if not watch(share):
        raise CalledOffError

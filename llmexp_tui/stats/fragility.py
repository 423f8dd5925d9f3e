"""How few rows hold a verdict up: the fewest whose two results, swapped, would change it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from llmexp_tui.stats.interval import BoolArray, FloatArray
from llmexp_tui.stats.result import Verdict


def fewest_swaps(
    differences: FloatArray, verdict: Verdict, verdict_after: Callable[[BoolArray], Verdict]
) -> int | None:
    """Smallest number of rows to swap, taking the rows with the largest say first; None where no number does.

    differences: (n,) oriented. verdict_after: the verdict with the rows of a mask (n,) swapped between the arms;
    called about 4 log2(n) times. Greedy, hence an upper bound where rows are clustered.
    """
    found = []
    for order, supply in (
        (np.argsort(-differences, kind="stable"), int(np.count_nonzero(differences > 0.0))),
        (np.argsort(differences, kind="stable"), int(np.count_nonzero(differences < 0.0))),
    ):
        count = _first_change(order, supply, verdict, verdict_after)
        if count is not None:
            found.append(count)
    return min(found, default=None)


def _first_change(
    order: np.ndarray, supply: int, verdict: Verdict, verdict_after: Callable[[BoolArray], Verdict]
) -> int | None:
    """Gallop to a count that changes the verdict, then bisect."""

    def changed(count: int) -> bool:
        mask = np.zeros(len(order), dtype=bool)
        mask[order[:count]] = True
        return verdict_after(mask) != verdict

    if supply == 0:
        return None
    below, above = 0, 1
    while not changed(above):
        if above == supply:
            return None
        below, above = above, min(2 * above, supply)
    while above - below > 1:
        middle = (above + below) // 2
        below, above = (below, middle) if changed(middle) else (middle, above)
    return above

"""Planned looks of an experiment: after which rows it is judged early, and with which levels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from llmexp_tui.stats.sequential import FIRST_LOOK_ROWS, Boundaries, look_sizes, plan_looks
from llmexp_tui.stats.spec import Levels
from llmexp_tui.workflows.prepare import Prepared

PEEKS = 20
"""A plan that may be looked at any time is judged so often, evenly spaced; its bounds hold at every look."""


@dataclass(frozen=True, slots=True)
class Look:
    """One look: rows in by then, its levels (None: no early looks are planned), whether it is the last."""

    rows: int
    levels: Levels | None
    final: bool


def looks(prepared: Prepared) -> tuple[Look, ...]:
    """The planned looks in order; one over all rows where the plan stops at nothing."""
    rows = prepared.dataset.rows
    plan = prepared.experiment.plan
    if plan.anytime:
        sizes = tuple(size for k in range(1, PEEKS + 1) if (size := rows * k // PEEKS) >= FIRST_LOOK_ROWS) or (rows,)
        return tuple(Look(size, None, size == rows) for size in sizes)
    sizes = look_sizes(rows) if plan.early_stop else (rows,)
    if len(sizes) == 1:
        return (Look(rows, None, True),)
    boundaries = _boundaries(sizes, rows, plan.alpha)
    return tuple(Look(size, boundaries.levels(i), boundaries.is_final(i)) for i, size in enumerate(sizes))


def look_of(prepared: Prepared, rows_done: int) -> Look:
    """The last look that so many rows reach; the first where they reach none."""
    planned = looks(prepared)
    return next((look for look in reversed(planned) if look.rows <= rows_done), planned[0])


@lru_cache(maxsize=32)
def _boundaries(sizes: tuple[int, ...], rows: int, alpha: float) -> Boundaries:
    """The boundaries follow from the plan alone, and cost a tenth of a second."""
    return plan_looks(tuple(size / rows for size in sizes), alpha)

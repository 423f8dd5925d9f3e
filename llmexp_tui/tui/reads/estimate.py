"""The running estimate of a run's change: a look on the way, never a verdict. Reads two score columns."""

from __future__ import annotations

import math

from llmexp_tui.domain.run import SLOT_MAIN
from llmexp_tui.reports.figures import minus
from llmexp_tui.tui.state.runs import GroupLine
from llmexp_tui.workflows.session import Session

_LEAST_ROWS = 10


def read_estimate(group: GroupLine, session: Session) -> str:
    """Mean change of the first scorer over the rows that both arms have answered; empty where there are too few.

    The interval is plain 1.96 standard errors: good enough to watch, and said to be no verdict. Rows that have all
    changed alike give none.
    """
    declared = session.project.experiments.get(group.experiment)
    arms = [arm for arm in group.arms if arm.record.slot == SLOT_MAIN]
    baseline = next((arm for arm in arms if declared and arm.record.variant == declared.baseline), None)
    other = next((arm for arm in arms if baseline and arm is not baseline), None)
    if declared is None or baseline is None or other is None or not declared.scorers:
        return ""
    metric = declared.scorers[0].name
    import numpy as np

    from llmexp_tui.tui.reads.columns import column_of

    pair = baseline.record, other.record
    left, right = (column_of(session, record, metric, pair) for record in pair)
    _, first, second = np.intersect1d(left.row_no, right.row_no, return_indices=True)
    change = right.value[second] - left.value[first]
    change = change[np.isfinite(change)]
    if len(change) < _LEAST_ROWS:
        return ""
    on = f"so far, on {len(change)} of {baseline.record.rows} rows"
    if not change.any():  # an interval of no width would claim what nobody knows
        return f"{other.record.variant} no row differs in {metric} {on}"
    mean, error = float(change.mean()), float(change.std(ddof=1)) / math.sqrt(len(change))
    whole = bool(np.isin(left.value[first][np.isfinite(left.value[first])], (0.0, 1.0)).all())
    scale, unit = (100.0, " pts") if whole else (1.0, "")
    spread = f" ± {scale * 1.96 * error:.1f}" if error else ""
    shown = minus(f"{scale * mean:+.1f}{spread}{unit}")
    return f"{other.record.variant} {shown} {metric} {on}"

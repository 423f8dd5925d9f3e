"""Two distributions over the same bins, as text. Bins are chosen from the data's own range; no drawing library."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from llmexp_tui.tui.state.cells import Line, Span
from llmexp_tui.tui.state.format import score

_EIGHTHS = " ▏▎▍▌▋▊▉█"
_SKEWED = 30.0
"""From here on, largest to smallest, bins of one width would put nearly all values of a long tail into one."""


@dataclass(frozen=True, slots=True)
class Histogram:
    """`edges` has one more entry than the counts. Each side counts how many of its values fall in a bin."""

    edges: tuple[float, ...]
    left: tuple[int, ...]
    right: tuple[int, ...]

    @property
    def peak(self) -> int:
        """The largest count of either side."""
        return max((*self.left, *self.right, 0))


def make_histogram(left: npt.ArrayLike, right: npt.ArrayLike, bins: int = 12) -> Histogram | None:
    """Bins over both samples; few different values get a bin each, a long tail bins that grow. None without a value.

    Takes a moment for a million values: not for the thread that draws.
    """
    sides = [sample[np.isfinite(sample)] for sample in (np.asarray(left, float), np.asarray(right, float))]
    distinct = np.unique(np.concatenate(sides))
    if not distinct.size:
        return None
    if distinct.size <= bins:
        counted = [np.bincount(np.searchsorted(distinct, side), minlength=distinct.size) for side in sides]
        edges = np.append(distinct, distinct[-1])
    else:
        low, high = distinct[0], distinct[-1]
        grows = low > 0 and high > _SKEWED * low
        edges = np.geomspace(low, high, bins + 1) if grows else np.linspace(low, high, bins + 1)
        edges[0], edges[-1] = low, high  # a rounded end would leave a value outside
        counted = [np.histogram(side, edges)[0] for side in sides]
    return Histogram(tuple(edges.tolist()), tuple(counted[0].tolist()), tuple(counted[1].tolist()))


def bar_text(count: int, peak: int, cells: int) -> str:
    """A bar of `cells` cells at most, in eighths of a cell; never empty for a count above zero."""
    if count <= 0 or peak <= 0:
        return ""
    eighths = max(1, round(8 * cells * count / peak))
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def draw_histogram(histogram: Histogram, cells: int) -> list[Line]:
    """A line a bin: its range, the baseline's bar and count, the candidate's bar and count, in `cells` cells."""
    single = len(histogram.edges) > 1 and histogram.edges[-1] == histogram.edges[-2]
    labels = [
        score(edge) if single else f"{score(edge)} … {score(histogram.edges[i + 1])}"
        for i, edge in enumerate(histogram.edges[:-1])
    ]
    label_cells = max(len(label) for label in labels)
    side = max(4, (cells - label_cells - 16) // 2)
    lines: list[Line] = []
    for label, left, right in zip(labels, histogram.left, histogram.right, strict=True):
        lines.append((
            Span(f" {label:>{label_cells}} ", "muted"),
            Span(f"{left:>6} "), Span(f"{bar_text(left, histogram.peak, side):<{side}}", "info"),
            Span(f"{right:>6} "), Span(f"{bar_text(right, histogram.peak, side):<{side}}", "accent"),
        ))  # fmt: skip
    return lines

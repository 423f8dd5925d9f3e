"""Two distributions over the same bins, as text. Bins are chosen from the data's own range; no drawing library."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from llmexp_tui.tui.state.cells import Line, Span
from llmexp_tui.tui.state.format import score

_EIGHTHS = " ▏▎▍▌▋▊▉█"


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


def make_histogram(left: Sequence[float], right: Sequence[float], bins: int = 12) -> Histogram | None:
    """Bins over both samples; whole numbers get a bin each where they are few. None where there is no value."""
    values = [value for value in (*left, *right) if math.isfinite(value)]
    if not values:
        return None
    distinct = sorted(set(values))
    if len(distinct) <= bins:
        edges = (*distinct, distinct[-1])
        counted = [Counter(side) for side in (left, right)]
        return Histogram(edges, *(tuple(side[value] for value in distinct) for side in counted))
    low, high = distinct[0], distinct[-1]
    step = (high - low) / bins
    edges = tuple(low + i * step for i in range(bins + 1))
    counts = ([0] * bins, [0] * bins)
    for side, sample in zip(counts, (left, right), strict=True):
        for value in sample:
            if math.isfinite(value):
                side[min(bins - 1, int((value - low) / step))] += 1
    return Histogram(edges, tuple(counts[0]), tuple(counts[1]))


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

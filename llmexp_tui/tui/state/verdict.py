"""Verdicts, gates and run states with their tone. Glyph and word are the reports' own: every face says the same."""

from __future__ import annotations

from typing import NamedTuple

from llmexp_tui.reports import figures
from llmexp_tui.stats.result import MetricResult
from llmexp_tui.tui.state.cells import Line, Span


class Badge(NamedTuple):
    """What a badge shows: one cell of glyph, the word, the tone of both."""

    glyph: str
    word: str
    tone: str

    @property
    def spans(self) -> Line:
        """The badge as toned text."""
        return (Span(f"{self.glyph} {self.word}".rstrip(), self.tone),)


UNJUDGED = Badge("·", "not run yet", "muted")

_VERDICT_TONES = {"improved": "good", "no_regression": "info", "regressed": "bad", "inconclusive": "warn"}
_STATUS_TONES = {"pass": "good", "fail": "bad", "inconclusive": "warn", "invalid": "warn", "error": "bad"}
_GATES = {
    "pass": Badge("✓", "pass", "good"),
    "fail": Badge("✗", "fail", "bad"),
    "inconclusive": Badge("?", "open", "warn"),
}
_RUNS = {
    "queued": Badge("…", "queued", "info"),
    "running": Badge("▸", "running", "info"),
    "complete": Badge("✓", "complete", "good"),
    "stopped_early": Badge("✓", "stopped early", "good"),
    "interrupted": Badge("!", "interrupted", "warn"),
    "failed": Badge("✗", "failed", "bad"),
    "cancelled": Badge("✕", "cancelled", "muted"),
}


def verdict_badge(metric: MetricResult) -> Badge:
    """The badge of one metric's verdict."""
    badge = figures.verdict_badge(metric)
    return Badge(badge.glyph, badge.word, "warn" if metric.invalid else _VERDICT_TONES[metric.verdict])


def status_badge(status: str, *, has_gates: bool = True) -> Badge:
    """The badge of an experiment's status: what the gate says."""
    badge = figures.status_badge(status, has_gates=has_gates)
    return Badge(badge.glyph, badge.word, "muted" if badge.glyph == "·" else _STATUS_TONES[status])


def gate_badge(gate: str | None) -> Badge:
    """The badge of what a metric counts for in the gate; nothing where it is not registered."""
    return _GATES.get(gate or "", Badge("·", "", "muted"))


def run_badge(status: str) -> Badge:
    """The badge of a run's state."""
    return _RUNS.get(status, Badge("·", status, "muted"))

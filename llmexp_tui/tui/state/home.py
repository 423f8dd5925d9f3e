"""Where do I stand: one line an experiment, from what is stored. Reads nothing itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from llmexp_tui.reports import figures
from llmexp_tui.reports.record import ExperimentReport
from llmexp_tui.stats.result import MetricResult
from llmexp_tui.tui.state import interval
from llmexp_tui.tui.state.cells import Line, line
from llmexp_tui.tui.state.format import age
from llmexp_tui.tui.state.paging import Column, TableRow
from llmexp_tui.tui.state.results import why
from llmexp_tui.tui.state.verdict import Badge, run_badge, status_badge, verdict_badge

PLOT_CELLS = 15
_TREND = 12
_APART = "  "
"""Before a column that begins at the left, beside one that ends at the right."""
_SPARKS = "▁▂▃▄▅▆▇█"
_GATE_ORDER = ("fail", "inconclusive", "pass", None)


@dataclass(frozen=True, slots=True)
class ExperimentLine:
    """An experiment as Home knows it. `report` is the newest stored comparison, `trend` the gate metric over runs.

    `stale` says that something it depends on changed since; `running` that a run of it goes on now; `floor_at` when
    its baseline last ran against itself; `uncompared` the group of complete runs that nobody has compared yet;
    `broken` how its newest run ended and why, where that came to no result.
    """

    name: str
    question: str
    report: ExperimentReport | None = None
    compared_at: str | None = None
    trend: tuple[float, ...] = ()
    stale: bool = False
    running: bool = False
    floor_at: str | None = None
    uncompared: str | None = None
    broken: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class ChangedFile:
    """A file that is not what the newest run used. `what` is a short word on it: 3 lines, +12 rows, gone."""

    path: str
    what: str
    experiments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HomeView:
    """Everything on Home but the live runs. `ran` is False where nothing ever did: files differ from no run then."""

    project: str
    experiments: tuple[ExperimentLine, ...]
    changed: tuple[ChangedFile, ...] = ()
    ran: bool = True


def headline(report: ExperimentReport) -> MetricResult | None:
    """The metric that decides: a failing gate first, then an open one, then the first registered, then any."""
    registered = [metric for metric in report.metrics if metric.registered]
    for state in _GATE_ORDER:
        for metric in registered:
            if metric.gate == state:
                return metric
    return report.metrics[0] if report.metrics else None


def columns(scale: interval.Scale) -> tuple[Column, ...]:
    """The table's columns; the plot's title is its scale."""
    return (
        Column("name", "Experiment"),
        Column("verdict", "Verdict", 15),
        Column("change", "Change", 10, "right", drop_below=36),
        Column("plot", interval.axis(scale, PLOT_CELLS), PLOT_CELLS, drop_below=70),
        Column("floor", "Floor", 6, "right", drop_below=44),
        Column("floor_age", "Measured", 10, "right", drop_below=96),
        Column("trend", f"{_APART}Trend", _TREND + len(_APART), drop_below=96),
        Column("metric", "Metric", 18, drop_below=110),
        Column("age", "Age", 6, "right", drop_below=50),
    )


def common_scale(lines: Sequence[ExperimentLine]) -> interval.Scale:
    """One scale for all experiments' headlines."""
    heads = [headline(item.report) for item in lines if item.report]
    return interval.common_scale(found for head in heads if head and (found := interval.interval_of(head)))


def table_rows(lines: Sequence[ExperimentLine], now: datetime, scale: interval.Scale) -> list[TableRow]:
    """A row for each experiment, in the project's order."""
    return [TableRow(item.name, _cells(item, now, scale)) for item in lines]


def _cells(item: ExperimentLine, now: datetime, scale: interval.Scale) -> tuple[Line, ...]:
    head = headline(item.report) if item.report else None
    if item.report is None or head is None:
        word = line(("· not run yet", "muted"))
        if item.running or item.uncompared:
            word = line(("▸ running" if item.running else "… comparing", "info"))
        elif item.broken:
            word = run_badge(item.broken[0]).spans
        return (line(item.name), word, (), (), (), _floor_age(item, now), (), (), ())
    badge = badge_of(item.report, head)
    drawn = interval.interval_of(head, badge.tone)
    change = f"{figures.difference(head, head.delta, signed=True)}{figures.unit_of_change(head)}"
    return (
        line(item.name),
        badge.spans,
        line(change),
        interval.draw(drawn, scale, PLOT_CELLS),
        line(floor_short(head)),
        _floor_age(item, now),
        line(_APART, (spark(item.trend), "info")),
        line((figures.metric_title(head), "muted")),
        _age(item, now),
    )


def _age(item: ExperimentLine, now: datetime) -> Line:
    if item.running:
        return line(("▸ now", "info"))
    return line((age(item.compared_at, now), "warn" if item.stale else "muted"))


def _floor_age(item: ExperimentLine, now: datetime) -> Line:
    words = "later" if _too_late(item) else age(item.floor_at, now) if item.floor_at else "never"
    return line((words, "muted"))


def _too_late(item: ExperimentLine) -> bool:
    """Whether the floor was measured after the comparison, which therefore knows none."""
    head = headline(item.report) if item.report else None
    return item.floor_at is not None and head is not None and head.noise_floor_state == "unmeasured"


def badge_of(report: ExperimentReport, head: MetricResult) -> Badge:
    """The headline's verdict where the gate passes or fails by it, else that the gate is open, and why not shut."""
    if report.status in ("invalid", "error") or (report.has_gates and report.status == "inconclusive"):
        badge = status_badge(report.status)
        return Badge(badge.glyph, badge.word.lower(), badge.tone)
    return verdict_badge(head)


def floor_short(metric: MetricResult) -> str:
    """How many times the noise floor the change is, in five cells."""
    if metric.noise_floor_state == "deterministic":
        return "0"
    if metric.noise_floor_state != "measured":
        return "none" if metric.noise_floor_state == "unmeasured" else "bad"
    return "–" if metric.floor_ratio is None else f"{metric.floor_ratio:.1f}×"


def spark(values: Sequence[float]) -> str:
    """A small line of bars, lowest to highest of the values; nothing for fewer than two."""
    shown = values[-_TREND:]
    if len(shown) < 2:
        return ""
    low, high = min(shown), max(shown)
    if high == low:
        return _SPARKS[3] * len(shown)
    return "".join(_SPARKS[round((value - low) / (high - low) * (len(_SPARKS) - 1))] for value in shown)


def explained(item: ExperimentLine, now: datetime) -> list[Line]:
    """Lines on the experiment under the cursor: its question, what decides, and how that and its floor came to be."""
    lines: list[Line] = [line((item.question or item.name, "strong"))]
    if item.report is None and (item.running or item.uncompared):
        words = "Its runs are being compared." if item.uncompared else "It runs now; "
        so_far = () if item.uncompared else line(("2", "key"), (" shows how it looks so far", "muted"))
        return [*lines, (*line((words, "muted")), *so_far)]
    if item.report is None:
        lines.append(_never_compared(item))
        return [*lines, line((_floor_words(item, now), "muted"))]
    gate = status_badge(item.report.status, has_gates=item.report.has_gates)
    older: Line = line(("  older than what is there now", "warn")) if item.stale and not item.running else ()
    lines.append((*gate.spans, *older, *line((f"  {why(item.report)}", "muted"))))
    head = headline(item.report)
    trend: Line = ()
    if head is not None and len(item.trend) > 1:
        trend = line(
            (f"{figures.metric_title(head)} of {head.candidate} over {len(item.trend)} runs ", "muted"),
            (spark(item.trend), "info"), (" · ", "muted"),
        )  # fmt: skip
    return [*lines, (*trend, *line((_floor_words(item, now), "muted")))]


def _never_compared(item: ExperimentLine) -> Line:
    """What to do with an experiment that has no result: go on with what it began, or begin."""
    if item.broken is not None:
        status, reason = item.broken
        return (*run_badge(status).spans, *line((f"  {reason or 'it did not finish'}", "muted")))
    return line(
        "Never compared. ", ("r", "key"), (" runs it, ", "muted"),
        ("p", "key"), (" shows first what that costs", "muted"),
    )  # fmt: skip


def _floor_words(item: ExperimentLine, now: datetime) -> str:
    if item.floor_at is None:
        return "noise floor never measured: a runs the baseline against itself"
    past = age(item.floor_at, now)
    words = f"noise floor measured {'just now' if past == 'now' else past + ' ago'}"
    return f"{words}, after this comparison: u in the results compares again" if _too_late(item) else words

"""Is the change real: a report as the results panel shows it. Figures and sentences are the reports' own."""

from __future__ import annotations

from dataclasses import dataclass

from llmexp_tui.reports import figures
from llmexp_tui.reports.explain import details, explain
from llmexp_tui.reports.record import ArmReport, ExperimentReport
from llmexp_tui.stats.result import MetricResult
from llmexp_tui.tui.state import interval
from llmexp_tui.tui.state.cells import Line, cut, line, plain
from llmexp_tui.tui.state.format import count, plural
from llmexp_tui.tui.state.paging import Column, TableRow
from llmexp_tui.tui.state.verdict import status_badge, verdict_badge

GROUP_KEY = "group:"
_FIGURES = 3 + 18 + 17 + 16
"""Cells of gutter and edge, of both values, of the change and of the verdict, each with its gap."""
_NARROW_NAME, _NAME, _P, _COUNTS = 13, 21, 7, 18
_P_FROM, _COUNTS_FROM = 100, 126
PLOT_FROM = 54
_CHANGE = 16
_SHORT_NAME = 24


@dataclass(frozen=True, slots=True)
class MetricKey:
    """What a line of the table stands for."""

    metric: str
    statistic: str
    slice: str | None

    @classmethod
    def of(cls, metric: MetricResult) -> MetricKey:
        """The key of a result."""
        return cls(metric.metric, metric.statistic, metric.slice)

    @property
    def text(self) -> str:
        """The key as a table row's key."""
        return f"{self.metric}\x1f{self.statistic}\x1f{self.slice or ''}"


def candidates(report: ExperimentReport) -> tuple[str, ...]:
    """The candidates' names in the report's order."""
    return tuple(dict.fromkeys(metric.candidate for metric in report.metrics))


def metrics_of(report: ExperimentReport, candidate: str) -> list[MetricResult]:
    """One candidate's metrics: registered first, then exploratory, each in the report's order."""
    own = [metric for metric in report.metrics if metric.candidate == candidate]
    return [m for m in own if m.registered] + [m for m in own if not m.registered]


def plot_cells(cells: int) -> int:
    """How wide the interval plot is in a table of so many cells: what names and figures leave."""
    taken = _NARROW_NAME if cells < _P_FROM else _NAME + _P + (_COUNTS if cells >= _COUNTS_FROM else 0)
    return max(11, min(48, cells - _FIGURES - taken))


def arms_of(report: ExperimentReport, candidate: str) -> str:
    """What the two figures of a column of values are of."""
    return f"{report.baseline.variant if report.baseline else 'baseline'} → {candidate}"


def table_columns(report: ExperimentReport, candidate: str, cells: int) -> tuple[Column, ...]:
    """The table's columns in so many cells; the plot's title is its scale."""
    plot = plot_cells(cells)
    return (
        Column("metric", "Metric"),
        Column("values", arms_of(report, candidate), 17, "right", drop_below=70),
        Column("change", "Change", _CHANGE, "right", drop_below=46),
        Column("plot", interval.axis(scale_of(report, candidate), plot), plot, drop_below=PLOT_FROM),
        Column("verdict", "Verdict", 15),
        Column("p", "p", 6, "right", drop_below=_P_FROM),
        Column("rows", "better/worse/same", 17, "right", drop_below=_COUNTS_FROM),
    )


def scale_of(report: ExperimentReport, candidate: str) -> interval.Scale:
    """The one scale of a candidate's panel."""
    found = (interval.interval_of(metric) for metric in metrics_of(report, candidate))
    return interval.common_scale(item for item in found if item is not None)


def table_rows(report: ExperimentReport, candidate: str, cells: int) -> list[TableRow]:
    """A line a metric, under a line that says what was registered and what is exploratory."""
    scale, plot = scale_of(report, candidate), plot_cells(cells)
    rows: list[TableRow] = []
    group = None
    for metric in metrics_of(report, candidate):
        if metric.registered != group:
            group = metric.registered
            rows.append(_group_row("Registered" if group else "Exploratory"))
        rows.append(TableRow(MetricKey.of(metric).text, _cells(metric, scale, plot)))
    return rows


def _group_row(title: str) -> TableRow:
    return TableRow(GROUP_KEY + title, (line((title, "strong")),), heading=True)


def change_in(metric: MetricResult, cells: int) -> str:
    """The change; without blanks around its sign where it would be cut."""
    words = figures.change(metric)
    return words if len(words) <= cells else words.replace(" … ", "…").replace(" ± ", "±")


def _cells(metric: MetricResult, scale: interval.Scale, plot: int) -> tuple[Line, ...]:
    tone, verdict = shown_verdict(metric)
    return (
        line((f" {short_title(metric, plot)}", "" if metric.registered else "muted")),
        line(figures.arm_values(metric)),
        line(change_in(metric, _CHANGE)),
        interval.draw(interval.interval_of(metric, tone), scale, plot),
        verdict,
        line((figures.p_text(metric.p_adjusted if metric.registered else metric.q_value), "muted")),
        line((f"{metric.wins}/{metric.losses}/{metric.ties}", "muted")),
    )


def shown_verdict(metric: MetricResult) -> tuple[str, Line]:
    """The tone and the words of a verdict; without its glyph and colour where nothing was registered."""
    badge = verdict_badge(metric)
    if metric.registered or metric.invalid:
        return badge.tone, badge.spans
    return "muted", line((f"· {badge.word}", "muted"))


def short_title(metric: MetricResult, plot: int) -> str:
    """The metric's title, without the words for a plain mean where room is short."""
    if plot >= 20:
        return figures.metric_title(metric)
    statistic = "" if metric.statistic == "mean" else metric.statistic
    if metric.threshold is not None:
        statistic = figures.above(metric.metric, metric.threshold)
    parts = [metric.metric, statistic, metric.slice or ""]
    return " ".join(part for part in parts if part)


def heading(report: ExperimentReport, candidate: str | None, cells: int) -> list[Line]:
    """What the gate says of what; why, where it does not pass; the question; how much of it came back.

    Without a candidate it speaks of all of them. Long names and questions are cut: they must not push the rest out.
    """
    gate = status_badge(report.status, has_gates=report.has_gates)
    baseline = _short(report.baseline.variant) if report.baseline else "–"
    dataset = f" · {report.dataset.name} {report.dataset.version}" if report.dataset else ""
    axis = f" · {report.axis} axis" + (" (confounded)" if report.confounded else "")
    first = line(
        (gate.glyph + " " + gate.word, gate.tone),
        "  ",
        (report.name, "strong"),
        (f"  {_which(report, candidate)} against {baseline}{axis}{dataset}", "muted"),
    )
    reason = [line((words, gate.tone))] if (words := why(report)) else []
    question = [cut(line(report.question), cells)] if report.question else []
    return [first, *reason, *question, integrity(report, candidate)]


def why(report: ExperimentReport) -> str:
    """What kept the gate from passing, in a sentence: of several candidates the one that failed, where one did."""
    failed = [metric for metric in report.metrics if metric.gate == "fail"]
    if report.status == "fail" and failed and len(candidates(report)) > 1:
        names = ", ".join(dict.fromkeys(metric.candidate for metric in failed))
        return f"{names}: {', '.join(dict.fromkeys(figures.metric_title(metric) for metric in failed))} got worse"
    return report.reasons[0] if report.reasons and report.status != "pass" else ""


def _which(report: ExperimentReport, candidate: str | None) -> str:
    """The candidate, and where there are several, which of them it is; without one how many there are."""
    names = candidates(report)
    if candidate is None:
        return plural(len(names), "variant")
    several = candidate in names and len(names) > 1
    return f"{_short(candidate)} ({names.index(candidate) + 1}/{len(names)})" if several else _short(candidate)


def _short(name: str) -> str:
    return plain(cut(line(name), _SHORT_NAME))


def integrity(report: ExperimentReport, candidate: str | None) -> Line:
    """Attempted, answered, errors, unscored of the arms, the floor and the money: before any figure."""
    arms = [report.baseline, *(arm for arm in report.candidates if candidate in (None, arm.variant))]
    parts: list[tuple[str, str]] = []
    for arm in arms:
        if arm is not None:
            parts += [(" · " if parts else "", "muted"), *_answered(arm)]
    parts.append((f" · {floor_words(report)} · {figures.money(spent(report, candidate))}", "muted"))
    return line(*parts)


def spent(report: ExperimentReport, candidate: str | None) -> float | None:
    """USD of the arms' own calls; None where nothing is known."""
    arms = [report.baseline, *(arm for arm in report.candidates if candidate in (None, arm.variant))]
    known = [arm.totals.cost_usd for arm in arms if arm is not None and arm.totals.cost_usd is not None]
    return sum(known) if known else None


def _answered(arm: ArmReport) -> list[tuple[str, str]]:
    totals = arm.totals
    parts = [(f"{_short(arm.variant)} {count(totals.completed)}/{count(totals.planned)}", "muted")]
    if totals.errored:
        parts.append((f" {plural(totals.errored, 'error')}", "bad"))
    unscored = sum(number for _, number in arm.unscored)
    if unscored:
        parts.append((f" {unscored} not scored", "warn"))
    return parts


def floor_words(report: ExperimentReport) -> str:
    """The worst state of the registered metrics' noise floors."""
    states = {metric.noise_floor_state for metric in report.metrics if metric.registered}
    for state in ("invalid", "unmeasured", "measured", "deterministic"):
        if state in states:
            return f"noise floor {state}"
    return "no noise floor"


def sentences(report: ExperimentReport, metric: MetricResult | None) -> list[Line]:
    """The figures of the metric under the cursor, what they say in words, why the gate says what it says, notes."""
    lines: list[Line] = []
    if metric is not None:
        seen, meaning = explain(metric)
        lines += [_facts(metric), line(seen), line(meaning)]
        lines += [line((sentence, "muted")) for sentence in details(metric)]
    if asks_for_judges(report):
        lines.append(line(("J", "key"), " asks the judges about stored answers that they have not scored"))
    lines.append(())
    lines += [*trade_off(report), ()]
    lines += [line(("why  ", "strong"), reason) for reason in report.reasons]
    lines += [line(("note ", "warn"), warning) for warning in report.warnings]
    notes = (*(figures.noise_text(noise) for noise in report.judge_noise), *report.notes)
    lines += [line((("     " if place else "note ") + note, "muted")) for place, note in enumerate(notes)]
    return lines


def asks_for_judges(report: ExperimentReport) -> bool:
    """Whether a warning names the command that asks judges about stored outputs."""
    return any("`llmexp-tui judge " in warning for warning in report.warnings)


def _facts(metric: MetricResult) -> Line:
    unit = figures.unit_of_change(metric)
    parts = [
        f"p {figures.p_text(metric.p_value)}",
        f"margin {figures.margin_text(metric)}",
        figures.floor_text(metric),
        f"{count(metric.n_pairs)} rows",
    ]
    if metric.n_dropped:
        parts.append(f"{metric.n_dropped} dropped")
    if metric.mde is not None:
        parts.append(f"would find {figures.difference(metric, metric.mde)}{unit}")
    return line((" · ".join(parts), "muted"))


def trade_off(report: ExperimentReport) -> list[Line]:
    """Each candidate's quality against what it costs in money and time, one line a candidate."""
    lines: list[Line] = []
    for name in candidates(report):
        own = metrics_of(report, name)
        quality = next((m for m in own if m.metric not in figures.CALL_METRICS), None)
        prices = [m for m in own if m.metric in ("cost", "latency") and m.statistic == "mean"]
        if quality is None or not prices:
            continue
        spans: list[tuple[str, str]] = [(f"{name}  ", "strong"), (f"{quality.metric} {figures.change(quality)}", "")]
        spans += [(f" · {m.metric} {figures.change(m)}", "muted") for m in prices]
        lines.append(line(*spans))
    return lines

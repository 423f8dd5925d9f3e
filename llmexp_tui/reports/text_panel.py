"""The results panel as plain text at 80 columns: the answer first, then how far it can be trusted, then figures.

The same order and sentences as the app's panel. It returns text; who writes it decides about colour.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from llmexp_tui.domain.text import one_line
from llmexp_tui.reports import figures
from llmexp_tui.reports.by_slice import shown_slices, slice_mark, slice_metric, slice_name, slices_note
from llmexp_tui.reports.explain import details, explain
from llmexp_tui.reports.record import ArmReport, ExperimentReport
from llmexp_tui.stats.result import Comparison, MetricResult

WIDTH = 80
_COLUMNS = (1, 20, 37, 53, 69)
_SLICE_COLUMNS = (1, 24, 33, 50, 66)


def experiment_panel(report: ExperimentReport) -> str:
    """One experiment's result as text, without a line end."""
    badge = figures.status_badge(report.status, has_gates=report.has_gates)
    lines = [_edges(f" {one_line(report.name, 40)}", str(badge))]
    lines += _wrapped(_subject(report))
    lines += _wrapped(_integrity(report))
    lines += _bullets("why: ", report.reasons)
    lines += _bullets("warning: ", report.warnings)
    lines += metric_lines(report.metrics)
    lines += _slice_lines(report)
    notes = _bullets("", [*(figures.noise_text(noise) for noise in report.judge_noise), *report.notes])
    lines += ["", *notes] if notes else []
    return "\n".join(lines)


def comparison_panel(comparison: Comparison) -> str:
    """A comparison of a table of scores as text, without a line end."""
    badge = figures.status_badge(comparison.status)
    return "\n".join(
        [_edges(" scores", str(badge)), *_bullets("why: ", comparison.reasons), *metric_lines(comparison.metrics)]
    )


def metric_lines(metrics: Sequence[MetricResult]) -> list[str]:
    """The figures of every candidate: what is registered, then what is exploratory, then the sentences."""
    lines: list[str] = []
    for candidate in dict.fromkeys(metric.candidate for metric in metrics):
        own = [metric for metric in metrics if metric.candidate == candidate]
        registered = [metric for metric in own if metric.registered]
        exploratory = [metric for metric in own if not metric.registered]
        for title, part in (("Registered", registered), ("Exploratory", exploratory)):
            if part:
                lines += ["", f" {title} · {one_line(candidate, 40)}", *(_figures(metric) for metric in part)]
        for metric in registered or own:
            lines += ["", *_wrapped(" ".join(explain(metric))), *_bullets("", details(metric))]
    return lines


def _figures(metric: MetricResult) -> str:
    badge = figures.verdict_badge(metric)
    cells = (
        one_line(figures.metric_title(metric), 40),
        figures.arm_values(metric),
        figures.change(metric),
        str(badge) if metric.registered or metric.invalid else f"· {badge.word}",
        figures.floor_text(metric),
    )
    return _aligned(cells, _COLUMNS)


def _aligned(cells: Sequence[str], columns: Sequence[int]) -> str:
    line = ""
    for start, cell in zip(columns, cells, strict=True):
        # A cell that is too long moves its neighbours on and is never cut: half a number is a wrong number.
        line = line.ljust(start) if len(line) < start else line + " "
        line += cell
    return line


def _slice_lines(report: ExperimentReport) -> list[str]:
    """The slices of what the experiment is about, a line each, and what looking at so many means."""
    shown = shown_slices(report)
    if not shown:
        return []
    lines: list[str] = []
    title = ""
    for metric in shown:
        heading = f" By slice, exploratory · {one_line(metric.candidate, 40)} · {slice_metric(metric)}"
        if heading != title:
            lines += ["", heading]
            title = heading
        cells = (
            slice_name(metric), f"{metric.n_pairs:,} rows", figures.arm_values(metric), figures.change(metric),
            slice_mark(metric),
        )  # fmt: skip
        lines.append(_aligned(cells, _SLICE_COLUMNS))
    return [*lines, "", *_wrapped(slices_note(shown))]


def _subject(report: ExperimentReport) -> str:
    candidates = ", ".join(arm.variant for arm in report.candidates)
    arms = f"{candidates} against {report.baseline.variant}" if report.baseline and candidates else ""
    dataset = f"{report.dataset.name} {report.dataset.version}" if report.dataset else ""
    registration = f"registered {report.registration.removeprefix('sha256:')[:12]}" if report.registration else ""
    axis = f"{report.axis} axis" + (" (confounded)" if report.confounded else "")
    return " · ".join(part for part in (report.question, arms, axis, dataset, registration) if part)


def _integrity(report: ExperimentReport) -> str:
    """How much of what was asked came back, and what it cost: before any figure."""
    arms = [arm for arm in (report.baseline, *report.candidates) if arm is not None]
    parts = [_answered(arm) for arm in arms]
    registered = [metric for metric in report.metrics if metric.registered]
    dropped = max((metric.n_dropped for metric in registered), default=0)
    if dropped:
        parts.append(f"{dropped} pairs lost")
    states = {metric.noise_floor_state for metric in registered or report.metrics}
    for state in ("invalid", "unmeasured", "measured", "deterministic"):
        if state in states:
            parts.append(f"noise floor {state}")
            break
    parts.append(f"{report.calls} calls made, {report.calls_saved} saved")
    parts.append(figures.spent_text(report.cost_usd))
    return " · ".join(parts)


def _answered(arm: ArmReport) -> str:
    unscored = sum(count for _, count in arm.unscored)
    judged = figures.judging_text(arm.judges, arm.judge_cost_usd)
    parts = (figures.totals_text(arm.totals), judged, f"{unscored:,} not scored" if unscored else "")
    return f"{arm.variant}: {', '.join(part for part in parts if part)}"


def _edges(left: str, right: str) -> str:
    return left + " " * max(WIDTH - len(left) - len(right), 1) + right


def _wrapped(text: str, indent: str = " ", later: str = " ") -> list[str]:
    return textwrap.wrap(
        one_line(text, 2000),
        WIDTH,
        initial_indent=indent,
        subsequent_indent=later,
        break_long_words=True,
        break_on_hyphens=False,
    )


def _bullets(label: str, texts: Iterable[str]) -> list[str]:
    return [line for text in texts for line in _wrapped(f"{label}{text}", " - ", "   ")]

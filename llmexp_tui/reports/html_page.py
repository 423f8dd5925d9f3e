"""The report as one HTML page that needs nothing else: verdicts, intervals drawn to scale, and the rows that changed.

No script, no address, no font from elsewhere; a content policy in the page holds it to that. Foreign text is
neutralised and escaped, and stands in elements only, never in an attribute.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

from llmexp_tui.domain.hashing import shown_hash
from llmexp_tui.domain.text import neutralise, one_line
from llmexp_tui.reports import figures
from llmexp_tui.reports.by_slice import shown_slices, slice_mark, slice_metric, slice_name, slices_note
from llmexp_tui.reports.explain import details, explain
from llmexp_tui.reports.record import ArmReport, CheckReport, ExperimentReport, RowDifference
from llmexp_tui.reports.words import Piece, diff_texts
from llmexp_tui.stats.result import MetricResult, is_small

_TEXT_LIMIT = 8_000
_ROWS_OPEN = 10
_PLOT_WIDTH, _PLOT_HEIGHT = 180, 18
_STYLE = """
:root { color-scheme: light dark; --line: #8884; --good: #1a7f37; --bad: #cf222e; --warn: #9a6700; --soft: #8882; }
@media (prefers-color-scheme: dark) { :root { --good: #3fb950; --bad: #f85149; --warn: #d29922; } }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 76rem; margin: 2rem auto; padding: 0 1rem; }
h1, h2 { line-height: 1.2; } h2 { margin-top: 2.5rem; border-top: 1px solid var(--line); padding-top: 1rem; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0; } .wide { overflow-x: auto; }
th, td { text-align: left; padding: .3rem .5rem; border-bottom: 1px solid var(--line); white-space: nowrap; }
.good { color: var(--good); } .bad { color: var(--bad); } .warn { color: var(--warn); } .muted { opacity: .7; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 1rem; } .row { margin: 1.5rem 0; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; background: var(--soft); padding: .6rem; margin: .3rem 0; }
del, ins { text-decoration: none; border-radius: .2rem; }
del { background: #cf222e44; outline: 1px solid #cf222e88; }
ins { background: #1a7f3744; outline: 1px solid #1a7f3788; }
svg { display: block; } code { overflow-wrap: anywhere; }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_TONES = {"✓": "good", "✗": "bad", "?": "warn", "!": "warn"}


def check_html(report: CheckReport) -> str:
    """The whole check as one page."""
    badge = figures.status_badge(report.status)
    body = "".join(_experiment(experiment) for experiment in report.experiments)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>llmexp-tui: {badge.word.lower()}</title><style>{_STYLE}</style></head>\n"
        f"<body><h1>{_badge(badge)}</h1>\n{body}</body></html>\n"
    )


def _experiment(experiment: ExperimentReport) -> str:
    badge = figures.status_badge(experiment.status, has_gates=experiment.has_gates)
    parts = [f"<h2>{_badge(badge)} · {_text(experiment.name)}</h2>"]
    if experiment.question:
        parts.append(f"<p>{_text(experiment.question)}</p>")
    notes = (*(figures.noise_text(noise) for noise in experiment.judge_noise), *experiment.notes)
    parts.append(_list("warn", (*experiment.reasons, *experiment.warnings)) + _list("muted", notes))
    for registered, title in ((True, "Registered"), (False, "Exploratory: not registered, gates nothing")):
        metrics = [metric for metric in experiment.metrics if metric.registered is registered]
        if metrics:
            parts.append(f"<h3>{title}</h3>{_table(metrics)}")
        if registered:
            parts += [f"<p>{_text(' '.join(explain(m)))}</p>{_list('muted', details(m))}" for m in metrics]
    if shown := shown_slices(experiment):
        parts.append(_slices(shown))
    if experiment.worst_rows:
        parts.append(_worst_rows(experiment))
    parts.append(_run_facts(experiment))
    return "\n".join(parts)


def _table(metrics: Sequence[MetricResult]) -> str:
    head = "".join(
        f"<th>{title}</th>"
        for title in ("candidate", "metric", "baseline → candidate", "change", "", "margin", "verdict", "noise floor")
    )
    rows = "".join(_figures(metric) for metric in metrics)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def _figures(metric: MetricResult) -> str:
    cells = (
        _text(metric.candidate),
        _text(figures.metric_title(metric)),
        _text(figures.arm_values(metric)),
        _text(figures.change(metric)),
        _plot(metric),
        _text(figures.margin_text(metric)) if metric.registered else "",
        _badge(figures.verdict_badge(metric)),
        _text(figures.floor_text(metric)),
    )
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _slices(shown: Sequence[MetricResult]) -> str:
    titles = ("slice", "candidate", "metric", "rows", "baseline → candidate", "change", "", "chance")
    head = "".join(f"<th>{title}</th>" for title in titles)
    rows = "".join(_slice(metric) for metric in shown)
    table = f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
    title = "<h3>By slice: exploratory, gates nothing</h3>"
    return f"{title}<p>{_text(slices_note(shown))}</p>{table}"


def _slice(metric: MetricResult) -> str:
    cells = (
        _text(slice_name(metric)), _text(metric.candidate), _text(slice_metric(metric)), f"{metric.n_pairs:,}",
        _text(figures.arm_values(metric)), _text(figures.change(metric)), _plot(metric), _text(slice_mark(metric)),
    )  # fmt: skip
    tone = ' class="muted"' if is_small(metric) else ""
    return f"<tr{tone}>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _plot(metric: MetricResult) -> str:
    """The interval, the estimate, the floor around zero and the margin, on one scale symmetric about zero."""
    low, high, delta = metric.ci_low, metric.ci_high, metric.delta
    if low is None or high is None or delta is None:
        return ""
    floor = metric.noise_floor or 0.0
    margin = (metric.margin or 0.0) * (-1 if metric.direction == "higher" else 1)
    reach = 1.1 * max(abs(low), abs(high), floor, abs(margin)) or 1.0

    def x(value: float) -> str:
        return f"{_PLOT_WIDTH / 2 * (1 + value / reach):.1f}"

    middle = _PLOT_HEIGHT // 2
    shapes = [
        f'<rect x="{x(-floor)}" y="3" width="{_PLOT_WIDTH * floor / reach:.1f}" height="12" fill="#8883"/>',
        f'<path d="M{x(0)} 1V17" stroke="currentColor" stroke-opacity=".4"/>',
        f'<path d="M{x(low)} {middle}H{x(high)}" stroke="currentColor" stroke-width="2"/>',
        f'<circle cx="{x(delta)}" cy="{middle}" r="4" fill="currentColor"/>',
    ]
    if metric.registered and margin:
        shapes.append(f'<path d="M{x(margin)} 1V17" stroke="#cf222e" stroke-dasharray="3 2"/>')
    return f'<svg width="{_PLOT_WIDTH}" height="{_PLOT_HEIGHT}" role="img">{"".join(shapes)}</svg>'


def _worst_rows(experiment: ExperimentReport) -> str:
    rows = [_row(row) for row in experiment.worst_rows]
    first, more = "".join(rows[:_ROWS_OPEN]), "".join(rows[_ROWS_OPEN:])
    if more:
        more = f"<details><summary>{len(rows) - _ROWS_OPEN:,} more rows</summary>{more}</details>"
    unshown = experiment.unshown_rows
    note = f'<p class="muted">{unshown:,} more rows got worse</p>' if unshown else ""
    return f"<h3>Rows that got worse</h3>{first}{more}{note}"


def _row(row: RowDifference) -> str:
    scores = f"{figures.number(row.baseline_score)} → {figures.number(row.candidate_score)}"
    expected = "" if row.expected is None else f" · expected <code>{_text(one_line(row.expected))}</code>"
    diff = diff_texts(row.baseline_text[:_TEXT_LIMIT], row.candidate_text[:_TEXT_LIMIT])
    left = "\n".join(_pieces(pair.left, "del") for pair in diff.pairs if pair.left is not None)
    right = "\n".join(_pieces(pair.right, "ins") for pair in diff.pairs if pair.right is not None)
    return (
        f'<div class="row"><strong>{_text(row.row)}</strong> · {_text(row.candidate)} · {_text(row.metric)} '
        f"{_text(scores)}{expected}<pre>{_text(row.input[:_TEXT_LIMIT])}</pre>"
        f'<div class="pair"><div>baseline<pre>{left}</pre>{_cut(row.baseline_text)}</div>'
        f"<div>candidate<pre>{right}</pre>{_cut(row.candidate_text)}</div></div></div>"
    )


def _pieces(pieces: Iterable[Piece], tag: str) -> str:
    return "".join(f"<{tag}>{_text(p.text)}</{tag}>" if p.changed else _text(p.text) for p in pieces)


def _cut(text: str) -> str:
    missing = len(text) - _TEXT_LIMIT
    return f'<p class="muted">{missing:,} more characters</p>' if missing > 0 else ""


def _run_facts(experiment: ExperimentReport) -> str:
    facts = []
    if experiment.registration:
        facts.append(f"registration {shown_hash(experiment.registration)}")
    dataset = experiment.dataset
    if dataset is not None:
        facts.append(f"dataset {dataset.name} {dataset.version}, {dataset.rows:,} rows, {shown_hash(dataset.hash)}")
    facts += [_arm(arm) for arm in (experiment.baseline, *experiment.candidates) if arm is not None]
    spent = figures.spent_text(experiment.cost_usd)
    facts.append(f"{experiment.calls:,} calls made, {experiment.calls_saved:,} saved, {spent}")
    return "<h3>What was registered and run</h3>" + _list("muted", facts)


def _arm(arm: ArmReport) -> str:
    return f"{arm.variant}, run {', '.join(arm.runs or (arm.id,))}: {figures.totals_text(arm.totals)}"


def _list(tone: str, texts: Iterable[str]) -> str:
    items = "".join(f"<li>{_text(text)}</li>" for text in texts)
    return f'<ul class="{tone}">{items}</ul>' if items else ""


def _badge(badge: figures.Badge) -> str:
    return f'<span class="{_TONES.get(badge.glyph, "muted")}">{_text(str(badge))}</span>'


def _text(text: str) -> str:
    return html.escape(neutralise(text))

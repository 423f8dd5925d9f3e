"""The report as Markdown, from one writer for every place it is posted to.

The verdict and the gate's table come first, then the rows that got worse, then details, folded. A place has a
budget in bytes: what does not fit is left out row by row, never in the middle of one, and the text says how many.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from llmexp_tui.domain.hashing import shown_hash
from llmexp_tui.reports import figures
from llmexp_tui.reports.by_slice import shown_slices, slice_mark, slice_metric, slice_name, slices_note
from llmexp_tui.reports.explain import details, explain
from llmexp_tui.reports.foreign import md_code, md_fence, md_html, md_text
from llmexp_tui.reports.record import ArmReport, CheckReport, ExperimentReport, RowDifference
from llmexp_tui.stats.result import Comparison, MetricResult

Target = Literal["file", "summary", "comment", "note", "annotation"]
BUDGETS: dict[Target, int] = {
    "file": 20_000_000,
    "summary": 1_000_000,  # GitHub drops a step's summary above 1 MiB
    "comment": 60_000,  # GitHub refuses above 65,536 characters
    "note": 900_000,  # GitLab refuses above 1,000,000 characters
    "annotation": 1_000_000,  # Buildkite refuses above 1 MiB
}
"""The most bytes that each place takes, with some room for a marker."""

_TABLE = "| | metric | baseline → candidate | change | margin | verdict | noise floor |\n|-|-|-|-|-|-|-|\n"
_SLICE_TABLE = "| slice | candidate | metric | rows | baseline → candidate | change | chance |\n|-|-|-|-|-|-|-|\n"
_RESERVE = 200
_GATE_GLYPHS = {"pass": "✅", "fail": "❌", "inconclusive": "❔"}


@dataclass(frozen=True, slots=True)
class Section:
    """A piece of the report: `head` and `tail` stand or fall together, `items` are left out from the end.

    An `elastic` one takes the room that the others leave, wherever it stands.
    """

    head: str
    items: tuple[str, ...] = ()
    tail: str = ""
    noun: str = "rows"
    elastic: bool = False

    def fitted(self, budget: int) -> str:
        """The section in at most `budget` bytes, "" where not even its frame fits."""
        room = budget - _size(self.head) - _size(self.tail) - _RESERVE
        if room < 0:
            return ""
        kept: list[str] = []
        for item in self.items:
            room -= _size(item)
            if room < 0:
                break
            kept.append(item)
        left_out = len(self.items) - len(kept)
        note = f"\n{left_out} more {self.noun} left out for their size.\n" if left_out else ""
        return self.head + "".join(kept) + note + self.tail


def check_markdown(report: CheckReport, target: Target = "file", *, footer: str = "") -> str:
    """The whole check for one place. `footer` is our own Markdown (a link to the artifact); it always fits."""
    sections = [Section(_headline(report))]
    sections += [part for experiment in report.experiments for part in _verdict(experiment)]
    sections += [_worst_rows(experiment) for experiment in report.experiments if experiment.worst_rows]
    sections += [part for experiment in report.experiments for part in _details(experiment)]
    return _joined(sections, BUDGETS[target] - _size(footer)) + footer


def comparison_markdown(comparison: Comparison, target: Target = "file") -> str:
    """A comparison of a table of scores."""
    badge = figures.status_badge(comparison.status)
    reasons = "".join(f"- {md_text(reason)}\n" for reason in comparison.reasons)
    sections = [Section(f"### {badge}\n\n{reasons}"), *_tables(comparison.metrics)]
    return _joined(sections, BUDGETS[target])


def _joined(sections: Sequence[Section], budget: int) -> str:
    parts: list[str] = []
    left_out = 0
    for place, section in enumerate(sections):
        text = section.fitted(_room(sections[place:], budget) - _RESERVE)
        left_out += not text
        budget -= _size(text) + 1
        if text:
            parts.append(text)
    if left_out:
        parts.append(f"{left_out} more sections left out for their size.\n")
    return "\n".join(parts)


def _room(sections: Sequence[Section], budget: int) -> int:
    """The bytes that the first of the sections may take. Rows must not push out what was registered and run."""
    if not sections[0].elastic:
        return budget
    fixed = sum(_size(section.fitted(budget)) + 1 for section in sections if not section.elastic)
    return (budget - min(fixed + _RESERVE, budget // 2)) // sum(section.elastic for section in sections)


def _headline(report: CheckReport) -> str:
    badge = figures.status_badge(report.status)
    calls = sum(experiment.calls for experiment in report.experiments)
    saved = sum(experiment.calls_saved for experiment in report.experiments)
    costs = [experiment.cost_usd for experiment in report.experiments]
    spent = None if any(cost is None for cost in costs) else sum(cost for cost in costs if cost is not None)
    return (
        f"## {badge}\n\n{len(report.experiments)} experiment{'s' if len(report.experiments) != 1 else ''} · "
        f"{calls:,} calls made, {saved:,} saved · {figures.spent_text(spent)}\n"
    )


def _verdict(experiment: ExperimentReport) -> list[Section]:
    badge = figures.status_badge(experiment.status, has_gates=experiment.has_gates)
    lines = [f"### {badge} · {md_code(experiment.name)}", ""]
    if experiment.question:
        lines += [md_text(experiment.question), ""]
    lines += [f"- {md_text(reason)}" for reason in experiment.reasons]
    lines += [f"- ⚠️ {md_text(warning)}" for warning in experiment.warnings]
    lines += [f"- {md_text(note)}" for note in experiment.notes]
    if experiment.confounded:
        lines.append("- ⚠️ The variants may differ in several things: every verdict here is *confounded*.")
    gated = [metric for metric in experiment.metrics if metric.registered]
    return [Section("\n".join(lines) + "\n"), *_tables(gated)]


def _tables(metrics: Sequence[MetricResult]) -> list[Section]:
    """One table a candidate; its sentences follow."""
    sections = []
    for candidate in dict.fromkeys(metric.candidate for metric in metrics):
        own = [metric for metric in metrics if metric.candidate == candidate]
        sections.append(Section(f"{md_code(candidate)}\n\n{_TABLE}", tuple(map(_figures, own)), noun="metrics"))
        sections.append(Section("", tuple(map(_sentences, own))))
    return [section for section in sections if section.head or section.items]


def _sentences(metric: MetricResult) -> str:
    more = "".join(f"  - {md_text(sentence, 400)}\n" for sentence in details(metric))
    return f"- {md_text(' '.join(explain(metric)), 1200)}\n{more}"


def _figures(metric: MetricResult, lead: str = "") -> str:
    cells = (
        _GATE_GLYPHS.get(metric.gate or "", ""),
        f"{lead}{md_code(figures.metric_title(metric))}",
        figures.arm_values(metric),
        figures.change(metric),
        figures.margin_text(metric) if metric.registered else "",
        str(figures.verdict_badge(metric)),
        figures.floor_text(metric),
    )
    return "| " + " | ".join(cells) + " |\n"


def _worst_rows(experiment: ExperimentReport) -> Section:
    head = f"<details><summary>Rows that got worse in <code>{md_html(experiment.name)}</code></summary>\n\n"
    unshown = experiment.unshown_rows
    note = f"\n{unshown:,} more rows got worse.\n" if unshown else ""
    return Section(head, tuple(map(_row, experiment.worst_rows)), f"{note}\n</details>\n", elastic=True)


def _row(row: RowDifference) -> str:
    scores = f"{figures.number(row.baseline_score)} → {figures.number(row.candidate_score)}"
    expected = "" if row.expected is None else f" · expected {md_code(row.expected)}"
    return (
        f"\n**{md_code(row.row)}** · {md_code(row.candidate)} · {md_code(row.metric)} {scores}{expected}\n\n"
        f"{md_fence(row.input, 400)}\n\nbaseline\n\n{md_fence(row.baseline_text)}\n\n"
        f"candidate\n\n{md_fence(row.candidate_text)}\n"
    )


def _details(experiment: ExperimentReport) -> list[Section]:
    exploratory = [metric for metric in experiment.metrics if not metric.registered]
    sections = []
    if exploratory:
        title = f"Exploratory: not registered, gates nothing · <code>{md_html(experiment.name)}</code>"
        several = len({metric.candidate for metric in exploratory}) > 1
        items = tuple(_figures(m, f"{md_code(m.candidate)} · " if several else "") for m in exploratory)
        head = f"<details><summary>{title}</summary>\n\n{_TABLE}"
        sections.append(Section(head, items, "\n</details>\n", "metrics"))
    if shown := shown_slices(experiment):
        sections.append(_slices(experiment, shown))
    sections.append(Section(_registered(experiment)))
    return sections


def _slices(experiment: ExperimentReport, shown: Sequence[MetricResult]) -> Section:
    title = f"By slice: exploratory, gates nothing · <code>{md_html(experiment.name)}</code>"
    note = md_text(slices_note(shown), 400)
    head = f"<details><summary>{title}</summary>\n\n{note}\n\n{_SLICE_TABLE}"
    return Section(head, tuple(map(_slice, shown)), "\n</details>\n", "slices")


def _slice(metric: MetricResult) -> str:
    cells = (
        md_code(slice_name(metric)), md_code(metric.candidate), md_code(slice_metric(metric)), f"{metric.n_pairs:,}",
        figures.arm_values(metric), figures.change(metric), md_text(slice_mark(metric), 40),
    )  # fmt: skip
    return "| " + " | ".join(cells) + " |\n"


def _registered(experiment: ExperimentReport) -> str:
    lines = [f"<details><summary>What was registered and run · <code>{md_html(experiment.name)}</code></summary>", ""]
    if experiment.registration:
        lines.append(f"- registration `{shown_hash(experiment.registration)}`")
    dataset = experiment.dataset
    if dataset is not None:
        version = f"{md_code(dataset.name)} {md_code(dataset.version)}"
        lines.append(f"- dataset {version}, {dataset.rows:,} rows, `{shown_hash(dataset.hash)}`")
    if experiment.axis:
        lines.append(f"- axis {md_code(experiment.axis)}")
    arms = [arm for arm in (experiment.baseline, *experiment.candidates) if arm is not None]
    lines += [_arm(arm) for arm in arms]
    lines += [f"- {md_text(figures.noise_text(noise))}" for noise in experiment.judge_noise]
    return "\n".join([*lines, "", "</details>", ""])


def _arm(arm: ArmReport) -> str:
    judged = figures.judging_text(arm.judges, arm.judge_cost_usd)
    told = f"{figures.totals_text(arm.totals)}, {md_text(judged)}" if judged else figures.totals_text(arm.totals)
    lost = "".join(f", {count:,} not scored by {md_code(name)}" for name, count in arm.unscored)
    runs = ", ".join(map(md_code, arm.runs or (arm.id,)))
    return f"- {md_code(arm.variant)} (run {runs}): {told}{lost}"


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))

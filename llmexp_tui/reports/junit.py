"""The report as JUnit XML: a suite an experiment and candidate, a case a registered metric and one each of its rows.

A gate that failed is a failure, one that could not be decided a failure of its own type (the exit code says so too)
or skipped where the plan forgives it, one that cannot be judged or did not run an error. A row is a failure where it
got worse and its gate failed: a row that got worse under a gate that holds is no breach. A call that failed is an
error, a row without a score is skipped. What no gate names is left out: it must not turn a build red. Names are
unique, because some readers keep only the first of equals; what readers refuse for its size is left out from the good
end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree import ElementTree as xml

import numpy as np

from llmexp_tui.domain.text import one_line
from llmexp_tui.reports import figures
from llmexp_tui.reports.foreign import xml_text
from llmexp_tui.reports.record import CheckReport, ExperimentReport, RowDifference, RowScores
from llmexp_tui.stats.result import MetricResult

MAX_ELEMENTS = 200_000
MAX_BYTES = 24_000_000
"""For the rows of all suites together: GitLab reads at most 250,000 elements and 30 MB."""
_NAME_LIMIT = 200
_INDENT = 40
"""Bytes of white space that indenting adds to a row's case."""


def check_junit(report: CheckReport) -> str:
    """The whole check as an XML document in UTF-8."""
    root = xml.Element("testsuites", name="llmexp-tui")
    tables = max(sum(len(experiment.row_scores) for experiment in report.experiments), 1)
    for experiment in report.experiments:
        for candidate in _candidates(experiment):
            root.append(_suite(experiment, candidate, _Room(MAX_ELEMENTS // tables, MAX_BYTES // tables)))
    _count(root, list(root.iter("testcase")))
    xml.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + xml.tostring(root, encoding="unicode") + "\n"


def _candidates(experiment: ExperimentReport) -> list[str]:
    names = [arm.variant for arm in experiment.candidates] + [metric.candidate for metric in experiment.metrics]
    return list(dict.fromkeys(names)) or [""]


@dataclass(frozen=True, slots=True)
class _Room:
    """How much the rows of one metric and candidate may take."""

    elements: int
    size: int


def _suite(experiment: ExperimentReport, candidate: str, room: _Room) -> xml.Element:
    title = f"{experiment.name}.{candidate}" if candidate else experiment.name
    suite = xml.Element("testsuite", name=xml_text(title, _NAME_LIMIT))
    _properties(suite, experiment)
    metrics = [m for m in experiment.metrics if m.registered and m.candidate == candidate]
    used: dict[str, int] = {}
    for metric in metrics:
        _judge(_case(suite, title, _unique(figures.metric_title(metric), used)), metric)
    left_out = sum(_add_rows(suite, title, metric, experiment, used, room) for metric in metrics)
    if left_out:
        told = f"{left_out:,} rows for the size of this file, those that pass first"
        xml.SubElement(suite[0], "property", name="left out", value=told)
    if not metrics or (experiment.status in ("error", "invalid") and not suite.findall(".//error")):
        _whole(_case(suite, title, _unique("experiment", used)), experiment)
    _count(suite, suite.findall("testcase"))
    return suite


def _properties(suite: xml.Element, experiment: ExperimentReport) -> None:
    properties = xml.SubElement(suite, "properties")
    dataset = experiment.dataset
    for name, value in (
        ("status", experiment.status),
        ("question", experiment.question),
        ("registration", experiment.registration),
        ("dataset", f"{dataset.name} {dataset.version}" if dataset else ""),
        *(("warning", warning) for warning in experiment.warnings),
    ):
        if value:
            xml.SubElement(properties, "property", name=name, value=xml_text(value))


def _case(suite: xml.Element, classname: str, name: str) -> xml.Element:
    """A case of a name that `_unique` made."""
    # The time of a metric is not a time of its own: the calls serve all of them.
    attributes = {"classname": xml_text(classname, _NAME_LIMIT), "name": name, "time": "0"}
    return xml.SubElement(suite, "testcase", attributes)


def _judge(case: xml.Element, metric: MetricResult) -> None:
    text = (
        f"{figures.arm_values(metric)}, change {figures.change(metric)}, margin {figures.margin_text(metric)}, "
        f"{figures.floor_text(metric)}, {metric.n_pairs} pairs, p {figures.p_text(metric.p_value)}. {metric.reason}"
    )
    message = str(figures.verdict_badge(metric))
    if metric.gate == "fail":
        _add(case, "failure", "regressed", message, text)
    elif metric.invalid:
        _add(case, "error", "invalid", message, text)
    elif metric.gate == "inconclusive":
        forgiven = metric.on_inconclusive == "pass"
        _add(case, "skipped" if forgiven else "failure", "inconclusive", message, text)
    else:
        xml.SubElement(case, "system-out").text = xml_text(f"{message}: {text}")


def _whole(case: xml.Element, experiment: ExperimentReport) -> None:
    """What the experiment as a whole came to, where no metric says it."""
    reasons = " ".join(experiment.reasons)
    if experiment.status in ("error", "invalid"):
        _add(case, "error", experiment.status, reasons or experiment.status, reasons)
    elif experiment.status != "pass":
        _add(case, "failure", experiment.status, reasons or experiment.status, reasons)


def _add_rows(
    suite: xml.Element,
    title: str,
    metric: MetricResult,
    experiment: ExperimentReport,
    used: dict[str, int],
    room: _Room,
) -> int:
    """A case for each row of the metric, failures first; how many did not fit."""
    wanted = (metric.candidate, metric.metric, metric.slice)
    scores = next((s for s in experiment.row_scores if (s.candidate, s.metric, s.slice) == wanted), None)
    if scores is None or metric.statistic != "mean":
        return 0
    worst = {row.row: row for row in experiment.worst_rows if (row.candidate, row.metric) == wanted[:2]}
    elements, size, shown = 0, 0, 0
    for place, case in _row_cases(suite, title, metric, scores, worst, used):
        elements += 1 + len(case)
        size += len(xml.tostring(case)) + _INDENT
        if elements > room.elements or size > room.size:
            suite.remove(case)
            break
        shown = place + 1
    return len(scores.labels) - shown


def _row_cases(
    suite: xml.Element,
    title: str,
    metric: MetricResult,
    scores: RowScores,
    worst: dict[str, RowDifference],
    used: dict[str, int],
) -> Iterator[tuple[int, xml.Element]]:
    unscored = ~np.isfinite(scores.baseline) | ~np.isfinite(scores.candidate_scores)
    breach = scores.worse & (metric.gate == "fail")
    rank = np.select([breach, scores.failed, unscored], [0, 1, 2], 3)
    for place, code in enumerate(np.argsort(rank, kind="stable")):
        label = scores.labels[code]
        case = _case(suite, title, _unique(f"{figures.metric_title(metric)}: {label}", used))
        change = f"{_score(scores.baseline[code])} → {_score(scores.candidate_scores[code])}"
        if breach[code]:
            _add(case, "failure", "worse", change, _answers(worst.get(label)) or change)
        elif scores.failed[code]:
            reason = scores.errors.get(label, "the call failed")
            _add(case, "error", "call", reason, reason)
        elif unscored[code]:
            _add(case, "skipped", "", "no score", "")
        elif scores.worse[code]:
            xml.SubElement(case, "system-out").text = change
        yield place, case


def _score(value: float) -> str:
    return figures.number(float(value) if np.isfinite(value) else None)


def _answers(row: RowDifference | None) -> str:
    if row is None:
        return ""
    scores = f"{figures.number(row.baseline_score)} → {figures.number(row.candidate_score)}"
    return f"{scores}\nbaseline: {row.baseline_text[:1000]}\ncandidate: {row.candidate_text[:1000]}"


def _add(case: xml.Element, tag: str, kind: str, message: str, text: str) -> None:
    attributes = {"message": xml_text(message, 500)}
    if tag != "skipped":
        attributes["type"] = kind
    xml.SubElement(case, tag, attributes).text = xml_text(text)


def _unique(name: str, used: dict[str, int]) -> str:
    """The name as it is shown, numbered where it was used before. `used` counts, so that many equals cost no more."""
    base = shown = xml_text(one_line(name, _NAME_LIMIT))
    while shown in used:
        used[base] += 1
        shown = f"{base} {used[base]}"
    used[shown] = 1
    return shown


def _count(element: xml.Element, cases: list[xml.Element]) -> None:
    element.set("tests", str(len(cases)))
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        element.set(attribute, str(sum(case.find(tag) is not None for case in cases)))
    element.set("time", "0")

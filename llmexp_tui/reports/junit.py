"""The report as JUnit XML: a suite an experiment and candidate, a case a registered metric.

A gate that failed is a failure, one that could not be decided a failure of its own type (the exit code says so too)
or skipped where the plan forgives it, one that cannot be judged or did not run an error. What no gate names is left
out: it must not turn a build red. Names are unique, because some readers keep only the first of equals.
"""

from __future__ import annotations

from xml.etree import ElementTree as xml

from llmexp_tui.reports import figures
from llmexp_tui.reports.foreign import xml_text
from llmexp_tui.reports.record import CheckReport, ExperimentReport, RowDifference
from llmexp_tui.stats.result import MetricResult

_NAME_LIMIT = 200
_ROWS = 20


def check_junit(report: CheckReport) -> str:
    """The whole check as an XML document in UTF-8."""
    root = xml.Element("testsuites", name="llmexp-tui")
    for experiment in report.experiments:
        for candidate in _candidates(experiment):
            root.append(_suite(experiment, candidate))
    _count(root, list(root.iter("testcase")))
    xml.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + xml.tostring(root, encoding="unicode") + "\n"


def _candidates(experiment: ExperimentReport) -> list[str]:
    names = [arm.variant for arm in experiment.candidates] + [metric.candidate for metric in experiment.metrics]
    return list(dict.fromkeys(names)) or [""]


def _suite(experiment: ExperimentReport, candidate: str) -> xml.Element:
    title = f"{experiment.name}.{candidate}" if candidate else experiment.name
    suite = xml.Element("testsuite", name=xml_text(title, _NAME_LIMIT))
    _properties(suite, experiment)
    metrics = [m for m in experiment.metrics if m.registered and m.candidate == candidate]
    used: set[str] = set()
    for metric in metrics:
        case = _case(suite, title, _unique(figures.metric_title(metric), used))
        _judge(case, metric, experiment)
        _attach_rows(
            case, [row for row in experiment.worst_rows if (row.candidate, row.metric) == (candidate, metric.metric)]
        )
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
    # The time of a metric is not a time of its own: the calls serve all of them.
    attributes = {"classname": xml_text(classname, _NAME_LIMIT), "name": xml_text(name, _NAME_LIMIT), "time": "0"}
    return xml.SubElement(suite, "testcase", attributes)


def _judge(case: xml.Element, metric: MetricResult, experiment: ExperimentReport) -> None:
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


def _attach_rows(case: xml.Element, rows: list[RowDifference]) -> None:
    if not rows or case.find("failure") is None:
        return
    lines = [
        f"{row.row}: {figures.number(row.baseline_score)} → {figures.number(row.candidate_score)}\n"
        f"  baseline: {row.baseline_text[:300]}\n  candidate: {row.candidate_text[:300]}"
        for row in rows[:_ROWS]
    ]
    xml.SubElement(case, "system-out").text = xml_text("\n".join(lines), 20_000)


def _add(case: xml.Element, tag: str, kind: str, message: str, text: str) -> None:
    attributes = {"message": xml_text(message, 500)}
    if tag != "skipped":
        attributes["type"] = kind
    xml.SubElement(case, tag, attributes).text = xml_text(text)


def _unique(name: str, used: set[str]) -> str:
    shown, number = name, 1
    while shown in used:
        number += 1
        shown = f"{name} {number}"
    used.add(shown)
    return shown


def _count(element: xml.Element, cases: list[xml.Element]) -> None:
    element.set("tests", str(len(cases)))
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        element.set(attribute, str(sum(case.find(tag) is not None for case in cases)))
    element.set("time", "0")

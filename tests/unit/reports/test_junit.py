"""The JUnit report: failures, errors and skips where readers look for them, unique names, legal XML."""

from xml.etree import ElementTree as xml

from llmexp_tui.reports.junit import check_junit
from tests.unit.reports.build import check, experiment, hostile_check, latency, metric


def parsed(report):
    return xml.fromstring(check_junit(report).encode())


def outcomes(report):
    return {
        case.get("name"): [child.tag for child in case if child.tag != "system-out"]
        for case in parsed(report).iter("testcase")
    }


def test_a_passing_gate_is_a_passing_case_and_exploration_no_case_at_all():
    assert outcomes(check()) == {"exact_match": [], "latency (typical)": []}


def test_a_failed_gate_is_a_failure_with_its_rows():
    failed = experiment(status="fail", metrics=(metric(gate="fail", verdict="regressed"), latency()))
    assert outcomes(check(failed)) == {"exact_match": ["failure"], "latency (typical)": []}
    (suite,) = parsed(check(failed))
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("2", "1", "0")
    assert "r0147" in suite.find("testcase/system-out").text


def test_undecided_fails_unless_the_plan_forgives_it():
    undecided = metric(gate="inconclusive", verdict="inconclusive")
    assert outcomes(check(experiment(status="inconclusive", metrics=(undecided,)))) == {"exact_match": ["failure"]}
    forgiven = metric(gate="inconclusive", verdict="inconclusive", on_inconclusive="pass")
    assert outcomes(check(experiment(metrics=(forgiven,)))) == {"exact_match": ["skipped"]}


def test_what_did_not_run_is_an_error():
    broken = experiment(status="error", metrics=(), reasons=("the provider refused",))
    assert outcomes(check(broken)) == {"experiment": ["error"]}
    assert parsed(check(broken)).find(".//error").get("message") == "the provider refused"


def test_an_invalid_experiment_is_red_even_where_its_metrics_pass():
    assert outcomes(check(experiment(status="invalid", reasons=("changed after its run",))))["experiment"] == [
        "error"
    ]


def test_names_are_unique_within_a_suite():
    twice = experiment(metrics=(metric(), metric()))
    assert list(outcomes(check(twice))) == ["exact_match", "exact_match 2"]


def test_hostile_text_gives_legal_xml():
    root = parsed(hostile_check())
    assert root.get("failures") == "1"

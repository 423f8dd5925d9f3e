"""The JUnit report: failures, errors and skips where readers look for them, unique names, legal XML."""

from xml.etree import ElementTree as xml

import pytest

from llmexp_tui.reports import junit
from llmexp_tui.reports.junit import check_junit
from tests.unit.reports.build import check, experiment, hostile_check, latency, metric, row_scores


def parsed(report):
    return xml.fromstring(check_junit(report).encode())


def outcomes(report):
    return {
        case.get("name"): [child.tag for child in case if child.tag != "system-out"]
        for case in parsed(report).iter("testcase")
    }


def test_a_passing_gate_is_a_passing_case_and_exploration_no_case_at_all():
    assert outcomes(check()) == {"exact_match": [], "latency (typical)": []}


NAN = float("nan")
FAILED = metric(gate="fail", verdict="regressed")


def test_a_failed_gate_is_a_failure_and_so_is_each_row_that_got_worse():
    scores = row_scores([(1, 1), (0, 1), (1, 0), (1, NAN), (NAN, 1)], ["a", "b", "r0147", "d", "e"])
    failed = experiment(status="fail", metrics=(FAILED, latency()), row_scores=(scores,))
    assert outcomes(check(failed)) == {
        "exact_match": ["failure"], "latency (typical)": [], "exact_match: r0147": ["failure"],
        "exact_match: d": ["error"], "exact_match: e": ["skipped"], "exact_match: a": [], "exact_match: b": [],
    }  # fmt: skip
    (suite,) = parsed(check(failed))
    counts = [suite.get(name) for name in ("tests", "failures", "errors", "skipped")]
    assert counts == ["7", "2", "1", "1"]
    breach = suite.find("testcase[@name='exact_match: r0147']/failure")
    assert breach.get("message") == "1.00 → 0"
    assert "candidate: lost_or_stolen_card" in breach.text


@pytest.mark.parametrize("gate", ["pass", "inconclusive"])
def test_a_row_that_got_worse_under_a_gate_that_holds_is_no_breach(gate):
    holds = experiment(metrics=(metric(gate=gate),), row_scores=(row_scores([(1, 0)], ["a"]),))
    assert outcomes(check(holds))["exact_match: a"] == []
    assert parsed(check(holds)).find(".//testcase[@name='exact_match: a']/system-out").text == "1.00 → 0"


def test_a_call_that_failed_says_why():
    scores = row_scores([(1, NAN)], ["a"], errors={"a": "timeout \x1b[31m after 20 s"})
    error = parsed(check(experiment(row_scores=(scores,)))).find(".//error")
    assert error.get("message") == "timeout ␛[31m after 20 s"


def test_rows_of_a_slice_and_of_another_candidate_go_to_their_own_gate():
    sliced = metric(slice="channel=email")
    other = metric(candidate="tiny")
    tables = (
        row_scores([(1, 1)], ["all"]), row_scores([(1, 1)], ["mail"], slice="channel=email"),
        row_scores([(1, 1)], ["small"], candidate="tiny"),
    )  # fmt: skip
    suites = parsed(check(experiment(metrics=(metric(), sliced, other), row_scores=tables))).findall("testsuite")
    assert [[case.get("name") for case in suite.findall("testcase")] for suite in suites] == [
        ["exact_match", "exact_match (channel=email)", "exact_match: all", "exact_match (channel=email): mail"],
        ["exact_match", "exact_match: small"],
    ]


def test_equal_names_of_rows_stay_apart_and_cost_no_more():
    long = "x" * 300
    scores = row_scores([(1, 1)] * 2_000, [long] * 2_000)
    names = list(outcomes(check(experiment(row_scores=(scores,)))))
    assert len(names) == 2_002


def test_what_readers_refuse_for_its_size_is_left_out_from_the_good_end(monkeypatch):
    assert (junit.MAX_ELEMENTS, junit.MAX_BYTES) < (250_000, 30_000_000)
    monkeypatch.setattr(junit, "MAX_ELEMENTS", 2_000)
    rows = 1_500
    scores = row_scores([(1, 0)] * 5 + [(1, 1)] * rows, [f"row {n}" for n in range(rows + 5)])
    both = (scores, row_scores([(1, 1)] * rows, candidate="tiny"))
    report = check(experiment(status="fail", metrics=(FAILED, metric(candidate="tiny")), row_scores=both))
    root = parsed(report)
    assert 1_990 < len(list(root.iter())) < 2_050
    assert root.get("failures") == "6"
    told = [p.get("value") for p in root.iter("property") if p.get("name") == "left out"]
    assert told == [f"{n} rows for the size of this file, those that pass first" for n in ("510", "500")]


def test_long_answers_fill_no_file():
    scores = row_scores([(1, NAN)] * 8_000, errors={f"r{n:04d}": "e" * 4000 for n in range(8_000)})
    assert 20_000_000 < len(check_junit(check(experiment(row_scores=(scores,)))).encode()) < 30_000_000


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

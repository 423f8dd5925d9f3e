"""The JSON report keeps its promise: every name, numbers or null, ASCII."""

import json
import math

from llmexp_tui.domain.run import RunTotals
from llmexp_tui.reports.json import check_json, comparison_json, render
from llmexp_tui.reports.record import ArmReport
from llmexp_tui.stats.result import Comparison
from tests.unit.reports.build import check, experiment, hostile_check, metric

METRIC_NAMES = {
    "candidate", "metric", "statistic", "type", "registered", "n_pairs", "n_dropped", "clusters", "repeats",
    "baseline", "candidate_value", "delta", "ci_low", "ci_high", "ci90_low", "ci90_high", "p_value", "p_adjusted",
    "p_noninferiority", "margin", "noise_floor", "noise_floor_state", "mde", "rows_needed", "wins", "losses", "ties",
    "method", "seed", "verdict", "equivalent", "reason", "gate",
}  # fmt: skip


def document(report):
    return json.loads(render(check_json(report)))


def test_every_promised_name_is_there():
    found = document(check())
    assert set(found) == {"schema", "status", "exit_code", "experiments"}
    assert found["schema"] == "llmexp.check/1"
    one = found["experiments"][0]
    assert {"name", "status", "question", "axis", "registration", "dataset", "runs", "metrics"} <= set(one)
    assert one["registration"] == "sha256:" + "a" * 64
    assert one["dataset"] == {"name": "tickets", "version": "1.2.0", "hash": "sha256:" + "b" * 64, "rows": 200}
    assert one["runs"]["baseline"]["variant"] == "long"
    arm_names = {"id", "variant", "attempted", "completed", "errored", "cached", "cost_usd"}
    assert all(arm_names <= set(arm) for arm in (one["runs"]["baseline"], *one["runs"]["candidates"]))
    assert all(set(entry) >= METRIC_NAMES for entry in one["metrics"])


def test_unknown_numbers_are_null_and_never_nan():
    odd = metric(delta=math.nan, ci_low=-math.inf, ci_high=None, p_value=None, baseline=None)
    found = document(check(experiment(metrics=(odd,), cost_usd=None)))["experiments"][0]
    assert [found["metrics"][0][name] for name in ("delta", "ci_low", "ci_high", "p_value", "baseline")] == [None] * 5
    assert found["cost_usd"] is None
    assert found["runs"]["candidates"][0]["cost_usd"] is None


def test_a_known_cost_of_nothing_is_zero():
    arm = ArmReport("r", "v", RunTotals(1, 1, 0, 0, 0.0))
    found = document(check(experiment(baseline=arm)))["experiments"][0]
    assert found["runs"]["baseline"]["cost_usd"] == 0


def test_status_and_exit_code_go_together():
    codes = {"pass": 0, "fail": 1, "inconclusive": 3, "invalid": 3, "error": 4}
    for status, code in codes.items():
        found = document(check(experiment(status=status)))
        assert (found["status"], found["exit_code"]) == (status, code)


def test_the_worst_experiment_decides():
    statuses = ["pass", "inconclusive", "fail", "error"]
    found = document(check(*(experiment(status=status) for status in statuses)))
    assert (found["status"], found["exit_code"]) == ("error", 4)


def test_whole_repeats_are_whole_numbers():
    text = render(check_json(check(experiment(metrics=(metric(repeats=3.0), metric(repeats=2.5))))))
    assert '"repeats": 3,' in text
    assert '"repeats": 2.5,' in text


def test_an_experiment_that_never_started_has_nulls():
    bare = experiment(status="error", registration="", dataset=None, baseline=None, candidates=(), metrics=())
    found = document(check(bare))["experiments"][0]
    assert found["registration"] is None
    assert found["dataset"] is None
    assert found["runs"] == {"baseline": None, "candidates": []}


def test_the_document_is_ascii_whatever_is_in_it():
    assert render(check_json(hostile_check())).isascii()


def test_a_table_of_scores_has_status_and_metrics():
    found = comparison_json(Comparison("inconclusive", (metric(),), ("too few rows",)))
    assert found["status"] == "inconclusive"
    assert set(found["metrics"][0]) >= METRIC_NAMES

"""Planned looks: when a check stops before its last row, and that it says the same when asked again."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from llmexp_tui.domain.run import RunStatus
from llmexp_tui.errors import ConfigError, UsageError
from llmexp_tui.project.scaffold import copy_sample
from llmexp_tui.reports.plan_panel import plan_panel
from llmexp_tui.reports.record import ExperimentReport
from llmexp_tui.store import runs
from llmexp_tui.workflows.check import CheckOptions, check
from llmexp_tui.workflows.compare import compare_experiment
from llmexp_tui.workflows.plan import plan_experiment
from llmexp_tui.workflows.session import open_session


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    """The sample project, its better prompt gated on accuracy alone."""
    copy_sample(tmp_path / "sample")
    toml = tmp_path / "sample" / "llmexp.toml"
    head, _, _ = toml.read_text().partition("[[experiments.examples.gates]]")
    toml.write_text(f'{head}[[experiments.examples.gates]]\nmetric = "exact_match"\nmargin = 0.1\n')
    return tmp_path / "sample"


def planned(folder: Path, plan: str) -> None:
    with (folder / "llmexp.toml").open("a") as toml:
        toml.write(f"\n[experiments.examples.plan]\n{plan}\n")


def checked(folder: Path) -> tuple[ExperimentReport, set[RunStatus]]:
    with open_session(folder, env=os.environ) as session:
        report = asyncio.run(check(session, CheckOptions()))
        return report.experiments[0], {run.status for run in runs.find_runs(session.store)}


@pytest.mark.parametrize("plan", ["early_stop = true", "anytime = true"])
def test_a_clear_answer_ends_the_run_early_and_stands(sample: Path, plan: str) -> None:
    planned(sample, plan)
    report, statuses = checked(sample)
    assert (report.status, statuses) == ("pass", {RunStatus.STOPPED_EARLY})
    assert 0 < report.calls < 3 * 400
    assert report.calls + report.calls_saved == 3 * 400
    (note,) = (note for note in report.notes if "saved" in note)
    assert f"the early stop saved {report.calls_saved:,} calls, about $0.0" in note
    again, _ = checked(sample)
    assert (again.status, again.calls) == ("pass", 0)
    assert again.metrics == report.metrics


@pytest.mark.parametrize("plan", ["early_stop = true\nanytime = true", "early_stop = true\nruns = 3"])
def test_alpha_is_spent_in_one_way_only(sample: Path, plan: str) -> None:
    planned(sample, plan)
    with pytest.raises(ConfigError, match="choose one"):
        checked(sample)


def test_a_clear_first_run_spares_the_other_two(sample: Path) -> None:
    planned(sample, "runs = 3")
    report, _ = checked(sample)
    assert (report.status, report.calls, report.calls_saved) == ("pass", 1200, 1600)
    assert any("1,600 more calls, about $" in note for note in report.notes)
    again, _ = checked(sample)
    assert (again.calls, again.calls_saved, len(again.candidates[0].runs)) == (0, 0, 1)


def test_compare_says_what_a_check_of_three_runs_said(sample: Path) -> None:
    toml = sample / "llmexp.toml"
    toml.write_text(toml.read_text().replace("margin = 0.1", 'margin = 0.001\nrole = "must_improve"').replace(
        'prompt = "eight"', 'prompt = "reworded"'
    ))
    planned(sample, "runs = 3")
    report, _ = checked(sample)
    metric = next(m for m in report.metrics if m.metric == "exact_match")
    assert len(report.candidates[0].runs) == 3
    assert report.candidates[0].totals.attempted == 3 * report.dataset.rows, "all runs stand in the report"
    with open_session(sample, env=os.environ) as session:
        again = compare_experiment(session, "examples")
    same = next(m for m in again.metrics if m.metric == "exact_match")
    assert (same.delta, same.ci_low, same.verdict) == (metric.delta, metric.ci_low, metric.verdict)


def test_what_has_no_bounds_cannot_be_watched_at_any_time(sample: Path) -> None:
    with (sample / "llmexp.toml").open("a") as toml:
        toml.write('\n[[experiments.examples.gates]]\nmetric = "latency"\nmargin = "300%"\n')
    planned(sample, "anytime = true")
    with pytest.raises(ConfigError, match="latency has none"):
        checked(sample)


@pytest.mark.parametrize("asked", [{"effect": 0.0}, {"effect": -1.0}, {"effect": float("nan")},
                                   {"power": 1.0}, {"power": 1.5}, {"power": float("nan")}])  # fmt: skip
def test_a_wish_without_sense_is_refused(sample: Path, asked: dict[str, float]) -> None:
    with open_session(sample, env=os.environ) as session, pytest.raises(UsageError, match=r"effect|power"):
        plan_experiment(session, "examples", **asked)


def test_a_plan_counts_the_rows_that_will_be_timed_beside_a_stored_baseline(sample: Path) -> None:
    with (sample / "llmexp.toml").open("a") as toml:
        toml.write('\n[[experiments.examples.gates]]\nmetric = "latency"\nmargin = "300%"\n')

    def rows() -> dict[str, int]:
        with open_session(sample, env=os.environ) as session:
            return {gate.metric: gate.forecast.rows for gate in plan_experiment(session, "examples").gates}

    assert rows() == {"exact_match": 400, "latency": 400}
    checked(sample)
    assert rows() == {"exact_match": 400, "latency": 400}, "a check calls nothing, what was timed counts"
    with (sample / "prompts" / "eight-examples.md").open("a") as prompt:
        prompt.write("\nOne word.\n")
    assert rows() == {"exact_match": 400, "latency": 100}


def test_the_plan_as_text_keeps_to_eighty_columns_whatever_it_holds(sample: Path) -> None:
    with (sample / "llmexp.toml").open("a") as toml:
        toml.write('\n[[experiments.examples.gates]]\nmetric = "latency"\nstatistic = "p95"\nmargin = "300%"\n'
                   'slice = "size=medium"\n')  # fmt: skip
    planned(sample, "runs = 3")
    with open_session(sample, env=os.environ) as session:
        text = plan_panel(plan_experiment(session, "examples", effect=0.0123))
    assert "p95 size=medium" in text
    assert max(map(len, text.splitlines())) <= 80


def test_the_plan_promises_no_pass_to_an_equal_candidate_that_must_improve(sample: Path) -> None:
    toml = sample / "llmexp.toml"
    toml.write_text(toml.read_text().replace("margin = 0.1", 'margin = 0.001\nrole = "must_improve"'))
    with open_session(sample, env=os.environ) as session:
        plan = plan_experiment(session, "examples")
    assert plan.gates[0].forecast.power is None
    assert plan.warnings == (), "an improvement needs no margin, so that none can be too small for it"
    assert "it must improve: an equal candidate does not pass" in plan_panel(plan)


def test_the_plan_names_the_further_runs_and_gates_that_cannot_pass(sample: Path) -> None:
    with (sample / "llmexp.toml").open("a") as toml:
        toml.write('\n[[experiments.examples.gates]]\nmetric = "latency"\nstatistic = "p95"\nmargin = "300%"\n')
    rows = (sample / "datasets" / "messages.csv").read_text().splitlines(keepends=True)
    (sample / "datasets" / "messages.csv").write_text("".join(rows[:101]))
    planned(sample, "runs = 3")
    with open_session(sample, env=os.environ) as session:
        plan = plan_experiment(session, "examples")
    assert any("latency p95: 100 rows are too few" in warning for warning in plan.warnings)
    assert any("400 calls more" in warning for warning in plan.warnings)

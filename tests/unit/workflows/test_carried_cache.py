"""Answers and floors that a job takes from the one before: what is called again, what is looked at again."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from llmexp_tui.errors import StoreError
from llmexp_tui.reports.explain import explain
from llmexp_tui.reports.record import CheckReport
from llmexp_tui.stats.result import MetricResult
from llmexp_tui.workflows.check import CheckOptions, check
from llmexp_tui.workflows.compare import compare_experiment
from llmexp_tui.workflows.plan import plan_experiment
from llmexp_tui.workflows.run import RunOptions, run_experiment
from tests.fakes.judges import MODELS, PRICES, RUBRIC, grade, is_judge
from tests.fakes.model_server import ModelServer
from tests.fakes.projects import ProjectFolder, answering, arm_of

ROWS = 60
MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
GATE = {"metric": "exact_match", "margin": 0.2}
LATENCY = {"metric": "latency", "margin": "400%"}


class Jobs:
    """CI jobs: each has a checkout and a store of its own; all they share is the cache file."""

    def __init__(self, server: ModelServer, root: Path, **project: Any) -> None:
        self.server = server
        self.root = root
        self.project = {"rows": ROWS, "gates": [GATE], **project}
        self.count = 0
        if LATENCY in self.project["gates"]:  # what a busy machine adds must be small beside what is judged
            server.delay_s = 0.05

    def checkout(self, short: str = "short") -> ProjectFolder:
        """A new checkout, whose candidate's prompt begins with this word."""
        self.count += 1
        texts = {"long": "long {{ text }}", "short": f"{short} {{{{ text }}}}"}
        return ProjectFolder(self.root / f"job-{self.count}", self.server, variants=texts, **self.project)

    async def check(self, folder: ProjectFolder, *, days: float = 0.0, **options: Any) -> CheckReport:
        """A check so many days after Monday."""
        self.server.reset()
        with folder.session() as session:
            then = replace(session, now=lambda: MONDAY + timedelta(days=days))
            return await check(then, CheckOptions(cache=self.root / "answers.gz", **options))

    def called(self) -> Counter[str]:
        """Calls of the last job by the first word of the prompt."""
        return Counter(arm_of(request) for request in self.server.requests)


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer(answering()) as running:
        yield running


@pytest.fixture
def jobs(server: ModelServer, tmp_path: Path) -> Jobs:
    return Jobs(server, tmp_path)


def the(report: CheckReport, name: str = "exact_match") -> MetricResult:
    return next(m for m in report.experiments[0].metrics if m.metric == name)


def notes(report: CheckReport) -> str:
    return " ".join(report.experiments[0].notes)


async def test_the_same_again_elsewhere_calls_nothing_and_says_the_same(jobs: Jobs) -> None:
    first = await jobs.check(jobs.checkout())
    again = await jobs.check(jobs.checkout())
    assert not jobs.called()
    assert (again.status, again.experiments[0].calls, again.experiments[0].calls_saved) == ("pass", 0, 3 * ROWS)
    told = [(m.verdict, m.delta, m.ci_low, m.noise_floor, m.noise_floor_state) for m in (the(first), the(again))]
    assert told[0] == told[1]
    assert the(again).floor_source == "stored"


async def test_an_unchanged_baseline_is_not_called_again_nor_its_copy(jobs: Jobs) -> None:
    await jobs.check(jobs.checkout())
    report = await jobs.check(jobs.checkout("brief"), days=0.5)
    assert report.status == "pass", report.experiments[0].reasons
    assert jobs.called() == {"brief": ROWS}
    assert report.experiments[0].calls_saved == 2 * ROWS


async def test_a_second_experiment_on_the_same_arms_passes_again_elsewhere(jobs: Jobs) -> None:
    for calls in (3 * ROWS, 0):
        folder = jobs.checkout()
        folder.add_experiment("again", gates=[{**GATE, "margin": 0.25}])
        report = await jobs.check(folder)
        assert [e.status for e in report.experiments] == ["pass", "pass"], report.experiments[1].reasons
        assert sum(jobs.called().values()) == calls


async def test_judgements_that_the_file_brings_are_saved_calls_too(tmp_path: Path) -> None:
    with ModelServer(lambda request: json.dumps(grade()) if is_judge(request) else "yes") as server:
        gates = [{"metric": "tone", "margin": 0.2}]
        jobs = Jobs(server, tmp_path, gates=gates, scorers=[RUBRIC], models=MODELS, model=PRICES)
        first = await jobs.check(jobs.checkout())
        again = await jobs.check(jobs.checkout())
        assert (first.experiments[0].calls, server.count) == (6 * ROWS, 0)
    assert again.experiments[0].calls_saved == 5 * ROWS, "all but the judgements of the copy that is not made"
    assert f"{2 * ROWS} judgements came from the cache, which saved $" in notes(again)


async def test_answers_of_another_day_are_held_against_thirty_of_today(jobs: Jobs) -> None:
    first = await jobs.check(jobs.checkout())
    folder = jobs.checkout("brief")
    report = await jobs.check(folder, days=2)
    assert report.status == "pass", report.experiments[0].reasons
    assert jobs.called() == {"brief": ROWS, "long": 30}
    assert (the(report).floor_source, the(report).aa_rows) == ("sentinel", ROWS)
    assert the(report).noise_floor == the(first).noise_floor
    assert f"{ROWS} of the baseline's answers come from the cache" in notes(report)
    assert "30 further calls" in notes(report)
    effort = report.experiments[0]
    assert (effort.calls, effort.calls_saved) == (ROWS + 30, 2 * ROWS - 30), "without the file: all three arms"
    again = await jobs.check(folder, days=30)
    assert not jobs.called()
    assert again.experiments[0].metrics == report.experiments[0].metrics


async def test_a_model_that_has_changed_since_makes_the_check_invalid(jobs: Jobs, server: ModelServer) -> None:
    await jobs.check(jobs.checkout())
    server.answer = answering(lambda arm, item: item % 2 == 0)
    report = await jobs.check(jobs.checkout("brief"), days=2)
    assert (report.status, report.exit_code) == ("invalid", 3)
    assert "stored answers differ from those that it gives now" in the(report).reason
    fresh = await jobs.check(jobs.checkout("brief"), days=2, fresh=True)
    assert fresh.status != "invalid", fresh.experiments[0].reasons


async def test_a_sentinel_that_was_interrupted_is_finished(jobs: Jobs, server: ModelServer) -> None:
    await jobs.check(jobs.checkout())
    folder = jobs.checkout("brief")
    answer = server.answer
    seen = Counter[str]()

    def failing(request: Any) -> Any:
        seen[arm_of(request)] += 1
        return 401 if arm_of(request) == "long" and seen["long"] > 10 else answer(request)

    server.answer = failing
    assert (await jobs.check(folder, days=2)).status == "error"
    server.answer = answer
    report = await jobs.check(folder, days=2)
    assert report.status == "pass", report.experiments[0].reasons
    assert 0 < jobs.called()["long"] <= 30
    assert set(jobs.called()) == {"long"}


async def test_a_plan_knows_the_floors_that_the_file_brings(server: ModelServer, tmp_path: Path) -> None:
    jobs = Jobs(server, tmp_path, gates=[GATE, LATENCY])
    await jobs.check(jobs.checkout())
    with jobs.checkout("shorter").session() as session:
        then = replace(session, now=lambda: MONDAY)
        blind = plan_experiment(then, "tone")
        assert (blind.aa, [str(gate.forecast.basis) for gate in blind.gates]) == (True, ["assumed", "assumed"])
        seeing = plan_experiment(then, "tone", cache=tmp_path / "answers.gz")
    assert (seeing.aa, seeing.calls) == (False, 2 * ROWS)
    assert str(seeing.gates[1].forecast.basis) == "aa"


async def test_a_floor_that_is_too_old_is_measured_anew(jobs: Jobs) -> None:
    await jobs.check(jobs.checkout())
    report = await jobs.check(jobs.checkout("brief"), days=8)
    assert report.status == "pass", report.experiments[0].reasons
    assert jobs.called() == {"brief": ROWS, "long": ROWS}
    assert the(report).floor_source == "aa"
    await jobs.check(jobs.checkout("short and brief"), days=8.5)
    assert jobs.called() == {"short": ROWS, "long": 30}


async def test_answers_that_are_a_month_old_are_not_carried_further(jobs: Jobs) -> None:
    await jobs.check(jobs.checkout())
    await jobs.check(jobs.checkout("brief"), days=29)
    await jobs.check(jobs.checkout("terse"), days=31)
    assert jobs.called() == {"terse": ROWS, "long": 30}, "the job before carried the answers of the first day still"
    await jobs.check(jobs.checkout("brief"), days=32)
    assert jobs.called() == {"long": ROWS}, "the day before left the answers of the first day out"


async def test_a_file_that_cannot_be_written_is_refused_before_the_first_call(jobs: Jobs) -> None:
    folder = jobs.checkout()
    (jobs.root / "answers.gz").mkdir()
    with pytest.raises(StoreError, match="cache file"):
        await jobs.check(folder)
    assert not jobs.called()


async def test_a_file_that_cannot_be_written_any_more_costs_no_verdict(jobs: Jobs, server: ModelServer) -> None:
    folder = jobs.checkout()
    answer = server.answer

    def blocking(request: Any) -> Any:
        (jobs.root / "answers.gz").mkdir(exist_ok=True)
        return answer(request)

    server.answer = blocking
    report = await jobs.check(folder)
    assert report.status == "pass", report.experiments[0].reasons
    assert "the cache file cannot be written" in " ".join(report.experiments[0].warnings)


async def test_an_optional_floor_is_not_looked_at_and_the_report_says_so(server: ModelServer, tmp_path: Path) -> None:
    jobs = Jobs(server, tmp_path, plan={"aa": "optional"})
    await jobs.check(jobs.checkout())
    report = await jobs.check(jobs.checkout("brief"), days=2)
    assert jobs.called() == {"brief": ROWS}
    assert "nothing looked whether the model still answers so" in notes(report)


async def test_times_are_of_this_job_and_the_sentinel_looks_at_the_rest(server: ModelServer, tmp_path: Path) -> None:
    jobs = Jobs(server, tmp_path, gates=[GATE, LATENCY], plan={"fresh_rows": 20})
    await jobs.check(jobs.checkout())
    report = await jobs.check(jobs.checkout("brief"), days=2)
    assert report.status == "pass", report.experiments[0].reasons
    assert jobs.called() == {"brief": ROWS, "long": 20 + 30}
    assert the(report, "latency").n_pairs == 20
    assert (the(report, "latency").floor_source, the(report).floor_source) == ("stored", "sentinel")


@pytest.mark.parametrize("carried", [True, False])
async def test_a_time_that_nobody_took_is_no_verdict(server: ModelServer, tmp_path: Path, carried: bool) -> None:
    jobs = Jobs(server, tmp_path, gates=[GATE, LATENCY])
    folder = jobs.checkout()
    await jobs.check(folder)
    report = await jobs.check(jobs.checkout() if carried else folder, offline=True)
    assert not jobs.called()
    if not carried:  # its own stored calls are calls of that job, whoever asks again
        assert report.status == "pass", report.experiments[0].reasons
        return
    assert report.status == "inconclusive", report.experiments[0].reasons
    assert "no row was called by both arms in this job" in the(report, "latency").reason
    assert the(report).gate == "pass"
    assert any("no row was called by both arms" in reason for reason in report.experiments[0].reasons)


async def test_too_few_calls_of_this_job_are_no_verdict_on_a_time(server: ModelServer, tmp_path: Path) -> None:
    folder = ProjectFolder(tmp_path / "p", server, rows=ROWS, gates=[GATE, LATENCY])
    with folder.session() as session:
        await run_experiment(session, "tone", RunOptions(rows=50))
        await run_experiment(session, "tone", RunOptions())
        report = compare_experiment(session, "tone")
    latency = next(m for m in report.metrics if m.metric == "latency")
    assert (latency.n_pairs, latency.verdict, latency.gate) == (10, "inconclusive", "inconclusive")
    assert latency.delta is not None
    assert latency.reason == f"only 10 rows were called by both arms in this job, and the plan asks for {ROWS}"
    assert "10 rows were called by both arms" in explain(latency)[1]

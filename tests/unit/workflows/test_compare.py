"""Comparing stored runs: those that ran together, and those of different times only beside an A/A of today."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from llmexp_tui.domain.run import RunStatus
from llmexp_tui.reports.record import ExperimentReport
from llmexp_tui.store import runs
from llmexp_tui.workflows.compare import compare_experiment, compare_runs
from llmexp_tui.workflows.run import RunOptions, run_experiment
from tests.fakes.model_server import ModelServer
from tests.fakes.projects import ProjectFolder, answering

GATES = [{"metric": "exact_match", "margin": 0.2}]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[ProjectFolder]:
    with ModelServer(answering()) as server:
        yield ProjectFolder(tmp_path / "project", server, rows=40, gates=GATES, plan={"aa": "optional"})


async def ran(folder: ProjectFolder, *variants: str) -> dict[str, str]:
    """Runs the variants together and afresh; their runs' ids."""
    with folder.session() as session:
        outcome = await run_experiment(session, "tone", RunOptions(variants, fresh=True))
        return {run.variant: run.id for run in outcome.runs}


def compared(folder: ProjectFolder, *ids: str) -> ExperimentReport:
    with folder.session() as session:
        return compare_runs(session, *ids) if ids else compare_experiment(session, "tone")


async def test_a_baseline_of_another_time_gates_only_beside_its_own_run_of_today(folder: ProjectFolder) -> None:
    old = await ran(folder, "long")
    alone = await ran(folder, "short")
    unwatched = compared(folder, old["long"], alone["short"])
    assert unwatched.status == "invalid"
    assert "no A/A of today" in unwatched.reasons[0]
    assert not any(metric.registered for metric in unwatched.metrics)
    today = await ran(folder, "long", "short")
    watched = compared(folder, old["long"], today["short"])
    metric = watched.metrics[0]
    assert (watched.status, metric.registered, metric.floor_source) == ("pass", True, "aa")


async def test_the_baseline_beside_the_candidate_is_compared_not_a_later_one(folder: ProjectFolder) -> None:
    together = await ran(folder, "long", "short")
    await ran(folder, "long")
    report = compared(folder)
    assert report.baseline is not None and report.baseline.id == together["long"]
    assert report.status == "pass"


async def test_drift_between_runs_widens_what_is_compared_across_them(folder: ProjectFolder) -> None:
    first = await ran(folder, "long")
    for _ in range(5):
        await ran(folder, "long")
    today = await ran(folder, "long", "short")
    report = compared(folder, first["long"], today["short"])
    assert report.metrics[0].method, "six runs that never differ add nothing and break nothing"
    with folder.session() as session:
        assert len(runs.find_runs(session.store, experiment="tone")) == 8


async def test_runs_that_are_not_finished_show_estimates_but_no_verdict(folder: ProjectFolder) -> None:
    both = await ran(folder, "long", "short")
    finished = compared(folder, both["long"], both["short"])
    with folder.session() as session:
        runs.set_status(session.store, list(both.values()), RunStatus.INTERRUPTED, at=session.at())
    report = compared(folder, both["long"], both["short"])
    assert (finished.status, report.status) == ("pass", "inconclusive")
    assert "not finished" in report.reasons[0]
    assert [m.delta for m in report.metrics] == [m.delta for m in finished.metrics]
    assert {m.verdict for m in report.metrics} == {"inconclusive"}
    assert {(m.p_value, m.q_value, m.p_noninferiority) for m in report.metrics} == {(None, None, None)}

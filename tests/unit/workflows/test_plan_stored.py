"""A plan says how many calls are left to make: as many as a check or a run then makes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from llmexp_tui.reports.plan_panel import plan_panel
from llmexp_tui.tui.state.launch import LaunchChoice, size_lines
from llmexp_tui.workflows import plan_stored
from llmexp_tui.workflows.check import CheckOptions, check
from llmexp_tui.workflows.plan import PlanReport, plan_experiment
from llmexp_tui.workflows.run import RunOptions, run_experiment
from tests.fakes.model_server import ModelServer
from tests.fakes.projects import ProjectFolder, answering


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer(answering()) as running:
        yield running


@pytest.fixture
def folder(server: ModelServer, tmp_path: Path) -> ProjectFolder:
    return ProjectFolder(tmp_path / "project", server, rows=60, gates=[{"metric": "exact_match", "margin": 0.2}])


def planned(folder: ProjectFolder) -> PlanReport:
    with folder.session() as session:
        return plan_experiment(session, "tone")


def first_line(plan: PlanReport, choice: LaunchChoice) -> str:
    return "".join(span.text for span in size_lines(plan, choice)[0])


async def checked(folder: ProjectFolder) -> None:
    with folder.session() as session:
        await check(session, CheckOptions())


def reword(folder: ProjectFolder) -> None:
    folder.variants["short"] = "short please {{ text }}"


def time_it(folder: ProjectFolder) -> None:
    folder.gates.append({"metric": "latency", "margin": "50%", "role": "exploratory"})
    folder.plan["fresh_rows"] = 15
    reword(folder)


@pytest.mark.parametrize("change", [lambda folder: None, reword, time_it])
async def test_what_a_plan_leaves_to_call_is_what_a_check_calls(
    server: ModelServer, folder: ProjectFolder, change: Callable[[ProjectFolder], None]
) -> None:
    assert planned(folder).missing == planned(folder).calls == 180, "nothing is stored yet"
    await checked(folder)
    change(folder)
    folder.write()
    plan, before = planned(folder), server.count
    await checked(folder)
    assert plan.missing == server.count - before
    assert f"calls {plan.missing} of" in plan_panel(plan)


async def test_a_run_is_served_what_is_stored_of_the_rows_it_takes(
    server: ModelServer, folder: ProjectFolder
) -> None:
    await checked(folder)
    reword(folder)
    folder.write()
    plan, before = planned(folder), server.count
    with folder.session() as session:
        await run_experiment(session, "tone", RunOptions(rows=30))
    assert server.count - before == 30
    assert first_line(plan, LaunchChoice("run", rows=30)).startswith("30 calls  30 rows")
    assert first_line(plan, LaunchChoice("run", rows=30, fresh=True)).startswith("60 calls ")
    assert first_line(plan, LaunchChoice("run", rows=30, repeats=3)).startswith("150 calls "), "two repeats are new"
    assert first_line(plan, LaunchChoice("aa")).startswith("120 calls ")


async def test_a_plan_where_all_is_stored_says_so(folder: ProjectFolder) -> None:
    await checked(folder)
    assert first_line(planned(folder), LaunchChoice("check")).startswith("0 calls: everything is stored")
    assert first_line(planned(folder), LaunchChoice("check", fresh=True)).startswith("120 calls ")


async def test_of_many_cells_a_sample_tells_the_share(folder: ProjectFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    await checked(folder)
    monkeypatch.setattr(plan_stored, "LOOKED_UP", 20)
    assert [arm.stored for arm in planned(folder).arms] == [60, 60]


async def test_a_floor_that_nobody_asked_for_is_not_called_measured(folder: ProjectFolder) -> None:
    required = plan_panel(planned(folder))
    assert "noise floor" not in required.partition("What these rows")[0]
    folder.plan["aa"] = "optional"
    folder.write()
    assert "The plan asks for no A/A: the noise floor stays unmeasured." in plan_panel(planned(folder))
    folder.plan["aa"] = "required"
    folder.write()
    await checked(folder)
    assert "The noise floor is measured already: no A/A is needed." in plan_panel(planned(folder))


async def test_a_plan_says_whether_the_projects_cap_is_enough(server: ModelServer, tmp_path: Path) -> None:
    priced = {"input_cost_per_mtok": 1000.0, "output_cost_per_mtok": 100.0, "max_tokens": 50}
    folder = ProjectFolder(tmp_path / "priced", server, rows=20, model=priced)

    def of_the_cap(cap_usd: float) -> list[str]:
        folder.max_cost_usd = cap_usd
        folder.write()
        return [warning for warning in planned(folder).warnings if "cost cap" in warning]

    low, high = planned(folder).cost_usd or (0.0, 0.0)
    assert of_the_cap(2 * high) == []
    assert "a check may stop before its end" in of_the_cap((low + high) / 2)[0]
    assert "a check stops before its end" in of_the_cap(low / 2)[0]
    with folder.session() as session:
        await check(session, CheckOptions())
    left_usd = float(of_the_cap(low / 2)[0].partition(" ")[0].removeprefix("$"))
    assert left_usd < low / 10, "the check has spent the rest"
    folder.model = {"model": "openai/unheard-of", "api_base": server.base_url, "api_key_env": "MODEL_KEY"}
    assert of_the_cap(1.0) == ["a price is unknown: under the project's cost cap of $1.00 nothing is called"]

"""A run sends every cell once, with a seed of its own, arms side by side, and counts every fault where it belongs."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from llmexp_tui.domain.run import RunStatus
from llmexp_tui.domain.usage import FailureKind
from llmexp_tui.engine.events import Event, RunProgressed
from llmexp_tui.engine.stop import StopFlag, StopMode
from llmexp_tui.errors import InterruptedRunError, UsageError
from llmexp_tui.store import queue, runs
from llmexp_tui.workflows.resume import resume
from llmexp_tui.workflows.run import RunOptions, RunOutcome, run_experiment
from tests.fakes.model_server import ModelServer
from tests.fakes.projects import KEY, ProjectFolder, answering, arm_of, item_of
from tests.fakes.replies import FAULTS, Recorded, Reply, fails

PRICES = {"input_cost_per_mtok": 1000.0, "output_cost_per_mtok": 1000.0}
"""USD a call of one word is thus about 0.01."""


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer(answering()) as running:
        yield running


async def ran(folder: ProjectFolder, **options: Any) -> RunOutcome:
    with folder.session() as session:
        return await run_experiment(session, "tone", RunOptions(**options))


async def resumed(folder: ProjectFolder, **options: Any) -> RunOutcome:
    with folder.session() as session:
        return await resume(session, None, options=RunOptions(**options))


def cells(server: ModelServer) -> Counter[tuple[str, int]]:
    return Counter((arm_of(request), item_of(request)) for request in server.requests)


def errors_of(folder: ProjectFolder, outcome: RunOutcome) -> Counter[str | None]:
    with folder.session() as session:
        found = [output for run in outcome.runs for output in runs.outputs(session.store, run.id)]
    return Counter(output.error_kind for output in found)


# -- what is sent ------------------------------------------------------------------------------------------


async def test_every_cell_is_called_once_and_no_aa(server: ModelServer, tmp_path: Path) -> None:
    outcome = await ran(ProjectFolder(tmp_path / "p", server, repeats=3))
    assert outcome.exit_code == 0
    assert set(cells(server).values()) == {3}
    assert len(cells(server)) == 40
    assert {run.slot for run in outcome.runs} == {"main"}
    assert [total.completed for total in outcome.totals] == [60, 60]


async def test_each_row_repeat_and_slot_has_its_own_seed(server: ModelServer, tmp_path: Path) -> None:
    from llmexp_tui.workflows.aa import run_aa

    folder = ProjectFolder(tmp_path / "p", server, repeats=3)
    with folder.session() as session:
        await run_aa(session, "tone", None, RunOptions())
    seeds = [request.seed for request in server.requests]
    assert len(seeds) == 120
    assert len(set(seeds)) == 120
    assert all(isinstance(seed, int) and 0 <= seed < 2**31 for seed in seeds)


async def test_the_same_plan_sends_the_same_seeds(server: ModelServer, tmp_path: Path) -> None:
    folder = ProjectFolder(tmp_path / "p", server, repeats=2)
    await ran(folder)
    first = {(arm_of(r), item_of(r), r.seed) for r in server.requests}
    server.reset()
    await ran(folder, fresh=True)
    assert {(arm_of(r), item_of(r), r.seed) for r in server.requests} == first


async def test_both_arms_of_a_row_share_its_seeds(server: ModelServer, tmp_path: Path) -> None:
    """Paired by row: what differs between arms is the variant alone."""
    await ran(ProjectFolder(tmp_path / "p", server))
    seeds: dict[int, set[int | None]] = {}
    for request in server.requests:
        seeds.setdefault(item_of(request), set()).add(request.seed)
    assert {len(found) for found in seeds.values()} == {1}


async def test_arms_of_a_row_are_called_side_by_side_in_a_drawn_order(server: ModelServer, tmp_path: Path) -> None:
    folder = ProjectFolder(tmp_path / "p", server, rows=60, model={"max_concurrency": 1})
    await ran(folder)
    items = [item_of(request) for request in server.requests]
    assert items[0::2] == items[1::2]
    assert items[0::2] != sorted(items[0::2])
    first = Counter(arm_of(request) for request in server.requests[0::2])
    assert min(first["long"], first["short"]) >= 15


async def test_rows_limits_the_run_to_the_head_of_the_seeded_order(server: ModelServer, tmp_path: Path) -> None:
    folder = ProjectFolder(tmp_path / "p", server, rows=50)
    outcome = await ran(folder, rows=7)
    assert [total.attempted for total in outcome.totals] == [7, 7]
    head = set(cells(server))
    await ran(folder, rows=9)
    assert head < set(cells(server))
    assert server.count == 18


async def test_only_the_chosen_variant_is_run(server: ModelServer, tmp_path: Path) -> None:
    await ran(ProjectFolder(tmp_path / "p", server), variants=("short",))
    assert {arm for arm, _ in cells(server)} == {"short"}


async def test_again_is_served_from_the_cache_and_fresh_is_not(server: ModelServer, tmp_path: Path) -> None:
    folder = ProjectFolder(tmp_path / "p", server)
    await ran(folder)
    again = await ran(folder)
    assert server.count == 40
    assert [total.cached for total in again.totals] == [20, 20]
    assert [total.cost_usd for total in again.totals] == [0.0, 0.0]
    await ran(folder, fresh=True)
    assert server.count == 80


async def test_a_dataset_with_equal_rows_keeps_them_apart_by_key(server: ModelServer, tmp_path: Path) -> None:
    folder = ProjectFolder(tmp_path / "p", server, dataset={"id": "id"})
    (folder.root / "items.csv").write_text("id,text,expected\na,item 1.,yes\nb,item 1.,yes\n")
    outcome = await ran(folder)
    assert [total.completed for total in outcome.totals] == [2, 2]


async def test_progress_ends_at_the_total_and_counts_what_is_stored(server: ModelServer, tmp_path: Path) -> None:
    told: list[Event] = []
    server.at(3, FAULTS["bad_request"])
    with ProjectFolder(tmp_path / "p", server).session() as session:
        await run_experiment(session, "tone", RunOptions(), told.append)
    last = next(event for event in reversed(told) if isinstance(event, RunProgressed))
    assert [(arm.done, arm.total) for arm in last.arms] == [(20, 20), (20, 20)]
    assert sum(arm.errors for arm in last.arms) == 1


async def test_the_record_names_the_key_and_never_holds_it(server: ModelServer, tmp_path: Path) -> None:
    folder = ProjectFolder(tmp_path / "p", server)
    server.at(2, Reply(status=400, error=("invalid_request_error", None, f"bad key {KEY}")))
    outcome = await ran(folder)
    record = outcome.runs[0]
    assert record.key_name == "MODEL_KEY"
    assert record.key_fingerprint
    assert record.host and record.who and record.started_at and record.ended_at
    stored = b"".join(path.read_bytes() for path in (folder.root / ".llmexp").iterdir() if path.is_file())
    assert KEY.encode() not in stored


# -- faults ------------------------------------------------------------------------------------------------

LANES = ("direct", "litellm")
ONE_ROW = {
    "bad_request": FailureKind.BAD_REQUEST,
    "content_filter": FailureKind.CONTENT_FILTER,
    "filtered_answer": FailureKind.CONTENT_FILTER,
    "context_length": FailureKind.CONTEXT_WINDOW,
    "payload_too_large": FailureKind.TOO_LARGE,
    "empty_choices": FailureKind.MALFORMED,
    "malformed": FailureKind.MALFORMED,
    "html": FailureKind.MALFORMED,
    "cut": FailureKind.NETWORK,
    "reset": FailureKind.NETWORK,
    "server_error": FailureKind.PROVIDER_5XX,
    "hang": FailureKind.TIMEOUT,
}


@pytest.mark.parametrize("lane", LANES)
@pytest.mark.parametrize("fault", sorted(ONE_ROW))
async def test_a_fault_of_one_row_is_that_rows_error(
    server: ModelServer, tmp_path: Path, fault: str, lane: str
) -> None:
    server.behave(lambda request: FAULTS[fault] if item_of(request) == 4 and arm_of(request) == "short" else None)
    limit_s = 1.0 if fault == "hang" else 20.0
    folder = ProjectFolder(tmp_path / "p", server, model={"timeout_s": limit_s, "lane": lane})
    outcome = await ran(folder)
    assert outcome.exit_code == 0
    assert [(total.completed, total.errored) for total in outcome.totals] == [(20, 0), (19, 1)]
    assert errors_of(folder, outcome) == {None: 39, ONE_ROW[fault].value: 1}


@pytest.mark.parametrize("lane", LANES)
async def test_a_truncated_stream_is_that_rows_error(
    server: ModelServer, tmp_path: Path, lane: str
) -> None:
    server.behave(lambda request: FAULTS["cut"] if item_of(request) == 4 else None)
    folder = ProjectFolder(tmp_path / "p", server, model={"stream": True, "lane": lane})
    outcome = await ran(folder)
    assert errors_of(folder, outcome) == {None: 38, "truncated": 2}


async def test_what_passes_on_a_second_attempt_is_no_error(server: ModelServer, tmp_path: Path) -> None:
    server.at(0, FAULTS["server_error"]).at(1, FAULTS["reset"]).at(2, FAULTS["malformed"])
    folder = ProjectFolder(tmp_path / "p", server, model={"max_concurrency": 3})
    outcome = await ran(folder)
    assert [total.errored for total in outcome.totals] == [0, 0]
    assert server.count == 43
    with folder.session() as session:
        attempts = [o.attempts for run in outcome.runs for o in runs.outputs(session.store, run.id)]
    assert Counter(attempts) == {1: 37, 2: 3}


async def test_nothing_is_sent_before_the_time_the_provider_asked_for(server: ModelServer, tmp_path: Path) -> None:
    server.at(5, fails(429, "slow down", code="rate_limit_exceeded", headers={"retry-after": "1"}))
    outcome = await ran(ProjectFolder(tmp_path / "p", server, model={"max_concurrency": 1}))
    assert outcome.exit_code == 0
    assert server.count == 41
    assert server.times[6] - server.times[5] >= 1.0


@pytest.mark.parametrize("lane", LANES)
@pytest.mark.parametrize("fault", ["auth", "forbidden", "bad_model", "quota", "credit"])
async def test_a_refusal_stops_the_run_after_the_first_few(
    server: ModelServer, tmp_path: Path, fault: str, lane: str
) -> None:
    server.always(FAULTS[fault])
    folder = ProjectFolder(tmp_path / "p", server, rows=500, model={"max_concurrency": 4, "lane": lane})
    outcome = await ran(folder)
    assert outcome.exit_code == 4
    assert server.count <= 4
    assert outcome.stop_reason is not None and "resume" in outcome.stop_reason and KEY not in outcome.stop_reason
    assert {run.status for run in outcome.runs} == {RunStatus.INTERRUPTED}
    assert [total.attempted for total in outcome.totals] == [0, 0]


@pytest.mark.parametrize("lane", LANES)
async def test_a_key_that_dies_late_keeps_every_row_and_resume_finishes(
    server: ModelServer, tmp_path: Path, lane: str
) -> None:
    server.behave(lambda request: FAULTS["auth"] if request.index >= 90 else None)
    folder = ProjectFolder(tmp_path / "p", server, rows=100, model={"max_concurrency": 4, "lane": lane})
    outcome = await ran(folder)
    assert outcome.exit_code == 4
    assert server.count <= 94
    assert sum(total.completed for total in outcome.totals) == 90
    server.reset()
    finished = await resumed(folder)
    assert finished.exit_code == 0
    assert server.count == 110
    assert [total.completed for total in finished.totals] == [100, 100]


async def test_a_missing_key_is_found_before_any_call(server: ModelServer, tmp_path: Path) -> None:
    folder = ProjectFolder(tmp_path / "p", server)
    with folder.session(env={}) as session:
        outcome = await run_experiment(session, "tone", RunOptions())
    assert server.count == 0
    assert outcome.exit_code == 4
    assert outcome.stop_reason is not None and "MODEL_KEY" in outcome.stop_reason


async def test_rows_that_always_fail_are_no_bad_start_where_the_cache_has_the_others(
    server: ModelServer, tmp_path: Path
) -> None:
    server.behave(lambda request: FAULTS["bad_request"] if item_of(request) < 6 else None)
    folder = ProjectFolder(tmp_path / "p", server, rows=100, model={"max_concurrency": 2})
    first = await ran(folder)
    again = await ran(folder)
    assert [outcome.exit_code for outcome in (first, again)] == [0, 0]
    assert [(total.errored, total.cached) for total in again.totals] == [(6, 94), (6, 94)]


async def test_a_server_that_always_fails_stops_early(server: ModelServer, tmp_path: Path) -> None:
    server.always(FAULTS["bad_request"])
    outcome = await ran(ProjectFolder(tmp_path / "p", server, rows=500, model={"max_concurrency": 4}))
    assert outcome.exit_code == 4
    assert server.count < 20


@pytest.mark.parametrize("healthy", [0, 30])
async def test_an_outage_costs_no_row_its_answer(server: ModelServer, tmp_path: Path, healthy: int) -> None:
    """Answers that come broken from the first call on, or from call 30 on: `resume` makes up for every one."""
    server.behave(lambda request: FAULTS["hang"] if request.index >= healthy else None)
    model = {"max_concurrency": 16, "timeout_s": 1.0}
    folder = ProjectFolder(tmp_path / "p", server, rows=100, model=model)
    outcome = await ran(folder)
    assert outcome.exit_code == 4
    assert sum(total.errored for total in outcome.totals) >= 5
    server.behave(None)
    finished = await resumed(folder)
    assert finished.exit_code == 0
    assert [(total.completed, total.errored) for total in finished.totals] == [(100, 0), (100, 0)]


async def test_a_prompt_that_fits_no_row_stops_early(server: ModelServer, tmp_path: Path) -> None:
    server.always(FAULTS["context_length"])
    outcome = await ran(ProjectFolder(tmp_path / "p", server, rows=500, model={"max_concurrency": 4}))
    assert outcome.exit_code == 4
    assert server.count < 80
    assert outcome.stop_reason is not None and "context_window" in outcome.stop_reason


@pytest.mark.parametrize("lane", LANES)
async def test_a_name_that_does_not_resolve_is_a_clear_stop(tmp_path: Path, lane: str) -> None:
    folder = ProjectFolder(tmp_path / "p", "http://no-such-host.invalid/v1", model={"timeout_s": 5.0, "lane": lane})
    with folder.session() as session:
        outcome = await run_experiment(session, "tone", RunOptions())
    assert outcome.exit_code == 4
    assert outcome.stop_reason is not None and "no-such-host.invalid" in outcome.stop_reason


async def test_too_many_errors_end_with_four_and_resume_calls_only_those(server: ModelServer, tmp_path: Path) -> None:
    def flaky(request: Recorded) -> Reply | None:
        return FAULTS["content_filter"] if arm_of(request) == "short" and item_of(request) % 4 == 0 else None

    server.behave(flaky)
    folder = ProjectFolder(tmp_path / "p", server, rows=40)
    outcome = await ran(folder)
    assert outcome.exit_code == 4
    assert outcome.stop_reason is not None and "10 of 40" in outcome.stop_reason
    server.reset()
    finished = await resumed(folder)
    assert cells(server) == {("short", item): 1 for item in range(0, 40, 4)}
    assert finished.exit_code == 0
    assert [total.errored for total in finished.totals] == [0, 0]


async def test_failed_rows_stay_open_though_the_resume_was_stopped(server: ModelServer, tmp_path: Path) -> None:
    server.behave(lambda request: FAULTS["content_filter"] if item_of(request) % 4 == 0 else None)
    folder = ProjectFolder(tmp_path / "p", server, rows=40, model={"max_concurrency": 2})
    assert (await ran(folder)).exit_code == 4
    server.reset()
    flag, loop = StopFlag(), asyncio.get_running_loop()
    stop = partial(flag.request, StopMode.DRAIN, InterruptedRunError("enough"))
    server.behave(lambda request: loop.call_soon_threadsafe(stop) and Reply(delay_s=0.3))
    with folder.session() as session:
        stopped = await resume(session, None, flag=flag)
    assert {run.status for run in stopped.runs} == {RunStatus.INTERRUPTED}
    server.behave(None)
    finished = await resumed(folder)
    assert finished.exit_code == 0
    assert [total.errored for total in finished.totals] == [0, 0]
    assert cells(server) == {(arm, item): 1 for arm in ("long", "short") for item in range(0, 40, 4)}


async def test_a_few_errors_stay_in_the_denominator(server: ModelServer, tmp_path: Path) -> None:
    server.behave(lambda request: FAULTS["content_filter"] if item_of(request) == 3 else None)
    folder = ProjectFolder(tmp_path / "p", server, rows=40)
    outcome = await ran(folder)
    assert outcome.exit_code == 0
    assert [(t.attempted, t.completed, t.errored) for t in outcome.totals] == [(40, 39, 1)] * 2


async def test_a_process_that_slept_until_another_took_over_calls_no_more(
    server: ModelServer, tmp_path: Path
) -> None:
    """Seen from another machine or container, a paused process is as good as dead: its heartbeats alone can tell."""
    folder = ProjectFolder(tmp_path / "p", server, rows=100, model={"max_concurrency": 2})
    elsewhere = replace(queue.this_process(), host="elsewhere", pid=1)

    def behave(request: Recorded) -> Reply:
        if request.index == 3:
            with folder.session() as other:
                assert queue.hold_experiment(other.store, "tone", elsewhere, at="2100-01-01T00:00:00+00:00")
        return Reply(delay_s=0.2)

    server.behave(behave)
    outcome = await ran(folder)
    assert outcome.exit_code == 130
    assert outcome.stop_reason is not None and "another one took the experiment over" in outcome.stop_reason
    assert server.count < 20
    with folder.session() as session:
        assert queue.holder(session.store, "tone") == elsewhere


# -- money -------------------------------------------------------------------------------------------------


async def test_the_cap_is_never_passed_and_resume_goes_on(server: ModelServer, tmp_path: Path) -> None:
    folder = ProjectFolder(tmp_path / "p", server, rows=100, model={**PRICES, "max_tokens": 5, "max_concurrency": 8})
    outcome = await ran(folder, max_cost=0.5)
    assert outcome.exit_code == 4
    spent = sum(total.cost_usd or 0.0 for total in outcome.totals)
    assert 0.3 < spent <= 0.5
    assert {run.status for run in outcome.runs} == {RunStatus.INTERRUPTED}
    done = server.count
    finished = await resumed(folder)
    assert finished.exit_code == 0
    assert server.count == 200
    assert done < 200


async def test_calls_that_wait_for_the_cap_do_not_start_after_a_stop(server: ModelServer, tmp_path: Path) -> None:
    flag, loop = StopFlag(), asyncio.get_running_loop()
    stop = partial(flag.request, StopMode.DRAIN, InterruptedRunError("enough"))

    def behave(request: Recorded) -> Reply:
        if request.index == 2:
            loop.call_soon_threadsafe(stop)
        return Reply(delay_s=0.3)

    server.behave(behave)
    model = {**PRICES, "max_tokens": 5, "max_concurrency": 8}
    with ProjectFolder(tmp_path / "p", server, rows=20, model=model).session() as session:
        outcome = await run_experiment(session, "tone", RunOptions(max_cost=0.03), flag=flag)
    assert outcome.stop_reason == "enough"
    assert server.count <= 4, "four are expected to cost 0.028"


async def test_the_projects_own_cap_holds_over_all_its_runs(server: ModelServer, tmp_path: Path) -> None:
    folder = ProjectFolder(tmp_path / "p", server, rows=100, model={**PRICES, "max_tokens": 5})
    folder.max_cost_usd = 0.2
    folder.write()
    outcome = await ran(folder, max_cost=10.0)
    assert outcome.exit_code == 4
    spent, called = sum(total.cost_usd or 0.0 for total in outcome.totals), server.count
    assert 0.1 < spent <= 0.2
    again = await resumed(folder, max_cost=10.0)
    assert again.exit_code == 4 and server.count == called, "a second start has nothing more to spend"
    assert again.stop_reason is not None and "the project's cost cap of $0.20" in again.stop_reason
    folder.max_cost_usd = 10.0
    folder.write()
    assert (await resumed(folder)).exit_code == 0
    assert server.count == 200


async def test_two_runs_at_once_share_the_projects_cap(server: ModelServer, tmp_path: Path) -> None:
    server.behave(lambda request: Reply(delay_s=0.05))
    folder = ProjectFolder(tmp_path / "p", server, rows=200, model={**PRICES, "max_tokens": 5, "max_concurrency": 16})
    folder.max_cost_usd = 1.0
    folder.write()
    file = folder.root / "llmexp.toml"
    head, tone, rest = re.split(r"(?=\[experiments\.tone\])|(?=\[budget\])", file.read_text("utf-8"))
    file.write_text(head + tone + tone.replace("experiments.tone", "experiments.other") + rest, "utf-8")
    with folder.session() as one, folder.session() as other:
        anew = RunOptions(fresh=True)
        both = await asyncio.gather(run_experiment(one, "tone", anew), run_experiment(other, "other", anew))
    assert [outcome.exit_code for outcome in both] == [4, 4]
    spent = sum(total.cost_usd or 0.0 for outcome in both for total in outcome.totals)
    assert 0.7 < spent <= 1.0


async def test_long_answers_of_the_first_calls_do_not_pass_the_cap(server: ModelServer, tmp_path: Path) -> None:
    """Without max_tokens, 32 at a time, an answer costs sixteen times what is likely."""
    usage = {"prompt_tokens": 10, "completion_tokens": 8_000, "total_tokens": 8_010}
    server.behave(lambda request: Reply(delay_s=0.02, usage=usage))
    model = {"input_cost_per_mtok": 1.0, "output_cost_per_mtok": 10.0, "max_concurrency": 32}
    outcome = await ran(ProjectFolder(tmp_path / "p", server, rows=100, model=model), max_cost=1.0)
    assert outcome.exit_code == 4
    assert 0.7 < sum(total.cost_usd or 0.0 for total in outcome.totals) <= 1.0


async def test_retries_count_against_the_cap(server: ModelServer, tmp_path: Path) -> None:
    """An answer that could not be read may have been paid for: its reservation is spent."""
    server.behave(lambda request: FAULTS["malformed"] if request.index % 2 else None)
    model = {**PRICES, "max_tokens": 5, "max_concurrency": 4}
    outcome = await ran(ProjectFolder(tmp_path / "p", server, rows=100, model=model), max_cost=0.08)
    assert outcome.exit_code == 4
    answered = sum(total.cost_usd or 0.0 for total in outcome.totals)
    assert 0 < answered <= 0.08 - 0.007 * (server.count // 2)  # a prompt is worth 0.002 and five tokens 0.005
    assert outcome.stop_reason is not None and "$0.08" in outcome.stop_reason


async def test_a_cap_below_one_request_sends_none(server: ModelServer, tmp_path: Path) -> None:
    folder = ProjectFolder(tmp_path / "p", server, rows=100, model={**PRICES, "max_tokens": 1000})
    outcome = await ran(folder, max_cost=0.0001)
    assert outcome.exit_code == 4
    assert server.count == 0


async def test_an_unknown_price_with_a_cap_is_refused_before_the_first_call(
    server: ModelServer, tmp_path: Path
) -> None:
    folder = ProjectFolder(tmp_path / "p", server, model={"model": "openai/nobody-knows-this"})
    with pytest.raises(UsageError, match="price"):
        await ran(folder, max_cost=1.0)
    assert server.count == 0


async def test_own_code_scores_once_no_call_is_in_flight(server: ModelServer, tmp_path: Path) -> None:
    """It holds up the loop, and calls in flight would seem to take as long."""
    folder = ProjectFolder(
        tmp_path / "p", server, rows=30,
        scorers=["exact_match", {"type": "composite", "name": "both", "parts": ["exact_match", "late"]},
                 {"type": "python", "python": "own.py:late", "name": "late"}],
    )  # fmt: skip
    (folder.root / "own.py").write_text(
        "import json, urllib.request\n"
        "def late(row, output):\n"
        f"    with urllib.request.urlopen('{server.root_url}/stats') as answer:\n"
        "        return json.load(answer)['count'] / 60\n"
    )
    outcome = await ran(folder)
    assert outcome.exit_code == 0
    with folder.session() as session, session.store.read() as connection:
        found = connection.exec_driver_sql("SELECT value, count(*) FROM score GROUP BY 1 ORDER BY 1").all()
    assert found == [(0.0, 6), (0.5, 6), (1.0, 54 + 54 + 60)], "asked when all 60 calls had been answered"

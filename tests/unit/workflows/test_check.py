"""A check calls what the store does not have, nothing else, and says the same when it is asked again."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from llmexp_tui.errors import AxisError, ConfigError, UsageError
from llmexp_tui.reports.json import check_json
from llmexp_tui.reports.record import CheckReport
from llmexp_tui.store.audit import entries
from llmexp_tui.store.prompts import label_history
from llmexp_tui.workflows.aa import run_aa
from llmexp_tui.workflows.check import CheckOptions, check
from llmexp_tui.workflows.label import move_label, roll_back
from llmexp_tui.workflows.run import RunOptions, run_experiment
from llmexp_tui.workflows.versions import resolve_prompt
from tests.fakes.model_server import ModelServer
from tests.fakes.projects import ProjectFolder, answering, arm_of, item_of

PINNED = (("long", "@staging"), ("short", ""))
SPEED_GATE = {"metric": "latency", "margin": "50%", "role": "exploratory"}


async def checked(folder: ProjectFolder, **options: Any) -> CheckReport:
    with folder.session() as session:
        return await check(session, CheckOptions(**options))


def arms_called(server: ModelServer) -> Counter[str]:
    return Counter(arm_of(request) for request in server.requests)


@pytest.fixture
def server() -> Any:
    with ModelServer(answering()) as running:
        yield running


@pytest.fixture
def folder(server: ModelServer, tmp_path: Path) -> ProjectFolder:
    return ProjectFolder(tmp_path / "project", server, rows=60, gates=[{"metric": "exact_match", "margin": 0.2}])


async def test_first_check_calls_each_arm_and_the_copy(server: ModelServer, folder: ProjectFolder) -> None:
    report = await checked(folder)
    assert report.exit_code == 0, report.experiments[0].reasons
    assert arms_called(server) == {"long": 120, "short": 60}
    assert report.experiments[0].calls == 180


async def test_check_again_calls_nothing_and_says_the_same(server: ModelServer, folder: ProjectFolder) -> None:
    first = await checked(folder)
    called = server.count
    second = await checked(folder)
    assert server.count == called
    assert second.experiments[0].calls == 0
    assert comparable(first) == comparable(second)


def comparable(report: CheckReport) -> Any:
    """The report but for what this very check called and spent."""
    body = json.loads(json.dumps(check_json(report)))
    for experiment in body["experiments"]:
        for effort in ("calls", "calls_saved", "cost_usd"):
            experiment.pop(effort)
        experiment["notes"] = [note for note in experiment["notes"] if "came from the cache" not in note]
    return body


async def test_run_then_check_calls_only_the_copy(server: ModelServer, folder: ProjectFolder) -> None:
    with folder.session() as session:
        await run_experiment(session, "tone", RunOptions())
    server.reset()
    report = await checked(folder)
    assert arms_called(server) == {"long": 60}
    assert report.exit_code == 0, report.experiments[0].reasons


async def test_aa_then_check_reuses_its_floor(server: ModelServer, folder: ProjectFolder) -> None:
    with folder.session() as session:
        outcome = await run_aa(session, "tone", None, RunOptions())
    assert arms_called(server) == {"long": 120}
    assert outcome.floors
    server.reset()
    report = await checked(folder)
    assert arms_called(server)["short"] == 60
    assert arms_called(server)["long"] == 0
    metric = next(m for m in report.experiments[0].metrics if m.metric == "exact_match")
    assert metric.noise_floor_state in ("measured", "deterministic")
    told = report.experiments[0]
    assert (told.calls, told.calls_saved) == (60, 120), "the baseline's answers and its copy's are those of the A/A"
    assert "the noise floor was measured before, which saved 60 calls" in " ".join(told.notes)


async def test_what_was_spent_is_unknown_where_a_price_is(server: ModelServer, folder: ProjectFolder) -> None:
    assert (await checked(folder)).experiments[0].cost_usd is None
    assert (await checked(folder)).experiments[0].cost_usd == 0.0
    folder.model |= {"input_cost_per_mtok": 1.0, "output_cost_per_mtok": 1.0}
    folder.write()
    spent = (await checked(folder, fresh=True)).experiments[0].cost_usd
    assert spent is not None
    assert spent > 0.0


async def test_a_worse_candidate_fails(tmp_path: Path) -> None:
    with ModelServer(answering(lambda arm, item: arm == "short" and item % 2 == 0)) as server:
        report = await checked(ProjectFolder(tmp_path / "p", server, rows=60))
        assert report.exit_code == 1
        assert report.experiments[0].status == "fail"


async def test_changed_gates_are_invalid_uncalled_until_fresh(server: ModelServer, folder: ProjectFolder) -> None:
    await checked(folder)
    called = server.count
    folder.gates[0]["margin"] = 0.5
    folder.write()
    report = await checked(folder)
    assert (report.experiments[0].status, report.exit_code) == ("invalid", 3)
    assert "fresh" in report.experiments[0].reasons[0]
    assert all(m.gate is None and not m.registered for m in report.experiments[0].metrics)
    assert server.count == called
    again = await checked(folder, fresh=True)
    assert again.exit_code == 0, again.experiments[0].reasons
    assert server.count == called + 180
    assert (await checked(folder)).exit_code == 0
    assert server.count == called + 180


async def test_a_changed_prompt_calls_only_its_own_arm(server: ModelServer, folder: ProjectFolder) -> None:
    await checked(folder)
    server.reset()
    folder.variants["short"] = "short please {{ text }}"
    folder.write()
    report = await checked(folder)
    assert arms_called(server) == {"short": 60}
    assert report.exit_code == 0, report.experiments[0].reasons


async def test_speed_gates_measure_both_arms_anew_on_fresh_rows(server: ModelServer, folder: ProjectFolder) -> None:
    folder.gates.append(SPEED_GATE)
    folder.plan["fresh_rows"] = 15
    folder.write()
    await checked(folder)
    server.reset()
    folder.variants["short"] = "short please {{ text }}"
    folder.write()
    report = await checked(folder)
    assert arms_called(server) == {"short": 60, "long": 15}
    latency = next(m for m in report.experiments[0].metrics if m.metric == "latency")
    assert latency.n_pairs == 15


async def test_the_share_of_slow_calls_is_gated_on_rows_of_this_job(
    server: ModelServer, folder: ProjectFolder
) -> None:
    slow = {"metric": "latency", "statistic": "share", "limit": "0.001 ms", "margin": 0.2}
    folder.gates += [slow, {**slow, "statistic": "p90", "margin": "9900%"}]
    del folder.gates[2]["limit"]
    folder.plan["fresh_rows"] = 40
    folder.write()
    first = (await checked(folder)).experiments[0].metrics[1]
    assert (first.statistic, first.threshold, first.n_pairs) == ("share", 0.001, 60)
    assert (first.baseline, first.candidate_value, first.verdict, first.gate) == (1.0, 1.0, "no_regression", "pass")
    server.reset()
    folder.variants["short"] = "short please {{ text }}"
    folder.write()
    again = (await checked(folder)).experiments[0].metrics[1]
    assert arms_called(server) == {"short": 60, "long": 40}
    assert (again.n_pairs, again.noise_floor_state, again.gate) == (40, "deterministic", "pass")
    folder.gates[1]["limit"] = "60 s"
    folder.write()
    other = (await checked(folder, fresh=True)).experiments[0].metrics[1]
    assert (other.threshold, other.baseline, other.candidate_value) == (60_000.0, 0.0, 0.0)


async def test_a_check_times_what_runs_took_from_the_cache(server: ModelServer, folder: ProjectFolder) -> None:
    folder.gates.append(SPEED_GATE)
    folder.plan["fresh_rows"] = 15
    folder.write()
    with folder.session() as session:
        await run_aa(session, "tone", None, RunOptions())
        await run_experiment(session, "tone", RunOptions())
    server.reset()
    report = await checked(folder)
    assert arms_called(server) == {"short": 15, "long": 15}
    assert report.exit_code == 0, report.experiments[0].reasons
    server.reset()
    assert comparable(await checked(folder)) == comparable(report)
    assert not server.requests


async def test_adding_a_scorer_rescoring_calls_nothing_and_keeps_the_verdict(
    server: ModelServer, folder: ProjectFolder
) -> None:
    first = await checked(folder)
    called = server.count
    folder.scorers.append({"type": "contains", "value": "yes"})
    folder.write()
    report = await checked(folder)
    assert server.count == called
    assert report.experiments[0].status == first.experiments[0].status
    found = next(m for m in report.experiments[0].metrics if m.metric == "contains")
    assert (found.n_pairs, found.baseline) == (60, pytest.approx(0.9))


async def test_a_changed_dataset_is_a_new_version_and_new_runs(server: ModelServer, folder: ProjectFolder) -> None:
    first = await checked(folder)
    server.reset()
    folder.rows = 61
    folder.write()
    second = await checked(folder)
    old, new = first.experiments[0].dataset, second.experiments[0].dataset
    assert old is not None and new is not None
    assert new.hash != old.hash
    assert new.rows == 61
    assert {item_of(r) for r in server.requests if arm_of(r) == "short"} == {60}  # the rest is in the cache


async def test_another_seed_calls_every_arm_anew(server: ModelServer, folder: ProjectFolder) -> None:
    await checked(folder)
    seeds = {request.seed for request in server.requests}
    server.reset()
    report = await checked(folder, seed=7)
    assert arms_called(server) == {"long": 60, "short": 60}
    assert not seeds & {request.seed for request in server.requests}
    assert report.experiments[0].status == "pass"


async def test_offline_with_something_missing_ends_with_four(server: ModelServer, folder: ProjectFolder) -> None:
    report = await checked(folder, offline=True)
    assert (report.exit_code, report.experiments[0].status) == (4, "error")
    assert "180 answers" in report.experiments[0].reasons[0]
    assert server.count == 0


async def test_offline_with_everything_stored_judges(server: ModelServer, folder: ProjectFolder) -> None:
    await checked(folder)
    called = server.count
    assert (await checked(folder, offline=True)).exit_code == 0
    assert server.count == called


async def test_offline_takes_the_copy_from_the_cache_too(server: ModelServer, folder: ProjectFolder) -> None:
    """A CI job that carries the cache along has an empty store, and may not call."""
    carried = folder.root.parent / "answers.cache"
    await checked(folder, cache=carried)
    called = server.count
    other = ProjectFolder(folder.root.parent / "elsewhere", server, rows=60, gates=folder.gates)
    report = await checked(other, offline=True, cache=carried)
    assert report.experiments[0].status != "error", report.experiments[0].reasons
    assert server.count == called


async def test_an_experiment_without_gates_is_not_checked(server: ModelServer, folder: ProjectFolder) -> None:
    folder.gates.clear()
    folder.write()
    with pytest.raises(UsageError):
        await checked(folder)
    assert server.count == 0


async def test_one_variant_is_nothing_to_compare(server: ModelServer, tmp_path: Path) -> None:
    only = ProjectFolder(tmp_path / "p", server, variants={"long": "long {{ text }}"})
    with pytest.raises(ConfigError, match="one variant"):
        await checked(only)
    assert server.count == 0


async def test_an_undefined_variable_is_refused_before_the_first_call(
    server: ModelServer, folder: ProjectFolder
) -> None:
    folder.variants["short"] = "short {{ question }}"
    folder.write()
    with pytest.raises(Exception, match="question"):
        await checked(folder)
    assert server.count == 0


async def test_arms_off_the_axis_are_refused_with_the_fields(server: ModelServer, folder: ProjectFolder) -> None:
    toml = (folder.root / "llmexp.toml").read_text()
    toml += '\n[models.other]\nmodel = "openai/gpt-y"\ntemperature = 0.5\n'
    head, marker, tail = toml.partition("[experiments.tone.variants.short]")
    (folder.root / "llmexp.toml").write_text(head + marker + tail.replace('model = "small"', 'model = "other"', 1))
    with pytest.raises(AxisError, match="temperature"):
        await checked(folder)
    assert server.count == 0


async def test_a_pass_moves_a_label_once_and_rolling_back_restores_it(folder: ProjectFolder) -> None:
    with folder.session() as session:
        move_label(session, "short", "staging", reason="by hand")
        before = label_history(session.store, "short", "staging")[0].new_hash
    folder.variants["short"] = "short please {{ text }}"
    folder.write()
    for _ in range(2):
        report = await checked(folder, label_on_pass="staging")
    assert "already" in report.experiments[0].notes[-1]
    with folder.session() as session:
        moved = label_history(session.store, "short", "staging")
        assert len(moved) == 2
        assert (moved[0].old_hash, moved[0].new_hash) == (before, resolve_prompt(session, "short").hash)
        (entry, _) = entries(session.store, action="label")
        assert entry.detail["reason"].startswith("gate of tone passed, registration ")
        assert roll_back(session, "short", "staging").new_hash == before


async def test_a_label_that_has_reached_the_file_leaves_nothing_to_compare(
    server: ModelServer, folder: ProjectFolder
) -> None:
    for wanted, calls in (("text", 180), ("item", 120)):  # the baseline's answers are known the second time
        folder.add_experiment("tone", variants={v: {"prompt": f"short{at}", "model": "small"} for v, at in PINNED})
        with folder.session() as session:
            if wanted == "text":
                move_label(session, "short", "staging", reason="by hand")
        (folder.root / "short.md").write_text(f"short {wanted} {{{{ text }}}}")
        for count in (calls, 0):
            server.reset()
            report = await checked(folder, label_on_pass="staging")
            assert (report.status, server.count) == ("pass", count), report.experiments[0].reasons
    assert '"short@staging" is what the other variant is' in report.experiments[0].notes[0]


async def test_a_label_returns_to_what_a_person_took_it_off_by_a_person_only(folder: ProjectFolder) -> None:
    async def passed(word: str) -> CheckReport:
        folder.variants["short"] = f"short {word} {{{{ text }}}}"
        folder.write()
        return await checked(folder, label_on_pass="staging")

    def place() -> str:
        with folder.session() as session:
            return label_history(session.store, "short", "staging")[0].new_hash

    await passed("one")
    one = place()
    await passed("two")
    two = place()
    await passed("one")
    assert place() == one, "a gate moved it away from here, and a gate may move it back"
    await passed("two")
    with folder.session() as session:
        roll_back(session, "short", "staging")
    report = await passed("two")
    assert (report.exit_code, place()) == (0, one)
    (warning,) = report.experiments[0].warnings
    assert f'label "staging" of prompt "short" stays on {one[:12]}' in warning
    assert f"took it off {two[:12]}" in warning
    assert "llmexp-tui prompts label" in warning
    await passed("three")
    with folder.session() as session:
        move_label(session, "short", "staging", two, "by hand after all")
    await passed("three")
    assert place() == two
    await passed("four")
    await passed("two")
    assert place() == two, "the person's last word on it was to put it there"


async def test_what_did_not_pass_moves_no_label(server: ModelServer, folder: ProjectFolder) -> None:
    server.answer = answering(lambda arm, item: arm == "short" and item % 2 == 0)
    assert (await checked(folder, label_on_pass="staging")).exit_code == 1
    with folder.session() as session:
        assert label_history(session.store, "short", "staging") == []


async def test_what_one_experiment_did_not_let_pass_gets_no_label_from_another(folder: ProjectFolder) -> None:
    folder.add_experiment("again", gates=[{"metric": "exact_match", "margin": 0.001}])
    report = await checked(folder, label_on_pass="staging")
    passed, other = report.experiments
    assert (passed.status, other.status) == ("pass", "inconclusive")
    assert 'was not moved: "again" did not pass it' in passed.warnings[-1]
    with folder.session() as session:
        assert label_history(session.store, "short", "staging") == []


async def test_what_is_no_label_is_refused_before_a_call(server: ModelServer, folder: ProjectFolder) -> None:
    with pytest.raises(UsageError, match="is no label"):
        await checked(folder, label_on_pass="a@b")
    assert server.count == 0


async def test_fresh_and_offline_exclude_each_other(server: ModelServer, folder: ProjectFolder) -> None:
    with pytest.raises(UsageError, match="--offline"):
        await checked(folder, fresh=True, offline=True)


async def test_an_unknown_price_with_a_cap_is_refused_before_anything(
    server: ModelServer, folder: ProjectFolder
) -> None:
    folder.model["model"] = "openai/nobody-knows-this"
    folder.write()
    with pytest.raises(UsageError, match="price"):
        await checked(folder, max_cost=1.0)
    assert server.count == 0


async def test_a_gate_on_a_cost_that_nobody_knows_is_refused_before_anything_is_called(
    server: ModelServer, folder: ProjectFolder
) -> None:
    folder.gates.append({"metric": "cost", "margin": "10%"})
    folder.write()
    with pytest.raises(ConfigError, match=r'price of model "openai/gpt-x" is unknown.*input_cost_per_mtok'):
        await checked(folder)
    assert server.count == 0
    folder.gates[-1]["role"] = "exploratory"
    folder.write()
    assert (await checked(folder)).exit_code == 0


async def test_what_is_listed_as_exploratory_is_not_looked_at_by_a_gate(folder: ProjectFolder) -> None:
    folder.gates += [SPEED_GATE, {"metric": "errors", "margin": 0.5}]
    folder.write()
    (experiment,) = (await checked(folder)).experiments
    assert "no gate looks at latency, cost: shown as exploratory" in experiment.notes


async def test_a_gates_own_rules_reach_the_verdict(server: ModelServer, tmp_path: Path) -> None:
    """strict is judged by its bound, a broken max_change is invalid, grades that are only ordered are counted."""
    graded = [{"type": "rouge_1"}]
    gate = {"metric": "rouge_1", "margin": 0.2}
    for rule, check_it in (
        ({"strict": True}, lambda m: m.method.endswith("betting margin")),
        ({"max_change": 0.0001}, lambda m: m.invalid or m.wins + m.losses == 0),
        ({"interval_scale": False}, lambda m: m.type == "ordinal"),
    ):
        name = next(iter(rule))
        folder = ProjectFolder(tmp_path / name, server, rows=20, scorers=graded, gates=[{**gate, **rule}])
        (experiment,) = (await checked(folder)).experiments
        assert check_it(experiment.metrics[0]), rule


async def test_a_rule_that_does_not_fit_the_metric_is_refused_before_any_call(
    server: ModelServer, tmp_path: Path
) -> None:
    for rule in ({"strict": True}, {"max_change": 0.1}, {"interval_scale": False}):
        name = next(iter(rule))
        folder = ProjectFolder(tmp_path / name, server, gates=[{"metric": "latency", "margin": "10%", **rule}])
        with pytest.raises(ConfigError):
            await checked(folder)
    assert server.count == 0


async def test_the_winner_of_several_candidates_is_to_be_confirmed(server: ModelServer, tmp_path: Path) -> None:
    variants = {name: f"{name} {{{{ text }}}}" for name in ("long", "short", "shorter")}
    gates = [{"metric": "exact_match", "margin": 0.2}]
    folder = ProjectFolder(tmp_path / "project", server, rows=60, variants=variants, gates=gates)
    (experiment,) = (await checked(folder)).experiments
    assert any("confirm it by a fresh run" in note for note in experiment.notes)


@pytest.mark.parametrize(("plan", "calls"), [("early_stop", 600), ("anytime", 600), ("runs", 1800)])
async def test_what_may_stay_open_does_not_end_the_plan_early(tmp_path: Path, plan: str, calls: int) -> None:
    gate = {"metric": "exact_match", "margin": 0.03, "on_inconclusive": "pass"}
    with ModelServer(answering(lambda arm, item: item % 3 == (arm == "short"))) as server:
        wanted = {plan: 3 if plan == "runs" else True, "aa": "optional"}
        report = await checked(ProjectFolder(tmp_path / "p", server, rows=300, gates=[gate], plan=wanted))
        assert (report.status, report.experiments[0].metrics[0].gate) == ("pass", "inconclusive")
        assert server.count == calls


async def test_two_experiments_on_the_same_arms_keep_both_promises(
    server: ModelServer, folder: ProjectFolder
) -> None:
    folder.add_experiment("again", gates=[{"metric": "exact_match", "margin": 0.25}])
    report = await checked(folder)
    assert [e.status for e in report.experiments] == ["pass", "pass"], report.experiments[1].reasons
    assert server.count == 180


async def test_a_row_that_got_worse_shows_the_answers_of_the_repeat_that_did(tmp_path: Path) -> None:
    asked: Counter[tuple[str, int]] = Counter()

    def wrong(arm: str, item: int) -> bool:
        asked[arm, item] += 1
        return arm == "short" and item % 2 == 0 and asked[arm, item] == 1 + item % 3

    with ModelServer(answering(wrong)) as server:
        plan = {"aa": "optional"}
        report = await checked(ProjectFolder(tmp_path / "p", server, rows=40, repeats=3, plan=plan))
    worst = report.experiments[0].worst_rows
    assert len(worst) == 20
    assert {(row.baseline_text, row.candidate_text) for row in worst} == {("yes", "no")}

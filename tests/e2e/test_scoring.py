"""Metrics that are more than a check of one answer: preferences, embeddings, passages, repeats, people, own code."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from llmexp_tui.errors import ConfigError, TrustError, UsageError
from llmexp_tui.reports.html_page import check_html
from llmexp_tui.reports.json import experiment_json
from llmexp_tui.reports.record import CheckReport, ExperimentReport
from llmexp_tui.reports.text_panel import experiment_panel
from llmexp_tui.stats.result import MetricResult
from llmexp_tui.store import scores
from llmexp_tui.store.datasets import row_refs
from llmexp_tui.tui.reads.distribution import read_histogram
from llmexp_tui.tui.reads.rows import RowSource
from llmexp_tui.tui.state.cells import plain
from llmexp_tui.tui.state.results import sentences
from llmexp_tui.tui.state.rows import RowQuery, score_lines
from llmexp_tui.workflows.check import CheckOptions, check
from llmexp_tui.workflows.compare import compare_experiment, compare_runs
from llmexp_tui.workflows.human import give_grade, give_preference, people_agreement
from llmexp_tui.workflows.plan import plan_experiment
from llmexp_tui.workflows.rejudge import rejudge
from llmexp_tui.workflows.run import RunOptions, RunOutcome, run_experiment
from tests.cli.program import llmexp
from tests.fakes.judges import MODELS, RUBRIC, court, grade, judge_requests, shown
from tests.fakes.model_server import ModelServer
from tests.fakes.projects import ProjectFolder, answering, arm_of, item_of
from tests.fakes.replies import Recorded, Reply, says

ROWS = 40
NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
PREFER = {"type": "pairwise", "name": "preferred", "model": "jury", "against": "baseline"}


def project(root: Path, server: ModelServer | None, *scorers: Any, **given: Any) -> ProjectFolder:
    given = {"rows": ROWS, "gates": (), "models": MODELS, "scorers": scorers or ("exact_match",)} | given
    return ProjectFolder(root / "project", server, **given)


async def ran(folder: ProjectFolder, **options: Any) -> RunOutcome:
    with folder.session() as session:
        outcome = await run_experiment(session, "tone", RunOptions(**options))
    assert outcome.exit_code == 0, outcome.stop_reason
    return outcome


async def checked(folder: ProjectFolder) -> ExperimentReport:
    with folder.session() as session:
        return (await check(session, CheckOptions())).experiments[0]


def compared(folder: ProjectFolder) -> ExperimentReport:
    with folder.session() as session:
        return compare_experiment(session, "tone")


def metric(report: ExperimentReport, name: str) -> MetricResult:
    return next(m for m in report.metrics if m.metric == name)


# ---- preferences


def better(first: bool) -> dict[str, Any]:
    return {"reason": "r", "better": "first" if first else "second"}


def prefers(text: str) -> Any:
    return lambda request: better(text in shown(request, "first answer"))


async def test_a_candidate_is_preferred_over_the_baselines_own_answer(tmp_path: Path) -> None:
    with court(prefers("yes, please")) as server:
        server.answer = lambda request: "yes, please" if arm_of(request) == "short" else "yes"
        folder = project(tmp_path, server, PREFER, gates=[{"metric": "preferred", "margin": 0.1}])
        report = await checked(folder)
        found = metric(report, "preferred")
        assert (found.type, found.wins, found.losses, found.delta) == ("pairwise", ROWS, 0, 1.0)
        assert (found.verdict, found.gate) == ("improved", "pass")
        assert report.status == "pass"
        assert found.noise_floor_state == "deterministic"  # the copy's answers are the baseline's: all ties
        asked = judge_requests(server)
        assert len(asked) == 3 * ROWS  # both orders of the candidate, and the A/A copy's, whose orders are the same
        answers = {(shown(r, "first answer"), shown(r, "second answer")) for r in asked}
        assert answers == {("yes", "yes"), ("yes", "yes, please"), ("yes, please", "yes")}
        assert report.baseline is not None and report.baseline.unscored == report.candidates[0].unscored == ()
        called = server.count
        assert (await checked(folder)).calls == 0
        assert server.count == called


async def test_a_judge_that_chooses_places_decides_nothing_and_is_told_on(tmp_path: Path) -> None:
    with court(lambda request: better(True)) as server:
        folder = project(tmp_path, server, PREFER)
        await ran(folder)
    report = compared(folder)
    assert (metric(report, "preferred").delta, metric(report, "preferred").ties) == (0.0, ROWS)
    (note,) = [note for note in report.notes if f"on {ROWS} of {ROWS} answers" in note]
    assert "100% (91% to 100%) of them for the one shown first, binomial p = 1.8e-12" in note
    assert any("prefers the answer shown first" in warning for warning in report.warnings)


async def test_a_judge_that_chooses_places_is_told_on_without_a_baseline_too(tmp_path: Path) -> None:
    with court(lambda request: better(False)) as server:
        folder = project(tmp_path, server, {"type": "pairwise", "name": "as_good", "model": "jury"}, rows=12)
        await ran(folder)
    report = compared(folder)
    notes = [note for note in report.notes if "on 12 of 12 answers" in note and "binomial p = 0.00049" in note]
    assert [note.partition(":")[0] for note in notes] == ["as_good, long", "as_good, short"]
    assert any("prefers the answer shown second" in warning for warning in report.warnings)


async def test_without_expected_answers_the_baseline_is_what_is_preferred_over(tmp_path: Path) -> None:
    with court(prefers("yes")) as server:
        folder = project(tmp_path, server, {k: v for k, v in PREFER.items() if k != "against"})
        (folder.root / "items.csv").write_text("text\n" + "".join(f"item {n}.\n" for n in range(ROWS)))
        server.answer = lambda request: "no" if arm_of(request) == "short" else "yes"
        await ran(folder)
    assert metric(compared(folder), "preferred").delta == -1.0


async def test_the_rows_of_a_preference_show_which_answer_was_preferred_and_why(tmp_path: Path) -> None:
    with court(prefers("yes")) as server:
        folder = project(tmp_path, server, PREFER, rows=6)
        server.answer = lambda request: "no" if arm_of(request) == "short" and item_of(request) < 2 else "yes"
        long, short = (await ran(folder)).runs
    with folder.session() as session:
        asked = RowQuery(long.id, short.id, "preferred", filter="regressed", sort="change")
        source = RowSource(asked, session)
        assert source.count() == 2
        assert "0 → −1" in plain(source.page(0, 1)[0].cells[1])
        detail = source.detail(0)
        assert detail is not None and detail.candidate.scores[0]["preferred"].label == "worse"
        assert RowSource(replace(asked, filter="all"), session).count() == 6


async def test_a_failed_call_loses_and_two_failed_ones_tie(tmp_path: Path) -> None:
    def fails(request: Recorded) -> Reply | None:
        if request.body["model"].startswith("judge"):
            return says(json.dumps({"reason": "r", "better": "tie"}))
        lost = {0: ("long",), 1: ("short",), 2: ("long", "short")}.get(item_of(request), ())
        return Reply(status=400, error=("e", "context_length_exceeded", "maximum context length"), text=None) if (
            arm_of(request) in lost) else None  # fmt: skip

    with ModelServer(answering()).behave(fails) as server:
        folder = project(tmp_path, server, PREFER, plan={"max_error_rate": 0.5})
        await ran(folder)
    found = metric(compared(folder), "preferred")
    assert (found.n_pairs, found.wins, found.losses, found.ties) == (ROWS, 1, 1, ROWS - 2)


async def test_runs_of_two_groups_are_asked_about_together_on_demand(tmp_path: Path) -> None:
    with court(prefers("no")) as server:
        server.answer = lambda request: "no" if arm_of(request) == "short" else "yes"
        folder = project(tmp_path, server, PREFER)
        one = (await ran(folder, variants=("long",))).runs[0]
        two = (await ran(folder, variants=("short",))).runs[0]
        with folder.session() as session:
            before = compare_runs(session, one.id, two.id)
            assert any(f"llmexp-tui judge {one.id} {two.id}" in warning for warning in before.warnings)
            assert metric(before, "preferred").delta is None
            assert (await rejudge(session, (one.id, two.id), RunOptions())).calls == 2 * ROWS
            assert metric(compare_runs(session, one.id, two.id), "preferred").delta == 1.0


# ---- embeddings


def embeddings(request: Recorded) -> Reply | None:
    """A vector that tells yes from no; everything else is a chat answer."""
    if not request.path.endswith("/embeddings"):
        return None
    vectors = [[1.0, 0.0] if "yes" in text else [0.6, 0.8] for text in request.body["input"]]
    data = [{"object": "embedding", "index": i, "embedding": v} for i, v in enumerate(vectors)]
    usage = {"prompt_tokens": 3, "total_tokens": 3}
    return Reply(raw=json.dumps({"object": "list", "data": data, "model": "embed-2026-01-01", "usage": usage}))


async def test_answers_are_embedded_once_by_text_and_costed_apart(tmp_path: Path) -> None:
    price = {"input_cost_per_mtok": 1000.0, "output_cost_per_mtok": 0.0}
    table = {"embed": {"model": "openai/embed-2026-01-01", **price}}
    near = {"type": "semantic_similarity", "name": "near", "model": "embed"}
    with ModelServer(answering()).behave(embeddings) as server:
        folder = project(tmp_path, server, near, models=table)
        await ran(folder)
        sent = [r for r in server.requests if r.path.endswith("/embeddings")]
        assert sorted(text for request in sent for text in request.body["input"]) == ["no", "yes"]
        report = compared(folder)
        assert metric(report, "near").baseline == pytest.approx(0.9 + 0.1 * 0.6)
        arm = report.candidates[0]
        assert (arm.unscored, arm.judges) == ((), ("embed-2026-01-01",))
        costs = [a.judge_cost_usd for a in (report.baseline, arm) if a is not None]
        assert sum(cost or 0.0 for cost in costs) == pytest.approx(0.003 * len(sent))
        await ran(folder, fresh=False)
        assert [r for r in server.requests if r.path.endswith("/embeddings")] == sent
        folder.write_rows(f"item {n}." for n in range(ROWS + 1))
        await ran(folder)
        assert [r for r in server.requests if r.path.endswith("/embeddings")] == sent  # no text is new


async def test_a_fresh_run_embeds_once_too_whatever_scorers_share_the_vectors(tmp_path: Path) -> None:
    near = {"type": "semantic_similarity", "name": "near", "model": "embed"}
    with ModelServer(answering()).behave(embeddings) as server:
        folder = project(tmp_path, server, near, models={"embed": {"model": "openai/embed-2026-01-01"}})
        await ran(folder)
        await ran(folder, fresh=True)
        sent = [text for r in server.requests if r.path.endswith("/embeddings") for text in r.body["input"]]
        assert sorted(sent) == ["no", "no", "yes", "yes"]
        folder.scorers.append({**near, "name": "close", "threshold": 0.9})
        folder.write()
        with folder.session() as session:
            assert (await rejudge(session, ("tone",), RunOptions())).calls == 0
    assert metric(compared(folder), "close").baseline == 0.9


async def test_an_answer_uses_the_vectors_it_had_made_though_the_clock_was_set_back(tmp_path: Path) -> None:
    clock = [NOON]

    def behave(request: Recorded) -> Reply | None:
        if request.path.endswith("/embeddings"):
            clock.append(NOON - timedelta(hours=1))
        return embeddings(request) if request.index < 100 else Reply(status=400)  # asking again and again must end

    near = {"type": "semantic_similarity", "name": "near", "model": "embed"}
    with ModelServer(lambda request: f"yes {item_of(request)}").behave(behave) as server:
        folder = project(tmp_path, server, near, models={"embed": {"model": "openai/embed-2026-01-01"}}, rows=6)
        with folder.session() as session:
            session.now = lambda: clock[-1]
            await run_experiment(session, "tone", RunOptions(fresh=True))
        sent = [text for r in server.requests if r.path.endswith("/embeddings") for text in r.body["input"]]
    assert len(sent) <= 2 * 6 * 2  # each answer's text and the expected one, no more than once for each answer
    assert compared(folder).candidates[0].unscored == ()


async def test_an_embedding_that_fails_leaves_the_output_unscored(tmp_path: Path) -> None:
    def behave(request: Recorded) -> Reply | None:
        broken = request.path.endswith("/embeddings") and "no" in request.body["input"]
        return Reply(raw='{"data": []}') if broken else embeddings(request)

    with ModelServer(answering()).behave(behave) as server:
        scorer = {"type": "semantic_similarity", "name": "near", "model": "embed"}
        folder = project(tmp_path, server, scorer, models={"embed": {"model": "openai/embed-1"}}, rows=12)
        await ran(folder)
    assert compared(folder).candidates[0].unscored == (("near", 2),)


async def test_the_offline_embedding_needs_nobody(tmp_path: Path) -> None:
    with ModelServer(answering()) as server:
        folder = project(tmp_path, server, "semantic_similarity")
        assert (await ran(folder)).calls == 2 * ROWS
    assert metric(compared(folder), "semantic_similarity").baseline == pytest.approx(0.9, abs=0.02)


# ---- passages of a retriever


def clerk(request: Recorded) -> dict[str, Any]:
    """Splits into one statement, supports whatever holds `yes`, finds everything useful."""
    asked = request.body["response_format"]["json_schema"]["schema"]["properties"]
    data = str(request.messages[1]["content"])
    if "statements" in asked:
        return {"statements": [shown(request, "answer")]}
    if "verdicts" in asked:
        return {"verdicts": [{"reason": "r", "verdict": int("yes" in shown(request, "context"))}]}
    if "rating" in asked:
        return {"reason": "r", "rating": 1}
    if "noncommittal" in asked:
        return {"question": "item 1.", "noncommittal": 0}
    assert "verdict" in asked, data
    return {"reason": "r", "verdict": 1}


RAG = ("faithfulness", "answer_relevancy", "context_precision", "context_recall", "context_relevance",
       "noise_sensitivity")  # fmt: skip


async def test_every_scorer_of_retrieval_works_on_a_column_of_passages(tmp_path: Path) -> None:
    with court(clerk) as server:
        scorers = [{"type": kind, "model": "jury"} for kind in RAG]
        folder = project(tmp_path, server, *scorers, rows=3)
        lines = [f'item {n}.,yes,"[""the answer is yes"", ""chaff""]"' for n in range(3)]
        (folder.root / "items.csv").write_text("\n".join(["text,expected,contexts", *lines]) + "\n")
        await ran(folder)
    report = compared(folder)
    assert report.candidates[0].unscored == ()
    values = {kind: metric(report, kind).candidate_value for kind in RAG}
    assert (values["faithfulness"], values["context_precision"], values["context_relevance"]) == (1.0, 1.0, 0.5)
    assert metric(report, "noise_sensitivity").direction == "lower"


async def test_passages_that_nobody_brings_are_refused_before_the_first_call(tmp_path: Path) -> None:
    with court(clerk) as server:
        folder = project(tmp_path, server, {"type": "faithfulness", "model": "jury"})
        with pytest.raises(ConfigError, match='add a column "contexts"'):
            await ran(folder)
        assert server.count == 0


# ---- repeats


async def test_pass_at_k_is_one_value_a_row_under_its_own_name(tmp_path: Path) -> None:
    seen: dict[tuple[str, int], int] = {}

    def answer(request: Recorded) -> str:
        key = arm_of(request), item_of(request)
        seen[key] = seen.get(key, 0) + 1
        right = {"long": 1, "short": 2}[key[0]] if key[1] % 2 else 3
        return "yes" if seen[key] <= right else "no"

    with ModelServer(answer) as server:
        folder = project(
            tmp_path, server, "exact_match", {"type": "exact_match", "pass_at_k": 2},
            {"type": "exact_match", "pass_hat_k": 3, "name": "always"}, repeats=3,
            gates=[{"metric": "exact_match_pass_at_2", "margin": 0.1}],
        )  # fmt: skip
        await ran(folder)
    report = compared(folder)
    at, always = metric(report, "exact_match_pass_at_2"), metric(report, "always")
    assert at.baseline == pytest.approx((2 / 3 + 1) / 2)  # one of three passes: 1 - C(2,2)/C(3,2)
    assert at.candidate_value == pytest.approx(1.0)
    assert (always.baseline, always.candidate_value) == (0.5, 0.5)
    assert (at.type, at.repeats, at.n_pairs) == ("bounded", 1.0, ROWS)
    assert metric(report, "exact_match").candidate_value == pytest.approx((2 / 3 + 1) / 2)
    assert [row.metric for row in report.worst_rows] == []


async def test_more_of_k_than_repeats_is_refused(tmp_path: Path) -> None:
    with ModelServer(answering()) as server:
        folder = project(tmp_path, server, {"type": "exact_match", "pass_at_k": 3}, repeats=2)
        with pytest.raises(ConfigError, match="repeats = 3"):
            await ran(folder)
        assert server.count == 0


# ---- a judge's own noise


async def test_judging_again_gives_the_judges_share_of_the_noise(tmp_path: Path) -> None:
    def verdict(request: Recorded) -> dict[str, Any]:
        return grade(2 if (request.seed or 0) % 2 else 4)  # the same answer, another seed, another grade

    with court(verdict, wrong=lambda arm, item: False) as server:
        folder = project(tmp_path, server, {**RUBRIC, "rejudge": 3}, gates=[{"metric": "tone", "margin": 0.5}])
        report = await checked(folder)
        assert len(judge_requests(server)) == (3 + 3) * ROWS
        (noise,) = report.judge_noise
        assert (noise.metric, noise.judgements) == ("tone", 4)
        assert noise.judge == pytest.approx(0.0625, rel=0.5)  # grades 0.25 and 0.75, evenly: variance 1/16
        assert noise.share is not None and noise.share > 0.6  # all of it, but for the draw
        (entry,) = experiment_json(report)["judge_noise"]
        assert entry["share"] == noise.share
        parts = (noise.change_judge, noise.change_generation, noise.change_rows)
        assert [entry["change_judge"], entry["change_generation"], entry["change_rows"]] == list(parts)
        assert sum(part or 0.0 for part in parts) == pytest.approx(1.0)
        app = " ".join(plain(line) for line in sentences(report, None))
        page = check_html(CheckReport((report,)))
        for shown in (app, page, " ".join(experiment_panel(report).split())):
            assert "from which rows there are" in shown
        called = server.count
        folder.scorers[0] = RUBRIC
        folder.write()
        without = await checked(folder)  # how often one judges again is no part of what is registered
        assert (without.status, without.judge_noise, server.count) == (report.status, (), called)


# ---- people


async def test_the_rows_of_what_people_said_show_it_with_who_and_when(tmp_path: Path) -> None:
    with ModelServer(answering()) as server:
        folder = project(tmp_path, server, "exact_match", {"type": "human"}, {"type": "human", "name": "liked",
                         "kind": "preference"}, rows=4)  # fmt: skip
        long, short = (await ran(folder)).runs
    with folder.session() as session:
        rows = [ref.no for ref in row_refs(session.store, long.dataset_hash)]
        for who, grade_given in (("ada", 1), ("bob", 2)):
            session.who = who
            give_grade(session, long, rows[0], 5)
            give_grade(session, short, rows[0], grade_given, note="curt")
            give_preference(session, long, short, rows[0], "baseline" if who == "ada" else "tie")
        for name, said in (("human", "5 → 1.5"), ("liked", "0 → −0.5")):
            source = RowSource(RowQuery(long.id, short.id, name, filter="regressed"), session)
            assert source.count() == 1
            assert said in plain(source.page(0, 1)[0].cells[1])
        detail = source.detail(0)
        assert detail is not None
        told = [plain(line) for line in score_lines(detail)]
        assert "grade by ada  5 → 1" in told and "preference by bob  – → 0.500 (tie)" in told
        assert any(line.startswith("  short: 20") and line.endswith(" UTC · curt") for line in told)
        report = compare_experiment(session, "tone")
        shown_there = read_histogram(report, "short", "human", session)
        assert shown_there is not None


async def test_grades_of_people_are_a_metric_with_who_and_when(tmp_path: Path) -> None:
    with ModelServer(answering()) as server:
        folder = project(tmp_path, server, "exact_match", {"type": "human"}, {"type": "human", "name": "liked",
                         "kind": "preference"})  # fmt: skip
        outcome = await ran(folder)
    long, short = outcome.runs
    with folder.session() as session:
        assert not [m for m in compare_experiment(session, "tone").metrics if m.metric in ("human", "liked")]
        rows = [ref.no for ref in row_refs(session.store, long.dataset_hash)][:30]
        for who, shift in (("ada", 0), ("bob", 1)):
            session.who = who
            for n, row in enumerate(rows):
                give_grade(session, long, row, 2 + n % 2, note="hm")
                give_grade(session, short, row, 3 + n % 2 + shift)
                give_preference(session, long, short, row, "candidate" if n % 3 else "tie")
        give_grade(session, long, rows[0], None)
        with pytest.raises(UsageError, match="from 1 to 5"):
            give_grade(session, long, rows[0], 6)
        report = compare_experiment(session, "tone")
        graded, liked = metric(report, "human"), metric(report, "liked")
        assert (graded.n_pairs, graded.baseline, graded.candidate_value) == (30, 2.5, 4.0)
        assert (liked.type, liked.wins, liked.ties, liked.losses) == ("pairwise", 20, 10, 0)
        said = scores.ratings(session.store, long.id, graded_by(session, long))
        assert said[rows[1], 0]["ada"].reason == "hm"
        assert set(said[rows[0], 0]) == {"ada"}
        both = people_agreement(session, "ab", [long], [short])
        assert both is not None and (both.method, both.agreement.value) == ("Cohen's kappa", 1.0)
        assert any("Cohen's kappa" in note for note in report.notes)
        session.who = "eve"
        for n, row in enumerate(rows[:10]):
            give_preference(session, long, short, row, "baseline" if n % 2 else "tie")
        three = people_agreement(session, "ab", [long], [short])
        assert three is not None and three.method == "Krippendorff's alpha"
        assert three.people == ("ada", "bob", "eve")
        assert three.agreement.value is not None and three.agreement.value < 0.9


def graded_by(session: Any, run: Any) -> str:
    from llmexp_tui.workflows.human import human_fingerprint

    return human_fingerprint("rubric")


async def test_people_cannot_be_cut_or_turned_round(tmp_path: Path) -> None:
    with ModelServer(answering()) as server:
        folder = project(tmp_path, server, {"type": "human", "threshold": 4})
        with pytest.raises(ConfigError, match="what people gave"):
            await ran(folder)


# ---- own code, composites, direction

OWN = """
async def soft(row, output):
    return {"value": 0.5 if output == "yes" else 0.25, "label": row["text"]}

def hard(row, output):
    return output == row["expected"]
"""
COMMAND = """
import json, sys
seen = json.load(sys.stdin)
print(json.dumps({"value": len(seen["output"]) / 10, "reason": seen["row"]["text"]}))
"""


def own_code(root: Path, server: ModelServer, *more: Any) -> ProjectFolder:
    folder = project(
        root, server, {"python": "own.py:hard", "values": "binary"}, {"python": "own.py:soft"},
        {"command": [sys.executable, "count.py"], "name": "size"}, *more, rows=10,
    )  # fmt: skip
    (folder.root / "own.py").write_text(OWN)
    (folder.root / "count.py").write_text(COMMAND)
    return folder


async def test_own_code_scores_in_a_trusted_project_and_goes_into_composites(tmp_path: Path) -> None:
    parts = ["hard", {"type": "refusal", "weight": 3}]
    with ModelServer(answering()) as server:
        folder = own_code(tmp_path, server, {"type": "composite", "name": "all", "parts": parts})
        await ran(folder)
    report = compared(folder)
    assert metric(report, "hard").baseline == pytest.approx(0.9)
    assert metric(report, "soft").baseline == pytest.approx(0.475)
    assert metric(report, "size").baseline == pytest.approx(0.29)
    assert metric(report, "all").baseline == pytest.approx((0.9 + 3) / 4)  # refusal is better low: nobody refused
    assert report.candidates[0].unscored == ()


async def test_own_code_without_trust_is_refused_by_name(tmp_path: Path) -> None:
    with ModelServer(answering()) as server:
        folder = own_code(tmp_path, server)
        folder.model |= {"api_base": "https://api.openai.com/v1"}
        folder.models = {}
        folder.write()
        with pytest.raises(TrustError, match=r"python = own\.py:hard"), folder.session(trust=False) as session:
            await run_experiment(session, "tone", RunOptions())
        assert server.count == 0


def test_own_code_without_trust_is_exit_two_naming_the_power(tmp_path: Path) -> None:
    folder = project(tmp_path, None, {"command": [sys.executable, "count.py"], "name": "size"}, rows=3, models={})
    (folder.root / "count.py").write_text(COMMAND)
    refused = llmexp("run", "tone", cwd=folder.root)
    assert refused.code == 2
    assert "command = " in refused.err and "count.py" in refused.err
    trusted = llmexp("run", "tone", "--trust", cwd=folder.root)
    assert trusted.code == 0, trusted.err


async def test_a_row_is_shown_once_though_its_metric_has_two_gates(tmp_path: Path) -> None:
    with ModelServer(lambda request: "yes it is" if arm_of(request) == "short" else "yes") as server:
        gates = [{"metric": "words", "margin": 1.0}, {"metric": "words", "margin": 1.0, "statistic": "p90"}]
        words = {"type": "length", "name": "words", "direction": "lower"}
        report = await checked(project(tmp_path, server, words, gates=gates, plan={"aa": "optional"}))
    assert sorted(row.row for row in report.worst_rows) == sorted({row.row for row in report.worst_rows})
    assert len(report.worst_rows) == metric(report, "words").n_pairs
    assert report.unshown_rows == 0


async def test_lower_is_better_all_the_way(tmp_path: Path) -> None:
    refuses = "I'm sorry, but I can't help with that."
    with ModelServer(lambda request: refuses if arm_of(request) == "short" else "yes") as server:
        folder = project(
            tmp_path, server, "refusal", {"type": "length", "name": "words", "direction": "lower"},
            gates=[{"metric": "refusal", "margin": 0.05}], plan={"aa": "optional"},
        )  # fmt: skip
        report = await checked(folder)
    found = metric(report, "refusal")
    assert (found.direction, found.delta, found.verdict, found.gate) == ("lower", 1.0, "regressed", "fail")
    assert report.status == "fail"
    assert [(row.baseline_score, row.candidate_score) for row in report.worst_rows] == [(0.0, 1.0)] * found.n_pairs
    assert metric(report, "words").verdict == "regressed"


async def test_an_undirected_metric_is_shown_and_judged_by_nobody(tmp_path: Path) -> None:
    with ModelServer(answering()) as server:
        folder = project(tmp_path, server, "word_count")
        await ran(folder)
    found = metric(compared(folder), "word_count")
    assert (found.verdict, found.baseline, found.direction) == ("inconclusive", 1.0, "none")
    assert "neither more nor less" in found.reason


async def test_a_command_that_is_not_there_is_refused_before_the_first_call(tmp_path: Path) -> None:
    own = {"command": ["./score.sh"], "name": "own"}
    with ModelServer(answering()) as server:
        folder = project(tmp_path, server, {"command": [sys.executable, "scroe.py"]}, rows=3)
        with pytest.raises(ConfigError, match=r"no program scroe\.py"):
            await ran(folder)
        assert server.count == 0
    with ModelServer(answering()) as server:
        for table in (own, {"type": "composite", "parts": ["exact_match", own]}):
            folder = project(tmp_path, server, "exact_match", table, rows=3)
            script = folder.root / "score.sh"
            script.write_text("#!/bin/sh\necho 1\n")
            script.chmod(0o644)
            with pytest.raises(ConfigError, match=r"no program \./score\.sh that can be started"):
                await ran(folder)
            with folder.session() as session, pytest.raises(ConfigError, match="score"):
                plan_experiment(session, "tone")
            assert server.count == 0
        folder = project(tmp_path, server, "exact_match", own, rows=3)
        script.chmod(0o755)
        await ran(folder)
        script.unlink()
        assert metric(compared(folder), "own").baseline is None  # other code than that which scored: nothing is known
        script.write_text("#!/bin/sh\necho 1\n")
        assert metric(compared(folder), "own").baseline == 1.0  # what is stored can be read without it


def test_the_judge_command_says_what_it_asked(tmp_path: Path) -> None:
    with court() as server:
        folder = project(tmp_path, server, "exact_match", rows=4)
        key = {"MODEL_KEY": "sk-canary-fedcba9876543210"}
        assert llmexp("run", "tone", "--trust", cwd=folder.root, env=key).code == 0
        folder.scorers.append(RUBRIC)
        folder.write()
        done = llmexp("judge", "tone", "--trust", cwd=folder.root, env=key)
    assert done.code == 0, done.err
    assert "8 calls made" in done.out
    assert "judge-2026-01-02" in done.out
    assert llmexp("judge", "--trust", cwd=folder.root).code == 2


def test_a_run_warns_of_a_judge_that_can_move(tmp_path: Path) -> None:
    with court() as server:
        jury = {**MODELS["jury"], "model": "openai/judge-latest"}
        folder = project(tmp_path, server, RUBRIC, rows=3, models={"jury": jury})
        done = llmexp("run", "tone", "--trust", cwd=folder.root, env={"MODEL_KEY": "sk-canary-fedcba9876543210"})
    assert done.code == 0, done.err
    assert 'warning: tone: the judge "openai/judge-latest" is not a pinned model id' in done.err

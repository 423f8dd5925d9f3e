"""What `plan` says of judges against what a run then really asks them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from llmexp_tui.reports.plan_panel import plan_panel
from llmexp_tui.workflows.plan import plan_experiment
from llmexp_tui.workflows.run import RunOptions, run_experiment
from tests.e2e.test_scoring import RAG, clerk, embeddings
from tests.fakes.judges import MODELS, PRICES, RUBRIC, court, grade, is_judge, judge_requests
from tests.fakes.projects import ProjectFolder, arm_of
from tests.fakes.replies import Recorded

ROWS = 6
SCORERS: list[dict[str, Any]] = [
    {**RUBRIC, "rejudge": 2}, {**RUBRIC, "name": "twice", "samples": 2},
    {"type": "pairwise", "name": "liked", "model": "jury", "against": "baseline"},
    *({"type": kind, "model": "jury"} for kind in RAG),
    {"type": "composite", "parts": ["tone", {**RUBRIC, "criteria": "Is it short?"}]},
]  # fmt: skip


def answer(request: Recorded) -> dict[str, Any]:
    asked = request.body["response_format"]["json_schema"]["schema"]["properties"]
    if "score" in asked:
        return grade()
    return {"reason": "r", "better": "tie"} if "better" in asked else clerk(request)


def folder_of(root: Path, base: str, *scorers: dict[str, Any], **given: Any) -> ProjectFolder:
    given = {"models": MODELS, "plan": {"aa": "optional"}, "rows": ROWS, "gates": ()} | given
    folder = ProjectFolder(root / "project", base, scorers=scorers, **given)
    lines = [f'item {n}.,yes,"[""the answer is yes"", ""chaff""]"' for n in range(ROWS)]
    (folder.root / "items.csv").write_text("\n".join(["text,expected,contexts", *lines]) + "\n")
    return folder


async def test_the_calls_that_are_planned_are_those_that_are_made(tmp_path: Path) -> None:
    with court(answer) as server:
        server.answer = arm_of  # to two equal answers a preference asks the same in both orders
        folder = folder_of(tmp_path, server.base_url, *SCORERS, model=PRICES)
        with folder.session() as session:
            plan = plan_experiment(session, "tone")
            assert server.count == 0
            outcome = await run_experiment(session, "tone", RunOptions(fresh=True))
        assert outcome.exit_code == 0, outcome.stop_reason
        made = len(judge_requests(server))
        sent = sum(len(str(message["content"])) for r in judge_requests(server) for message in r.messages)
    # The reference's statements, and which of them a passage bears out, are no arm's own: both share the answers.
    assert plan.judge_calls == made + 3 * ROWS
    calls = {one.metric: one.calls for one in plan.judging}
    assert (calls["tone"], calls["twice"], calls["liked"]) == (4 * ROWS, 2 * ROWS, 2 * ROWS)
    assert calls["composite"] == 2 * ROWS  # one of its parts is asked as `tone` is, like the first sample of `twice`
    low, high = (sum(one.tokens[end] for one in plan.judging) for end in (0, 1))
    assert low * 0.8 < sent / 4 < high
    assert plan.cost_usd is not None and 0 < plan.cost_usd[0] < plan.cost_usd[1]
    assert f"{2 * ROWS} calls and {plan.judge_calls:,} to judges" in plan_panel(plan)


async def test_embeddings_are_planned_and_a_judge_without_a_price_leaves_the_cost_unknown(tmp_path: Path) -> None:
    near = {"type": "semantic_similarity", "name": "near", "model": "embed"}
    models = {"embed": {"model": "openai/embed-2026-01-01"}}
    with court().behave(embeddings) as server:
        folder = folder_of(tmp_path, server.base_url, near, models=models, model=PRICES)
        folder.models["embed"] = {k: v for k, v in folder.models["embed"].items() if k not in PRICES}
        folder.write()
        with folder.session() as session:
            plan = plan_experiment(session, "tone")
        assert not [request for request in server.requests if not is_judge(request)]
    (one,) = plan.judging
    assert (one.metric, one.model, one.calls, one.cost_usd) == ("near", "embed", 2 * ROWS, None)
    assert plan.cost_usd is None


def test_own_code_is_not_run_for_a_plan(tmp_path: Path) -> None:
    parts = [{"python": "own.py:hard", "values": "binary"}, RUBRIC]
    folder = ProjectFolder(tmp_path / "project", None, rows=3, gates=(), models=MODELS, scorers=())
    folder.scorers = [{"type": "composite", "parts": parts}]
    folder.write()
    (folder.root / "own.py").write_text("def hard(row, output):\n    open('ran', 'w').close()\n    return 1\n")
    with folder.session() as session:
        plan = plan_experiment(session, "tone")
    assert [(one.metric, one.calls) for one in plan.judging] == [("composite", 9)]
    assert not list(folder.root.rglob("ran")) and not Path("ran").exists()


def test_a_judge_that_can_move_is_warned_of_before_anything_is_spent(tmp_path: Path) -> None:
    models = {"jury": {"model": "openai/judge-latest", **PRICES}}
    folder = ProjectFolder(tmp_path / "project", None, rows=3, gates=(), models=models, scorers=[RUBRIC])
    with folder.session() as session:
        plan = plan_experiment(session, "tone")
    assert any("not a pinned model id" in warning for warning in plan.warnings)

"""A model server that plays the variants and their judge, told apart by the model's name."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.fakes.model_server import ModelServer
from tests.fakes.projects import answering, item_of
from tests.fakes.replies import Recorded, Reply, says

JUDGE = "judge-2026-01-02"
PRICES = {"input_cost_per_mtok": 100.0, "output_cost_per_mtok": 200.0}
MODELS = {"jury": {"model": f"openai/{JUDGE}", **PRICES}}
RUBRIC = {"type": "judge", "name": "tone", "model": "jury", "criteria": "Is it polite?", "scale": [1, 5]}

Verdict = Callable[[Recorded], Reply | dict[str, Any]]


def grade(score: int = 4, **more: Any) -> dict[str, Any]:
    """A readable verdict on the scale of RUBRIC."""
    return {"reason": "because", "score": score, **more}


def is_judge(request: Recorded) -> bool:
    """Whether a request is the judge's."""
    return bool(request.messages) and str(request.body.get("model", "")).startswith("judge")


def judge_requests(server: ModelServer) -> list[Recorded]:
    """What the judge was asked, in order."""
    return [request for request in server.requests if is_judge(request)]


def shown(request: Recorded, part: str) -> str:
    """The text of a fenced part of what the judge was shown."""
    data = str(request.messages[1]["content"])
    return data.partition(f" begin {part}]\n")[2].partition(f"\n[{data[1:17]} end {part}]")[0]


def judged_item(request: Recorded) -> int:
    """The row that a judge's request is about, from the question in it."""
    data = shown(request, "question")
    return item_of(Recorded(0, "", "", {}, {"messages": [{"role": "user", "content": data}]}, 0.0))


def judging(server: ModelServer, verdict: Verdict) -> ModelServer:
    """The same server, with `verdict` answering the judge's requests."""

    def behave(request: Recorded) -> Reply | None:
        if not is_judge(request):
            return None
        found = verdict(request)
        return found if isinstance(found, Reply) else says(json.dumps(found))

    return server.behave(behave)


def court(verdict: Verdict = lambda request: grade(), **variant: Any) -> ModelServer:
    """A server whose judge answers as `verdict` says, its variants as `answering` does."""
    return judging(ModelServer(answering(**variant)), verdict)

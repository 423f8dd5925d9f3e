"""The run of two prompts over a CSV as the programs that people come from do it: calls, an exact match, its result.

    python peer_programs.py NAME PORT CONCURRENCY     (in a project folder of the benchmark)

Run by the interpreter of an environment that has the program, so this file imports nothing else of the project.
Each is written as its own documentation would have it, at its fastest settings.
"""

from __future__ import annotations

import asyncio
import csv
import os
import sqlite3
import sys
from collections.abc import Awaitable, Callable
from typing import Any

Cell = tuple[int, str, str]
"""Row, prompt, expected answer."""


def cells() -> list[Cell]:
    """Both arms of every row."""
    with open("items.csv", encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    return [(no, f"{arm} {row['text']}", row["expected"]) for no, row in enumerate(rows) for arm in ("long", "short")]


async def asked(work: list[Cell], width: int, ask: Callable[[str], Awaitable[str]]) -> list[str]:
    """The answers in the order of the work, `width` calls at a time."""
    answers = [""] * len(work)
    left = iter(enumerate(work))

    async def one() -> None:
        for at, (_, prompt, _) in left:
            answers[at] = await ask(prompt)

    await asyncio.gather(*(one() for _ in range(width)))
    return answers


def kept(work: list[Cell], answers: list[str]) -> None:
    """What a script without a tool would do: score and store."""
    with sqlite3.connect("peer.db") as db:
        db.execute("CREATE TABLE answer (row INTEGER, text TEXT, score REAL)")
        scored = [(no, text, float(text.strip() == want)) for (no, _, want), text in zip(work, answers, strict=True)]
        db.executemany("INSERT INTO answer VALUES (?, ?, ?)", scored)


def openai_ask(port: int) -> Callable[[str], Awaitable[str]]:
    """One call by the vendor's client."""
    from openai import AsyncOpenAI

    client = AsyncOpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="k", max_retries=0)

    async def ask(prompt: str) -> str:
        answer = await client.chat.completions.create(model="gpt-x", messages=[{"role": "user", "content": prompt}])
        return answer.choices[0].message.content or ""

    return ask


def openai(port: int, width: int) -> None:
    """The vendor's client in a script."""
    work = cells()
    kept(work, asyncio.run(asked(work, width, openai_ask(port))))


def litellm(port: int, width: int) -> None:
    """litellm in a script."""
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    from litellm import acompletion

    async def ask(prompt: str) -> str:
        answer = await acompletion(
            model="openai/gpt-x", api_base=f"http://127.0.0.1:{port}/v1", api_key="k",
            messages=[{"role": "user", "content": prompt}],
        )  # fmt: skip
        return answer.choices[0].message.content or ""

    work = cells()
    kept(work, asyncio.run(asked(work, width, ask)))


def deepeval(port: int, width: int) -> None:
    """DeepEval scores answers that a script has fetched."""
    os.environ["DEEPEVAL_TELEMETRY_OPT_OUT"] = "YES"
    from deepeval import evaluate
    from deepeval.evaluate.configs import AsyncConfig, DisplayConfig
    from deepeval.metrics import ExactMatchMetric
    from deepeval.test_case import LLMTestCase

    work = cells()
    answers = asyncio.run(asked(work, width, openai_ask(port)))
    cases = [
        LLMTestCase(input=prompt, actual_output=text, expected_output=want)
        for (_, prompt, want), text in zip(work, answers, strict=True)
    ]
    evaluate(
        test_cases=cases,
        metrics=[ExactMatchMetric()],
        async_config=AsyncConfig(run_async=True, max_concurrent=width),
        display_config=DisplayConfig(print_results=False, show_indicator=False),
    )


def ragas(port: int, width: int) -> None:
    """A ragas experiment that calls and scores each row."""
    os.environ["RAGAS_DO_NOT_TRACK"] = "true"
    from ragas import Dataset, experiment

    work = cells()

    async def run() -> None:
        ask, gate = openai_ask(port), asyncio.Semaphore(width)

        @experiment()
        async def both(row: dict[str, Any]) -> dict[str, Any]:
            async with gate:
                text = await ask(row["prompt"])
            return {**row, "text": text, "score": float(text.strip() == row["expected"])}

        data = Dataset(name="items", backend="local/csv", root_dir=".")
        for no, prompt, want in work:
            data.append({"row": no, "prompt": prompt, "expected": want})
        await both.arun(data)

    asyncio.run(run())


def inspect_ai(port: int, width: int) -> None:
    """Two inspect tasks, one a prompt; without display and without the log that others may watch."""
    os.environ.update(OPENAI_BASE_URL=f"http://127.0.0.1:{port}/v1", OPENAI_API_KEY="k", INSPECT_LOG_DIR="logs")
    from inspect_ai import Task, eval
    from inspect_ai.dataset import Sample
    from inspect_ai.scorer import exact
    from inspect_ai.solver import generate

    samples = [Sample(id=at, input=prompt, target=want) for at, (_, prompt, want) in enumerate(cells())]
    tasks = [Task(dataset=samples[arm::2], solver=generate(), scorer=exact(), name=f"arm{arm}") for arm in (0, 1)]
    eval(
        tasks, model="openai/gpt-x", max_connections=width, max_samples=width, max_tasks=2, display="none",
        log_realtime=False,
    )  # fmt: skip


PROGRAMS = {one.__name__: one for one in (openai, litellm, deepeval, ragas, inspect_ai)}

if __name__ == "__main__":
    PROGRAMS[sys.argv[1]](int(sys.argv[2]), int(sys.argv[3]))

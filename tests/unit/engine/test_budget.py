"""The cost cap: what it waits for, when it ends a run, and in which words."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from llmexp_tui.domain.prompt import Message
from llmexp_tui.domain.usage import Completion, Failure, Price, Request, Usage
from llmexp_tui.engine.budget import Budget, Estimate, Metered, estimate
from llmexp_tui.errors import BudgetError
from llmexp_tui.providers.demo import DemoProvider
from llmexp_tui.store.engine import open_store
from llmexp_tui.store.spending import Spending

AT = "2026-03-04T12:00:00+00:00"


async def test_a_cap_of_less_than_a_cent_is_told_as_what_it_is() -> None:
    budget = Budget(cap_usd=0.00006, spent_usd=0.0000234)
    metered = Metered(DemoProvider({}), budget, "demo", Price(0.1, 0.4, "test"))
    request = Request(model="demo/icl", messages=(Message("user", "hello"),))
    said = "the cost cap of $0.0000600 ($0.0000234 spent, the next call may cost $0.000205)"
    with pytest.raises(BudgetError, match=re.escape(said)):
        await metered.complete(request)


async def test_a_call_waits_for_what_calls_in_flight_leave_of_the_cap() -> None:
    budget = Budget(cap_usd=1.0)
    sure = Estimate(0.6, 0.6)
    assert await budget.reserve("m", sure) == 0.6
    second, third = (asyncio.ensure_future(budget.reserve("m", sure)) for _ in range(2))
    await asyncio.sleep(0)
    assert not second.done() and not third.done(), "0.6 are in flight: what is left of the cap is not known yet"
    budget.settle("m", 0.6, 0.1, answered=True)
    assert await second == 0.6 and not third.done()
    budget.settle("m", 0.6, 0.5, answered=True)
    assert await third is None, "nothing is in flight, and 0.6 more would pass the cap"
    assert budget.spent_usd == pytest.approx(0.6) and budget.reserved_usd == 0.0


@dataclass
class Held:
    """Answers, each of so many tokens, once it is let go."""

    tokens: int
    go: asyncio.Event = field(default_factory=asyncio.Event)
    calls: int = 0

    async def complete(self, request: Request) -> Completion | Failure:
        self.calls += 1
        await self.go.wait()
        return Completion("yes", usage=Usage(0, self.tokens))

    async def aclose(self) -> None:
        pass


@pytest.mark.parametrize("tokens", [20, 600, 8_000])
async def test_answers_of_unknown_length_do_not_pass_the_cap(tokens: int) -> None:
    """Without max_tokens nobody knows what the first calls cost: few are sent until answers have shown it."""
    budget, held = Budget(cap_usd=1.0), Held(tokens)
    held.go.set()
    metered = Metered(held, budget, "m", Price(0.0, 10.0, "test"))
    request = Request(model="m", messages=(Message("user", "hello"),))
    ended = await asyncio.gather(*(metered.complete(request) for _ in range(20_000)), return_exceptions=True)
    assert {type(one) for one in ended} == {Completion, BudgetError}
    assert 1.0 - 3 * tokens * 10 / 1e6 <= budget.spent_usd <= 1.0


async def test_calls_in_flight_grow_with_the_answers() -> None:
    budget, held = Budget(cap_usd=100.0), Held(tokens=100)
    metered = Metered(held, budget, "m", Price(0.0, 10.0, "test"))
    request = Request(model="m", messages=(Message("user", "hello"),))
    waves = []
    calls = [asyncio.ensure_future(metered.complete(request)) for _ in range(60)]
    while not all(call.done() for call in calls):
        before = held.calls
        for _ in range(5):
            await asyncio.sleep(0)
        waves.append(held.calls - before)
        held.go.set()
        await asyncio.sleep(0)
        held.go = asyncio.Event()
    assert waves[:4] == [1, 2, 4, 8] and max(waves) > 32, "once ten answers are known, all may go"


async def test_calls_whose_longest_answer_fits_the_cap_all_go_at_once() -> None:
    sure = Estimate(0.005, 0.03)
    budget = Budget(cap_usd=1.0)
    assert [await budget.reserve("m", sure) for _ in range(32)] == [0.03] * 32


def test_what_a_call_may_cost() -> None:
    price, message = Price(1000.0, 2000.0, "test"), (Message("user", "x" * 4_000),)
    request = Request(model="m", messages=message)
    assert estimate(request, price) == Estimate(2.024, None)
    assert estimate(request, price, longest=100_000) == Estimate(2.024, 201.0)
    assert estimate(request, price, longest=100) == Estimate(1.2, 1.2)
    limited = Request(model="m", messages=message, params={"max_tokens": 1_000})
    assert estimate(limited, price, longest=100_000) == Estimate(3.0, 3.0)
    chinese = Request(model="m", messages=(Message("user", "\u4e00" * 4_000),), params={"max_tokens": 1})
    assert estimate(chinese, Price(1000.0, 0.0, "test")).most_usd == 3.0, "a letter is about a token"
    assert estimate(request, Price(1000.0, 0.0, "test")) == Estimate(1.0, 1.0), "what is embedded has no answer"


async def test_answers_whose_tokens_nobody_told_use_up_the_cap() -> None:
    class Silent(Held):
        async def complete(self, request: Request) -> Completion | Failure:
            self.calls += 1
            return Completion("yes")

    budget, silent = Budget(cap_usd=0.0999), Silent(0)
    metered = Metered(silent, budget, "m", Price(0.0, 10.0, "test"))
    request = Request(model="m", messages=(Message("user", "hello"),), params={"max_tokens": 500})
    ended = await asyncio.gather(*(metered.complete(request) for _ in range(100)), return_exceptions=True)
    assert silent.calls == budget.unpriced == 19
    assert [type(one) for one in ended].count(BudgetError) == 81


async def test_the_projects_cap_counts_what_was_spent_elsewhere(tmp_path: Path) -> None:
    with open_store(tmp_path / "x.db") as store:
        elsewhere, project = (Spending(store, 10.0, lambda: AT) for _ in range(2))
        assert elsewhere.ask(9.0)
        budget = Budget(cap_usd=5.0, project=project)
        assert await budget.reserve("m", Estimate(0.8, 0.8)) == 0.8
        elsewhere.close(9.0)
        budget.settle("m", 0.8, 0.8, answered=True)
        assert await budget.reserve("m", Estimate(0.8, 0.8)) is None
        said = budget.passed("m", Estimate(0.8, 0.8)).sentence
        assert "the project's cost cap of $10.00 ($9.80 spent or set aside by all its runs, the next call" in said
        project.cap_usd = 20.0
        said = budget.passed("m", Estimate(0.8, 0.8)).sentence
        assert "the cost cap of $5.00 ($0.80 spent, the next call may cost $0.80)" in said


async def test_calls_in_flight_count_as_what_answers_have_cost_since() -> None:
    budget, sure = Budget(cap_usd=1.1), Estimate(0.005, 0.005)
    for _ in range(4):
        assert await budget.reserve("m", sure) == 0.005
    budget.settle("m", 0.005, 0.2, answered=True)
    assert budget.reserved_usd == pytest.approx(0.6)
    assert await budget.reserve("m", sure) == pytest.approx(0.2)


async def test_what_is_not_sent_costs_nothing_and_leaves_its_room() -> None:
    class Refusing(Held):
        async def complete(self, request: Request) -> Completion | Failure:
            raise RuntimeError("stopping")

    budget = Budget(cap_usd=1.0)
    request = Request(model="m", messages=(Message("user", "hello"),))
    with pytest.raises(RuntimeError):
        await Metered(Refusing(1), budget, "m", Price(0.0, 10.0, "test")).complete(request)
    assert (budget.spent_usd, budget.reserved_usd) == (0.0, 0.0)

"""The cost cap: what it waits for, when it ends a run, and in which words."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from llmexp_tui.domain.prompt import Message
from llmexp_tui.domain.usage import Completion, Failure, Price, Request, Usage
from llmexp_tui.engine.budget import Budget, Metered
from llmexp_tui.errors import BudgetError
from llmexp_tui.providers.demo import DemoProvider


async def test_a_cap_of_less_than_a_cent_is_told_as_what_it_is() -> None:
    budget = Budget(cap_usd=0.00006, spent_usd=0.0000234)
    metered = Metered(DemoProvider({}), budget, "demo", Price(0.1, 0.4, "test"))
    request = Request(model="demo/icl", messages=(Message("user", "hello"),))
    with pytest.raises(BudgetError, match=r"the cost cap of \$0\.0000600 \(\$0\.0000234 spent\)"):
        await metered.complete(request)


async def test_a_call_waits_for_what_calls_in_flight_leave_of_the_cap() -> None:
    budget = Budget(cap_usd=1.0)
    assert await budget.reserve("m", 0.6) == 0.6
    second, third = (asyncio.ensure_future(budget.reserve("m", 0.6)) for _ in range(2))
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


async def test_answers_longer_than_was_assumed_do_not_pass_the_cap() -> None:
    budget, held = Budget(cap_usd=1.0), Held(tokens=8_000)  # an answer costs 0.08, assumed are 512 tokens: 0.00512
    metered = Metered(held, budget, "m", Price(0.0, 10.0, "test"))
    request = Request(model="m", messages=(Message("user", "hello"),))
    first = [asyncio.ensure_future(metered.complete(request)) for _ in range(8)]
    await asyncio.sleep(0)
    held.go.set()
    await asyncio.gather(*first)
    assert budget.spent_usd == pytest.approx(0.64)
    held.go.clear()
    more = [asyncio.ensure_future(metered.complete(request)) for _ in range(20)]
    await asyncio.sleep(0)
    assert held.calls == 8 + 4, "four more are expected to cost 0.32"
    held.go.set()
    ended = await asyncio.gather(*more, return_exceptions=True)
    assert [type(one) for one in ended].count(BudgetError) == 16
    assert budget.spent_usd == pytest.approx(0.96)


async def test_calls_in_flight_count_as_what_answers_have_cost_since() -> None:
    budget = Budget(cap_usd=1.0)
    for _ in range(4):
        assert await budget.reserve("m", 0.005) == 0.005
    budget.settle("m", 0.005, 0.2, answered=True)
    assert budget.reserved_usd == pytest.approx(0.6)
    assert await budget.reserve("m", 0.005) == pytest.approx(0.2)


async def test_what_is_not_sent_costs_nothing_and_leaves_its_room() -> None:
    class Refusing(Held):
        async def complete(self, request: Request) -> Completion | Failure:
            raise RuntimeError("stopping")

    budget = Budget(cap_usd=1.0)
    request = Request(model="m", messages=(Message("user", "hello"),))
    with pytest.raises(RuntimeError):
        await Metered(Refusing(1), budget, "m", Price(0.0, 10.0, "test")).complete(request)
    assert (budget.spent_usd, budget.reserved_usd) == (0.0, 0.0)

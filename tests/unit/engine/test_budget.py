"""The cost cap: what it waits for, when it ends a run, and in which words."""

from __future__ import annotations

import asyncio

import pytest

from llmexp_tui.domain.prompt import Message
from llmexp_tui.domain.usage import Price, Request
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
    assert await budget.reserve(0.6)
    second, third = (asyncio.ensure_future(budget.reserve(0.6)) for _ in range(2))
    await asyncio.sleep(0)
    assert not second.done() and not third.done(), "0.6 are in flight: what is left of the cap is not known yet"
    budget.settle(0.6, 0.1)
    assert await second and not third.done()
    budget.settle(0.6, 0.5)
    assert not await third, "nothing is in flight, and 0.6 more would pass the cap"
    assert budget.spent_usd == pytest.approx(0.6) and budget.reserved_usd == 0.0

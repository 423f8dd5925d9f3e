"""The cost cap's words: an amount is told, however little it is."""

from __future__ import annotations

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

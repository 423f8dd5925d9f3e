"""The cost cap: a request is sent only where what is spent, in flight and expected stays under it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from llmexp_tui.domain.usage import Completion, Failure, Price, Request, usd
from llmexp_tui.errors import BudgetError, UsageError
from llmexp_tui.providers.base import Provider

CHARS_PER_TOKEN = 4
ASSUMED_OUTPUT_TOKENS = 512
SHOWN_BY = 10
"""So many answers show what the next ones will cost."""


def expected_cost(request: Request, price: Price) -> float:
    """USD that a call is expected to cost at most: its prompt's tokens and its full allowance of output."""
    prompt_tokens = sum(len(m.content) for m in request.messages) / CHARS_PER_TOKEN
    allowed = request.params.get("max_tokens", request.params.get("max_completion_tokens"))
    output_tokens = allowed if isinstance(allowed, int) else ASSUMED_OUTPUT_TOKENS
    return (prompt_tokens * price.input_per_mtok + output_tokens * price.output_per_mtok) / 1e6


@dataclass(slots=True)
class Budget:
    """What may be spent in one invocation (None: no cap), what is spent, and what is reserved for calls in flight.

    `unpriced` counts answers whose cost nobody knows: with one of them, what was spent is not known either.
    """

    cap_usd: float | None = None
    spent_usd: float = 0.0
    reserved_usd: float = 0.0
    unpriced: int = 0
    in_flight: int = 0
    _settled: asyncio.Event = field(default_factory=asyncio.Event)
    _answers: dict[str, tuple[int, float]] = field(default_factory=dict)

    def require_price(self, price: Price | None, model: str) -> None:
        """Raises UsageError where a cap is set and the model's price is unknown."""
        if self.cap_usd is not None and price is None:
            raise UsageError(
                f'a cost cap is set, but the price of model "{model}" is unknown',
                mend="set input_cost_per_mtok and output_cost_per_mtok on the model, or drop the cap",
            )

    def estimate(self, name: str, request: Request, price: Price | None) -> float:
        """What to reserve for a request: its worst case, until ten answers have shown what those of `name` cost.

        An average over all will not do: one model may cost a hundred times what another does.
        """
        if self.cap_usd is None or price is None:
            return 0.0
        worst = expected_cost(request, price)
        count, spent = self._answers.get(name, (0, 0.0))
        return worst if count < SHOWN_BY else min(worst, 2 * spent / count)

    def reserve(self, usd: float) -> bool:
        """Reserves for one request; False where the cap would be passed."""
        if self.cap_usd is not None and self.spent_usd + self.reserved_usd + usd > self.cap_usd:
            return False
        self.reserved_usd += usd
        self.in_flight += 1
        return True

    def settle(self, reserved: float, cost_usd: float) -> None:
        """A request came back: its reservation becomes its cost."""
        self.reserved_usd = max(0.0, self.reserved_usd - reserved)
        self.spent_usd += cost_usd
        self.in_flight -= 1
        self._settled.set()
        self._settled = asyncio.Event()

    async def some_settled(self) -> None:
        """Returns once a request that is in flight has come back."""
        await self._settled.wait()

    def learn(self, name: str, cost_usd: float) -> None:
        """What one answer of `name` cost."""
        count, spent = self._answers.get(name, (0, 0.0))
        self._answers[name] = count + 1, spent + cost_usd


@dataclass(frozen=True, slots=True)
class Metered:
    """A provider whose every request is paid from the budget: `name` is what its costs are averaged under.

    An answer costs its price. A failure that may have been billed, and a call that was cut off, cost what was
    reserved for them. Where the cap leaves no room, it waits for what is in flight, which mostly costs less than was
    reserved. Raises BudgetError instead of a request that could pass the cap, or that waited until all is `stopping`.
    """

    provider: Provider
    budget: Budget
    name: str
    price: Price | None
    stopping: Callable[[], bool] = lambda: False

    async def _reserved(self, request: Request) -> float:
        """USD reserved for a request, once there is room for it. Raises BudgetError."""
        budget = self.budget
        while not budget.reserve(reserved := budget.estimate(self.name, request, self.price)):
            waited = budget.in_flight > 0
            if waited:
                await budget.some_settled()
            if not waited or self.stopping():
                cap, spent = usd(budget.cap_usd or 0.0), usd(budget.spent_usd)
                raise BudgetError(
                    f"stopped before passing the cost cap of {cap} ({spent} spent)",
                    mend="raise the cap and finish with `llmexp-tui resume`",
                )
        return reserved

    async def complete(self, request: Request) -> Completion | Failure:
        budget = self.budget
        reserved = await self._reserved(request)
        cost = reserved
        try:
            result = await self.provider.complete(request)
            if isinstance(result, Failure):
                cost = 0.0 if result.billed == "no" else reserved
                return result
            if result.cost_usd is None and self.price is not None:
                result = replace(result, cost_usd=self.price.cost(result.usage))
            budget.unpriced += result.cost_usd is None
            cost = result.cost_usd or 0.0
            budget.learn(self.name, cost)
            return result
        finally:
            budget.settle(reserved, cost)

    async def aclose(self) -> None:
        """The lane is the invocation's."""

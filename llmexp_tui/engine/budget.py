"""The cost cap: a request is sent only where what is spent, in flight and expected stays under it."""

from __future__ import annotations

import asyncio
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
class _Calls:
    """The calls of one name: what answers have cost on average, and what those in flight are expected to cost."""

    answers: int = 0
    mean_usd: float = 0.0
    in_flight: int = 0
    reserved_usd: float = 0.0

    @property
    def expected_usd(self) -> float:
        """Those in flight cost what answers have cost since, where that is more than was reserved for them."""
        return max(self.reserved_usd, self.in_flight * self.mean_usd) if self.in_flight else 0.0


@dataclass(slots=True)
class Budget:
    """What may be spent in one invocation (None: no cap), what is spent, and what is expected of calls in flight.

    Calls are told apart by name, for one model may cost a hundred times what another does. `unpriced` counts answers
    whose cost nobody knows: with one of them, what was spent is not known either.
    """

    cap_usd: float | None = None
    spent_usd: float = 0.0
    unpriced: int = 0
    _calls: dict[str, _Calls] = field(default_factory=dict)
    _waiting: list[asyncio.Future[None]] = field(default_factory=list)

    @property
    def reserved_usd(self) -> float:
        """What the calls in flight are expected to cost."""
        return sum(calls.expected_usd for calls in self._calls.values())

    def require_price(self, price: Price | None, model: str) -> None:
        """Raises UsageError where a cap is set and the model's price is unknown."""
        if self.cap_usd is not None and price is None:
            raise UsageError(
                f'a cost cap is set, but the price of model "{model}" is unknown',
                mend="set input_cost_per_mtok and output_cost_per_mtok on the model, or drop the cap",
            )

    async def reserve(self, name: str, worst_usd: float) -> float | None:
        """Reserves for one request, once calls in flight have left room: how much, or None where the cap would pass.

        A call usually costs less than was reserved for it: only when none is in flight is the money really gone.
        """
        calls = self._calls.setdefault(name, _Calls())
        while True:
            usd = 0.0 if self.cap_usd is None else _expected(calls, worst_usd)
            if self.cap_usd is None or self.spent_usd + self.reserved_usd + usd <= self.cap_usd:
                break
            if not any(each.in_flight for each in self._calls.values()):
                return None
            settled = asyncio.get_running_loop().create_future()
            self._waiting.append(settled)
            await settled
        calls.in_flight += 1
        calls.reserved_usd += usd
        return usd

    def settle(self, name: str, reserved: float, cost_usd: float, *, answered: bool) -> None:
        """A request came back: its reservation becomes its cost; that of an answer shows what others will cost."""
        calls = self._calls[name]
        calls.in_flight -= 1
        calls.reserved_usd = calls.reserved_usd - reserved if calls.in_flight else 0.0
        self.spent_usd += cost_usd
        if answered:
            calls.answers += 1
            calls.mean_usd += (cost_usd - calls.mean_usd) / calls.answers
        waiting, self._waiting = self._waiting, []
        for settled in waiting:
            if not settled.done():
                settled.set_result(None)


def _expected(calls: _Calls, worst_usd: float) -> float:
    """What to reserve for a request: its worst case, until ten answers have shown what they cost.

    Never less than the average: without `max_tokens` the worst case is a guess, which long answers pass.
    """
    shown = worst_usd if calls.answers < SHOWN_BY else min(worst_usd, 2 * calls.mean_usd)
    return max(calls.mean_usd, shown)


@dataclass(frozen=True, slots=True)
class Metered:
    """A provider whose every request is paid from the budget: `name` is what its costs are averaged under.

    An answer costs its price. A failure that may have been billed, and a call that was cut off, cost what was
    reserved for them; what the provider raises instead of sending costs nothing. Raises BudgetError instead of a
    request that could pass the cap.
    """

    provider: Provider
    budget: Budget
    name: str
    price: Price | None

    async def complete(self, request: Request) -> Completion | Failure:
        budget = self.budget
        worst = expected_cost(request, self.price) if budget.cap_usd is not None and self.price else 0.0
        reserved = await budget.reserve(self.name, worst)
        if reserved is None:
            cap, spent = usd(budget.cap_usd or 0.0), usd(budget.spent_usd)
            raise BudgetError(
                f"stopped before passing the cost cap of {cap} ({spent} spent)",
                mend="raise the cap and finish with `llmexp-tui resume`",
            )
        cost, answered = reserved, False
        try:
            result = await self.provider.complete(request)
            if isinstance(result, Failure):
                cost = 0.0 if result.billed == "no" else reserved
                return result
            if result.cost_usd is None and self.price is not None:
                result = replace(result, cost_usd=self.price.cost(result.usage))
            budget.unpriced += result.cost_usd is None
            cost, answered = result.cost_usd or 0.0, True
            return result
        except Exception:
            cost = 0.0
            raise
        finally:
            budget.settle(self.name, reserved, cost, answered=answered)

    async def aclose(self) -> None:
        """The lane is the invocation's."""

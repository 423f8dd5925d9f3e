"""The cost cap: a request is sent only where what is spent, in flight and expected stays under it."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, field, replace

from llmexp_tui.domain.usage import Completion, Failure, Price, Request, usd
from llmexp_tui.errors import BudgetError, UsageError
from llmexp_tui.providers.base import Provider
from llmexp_tui.providers.prices import longest_answer
from llmexp_tui.store.spending import Spending

ASSUMED_OUTPUT_TOKENS = 512
SHOWN_BY = 10
"""So many answers show what the next ones will cost."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """USD that a call will cost: likely, and at the very most (None: nobody knows how long its answer may get)."""

    likely_usd: float
    most_usd: float | None


def estimate(request: Request, price: Price, longest: int | None = None) -> Estimate:
    """What a call may cost: its prompt's tokens and its allowance of output.

    Without an allowance in the request, its answer is likely short, and `longest` tokens at most.
    """
    prompt_usd = request.likely_tokens * price.input_per_mtok / 1e6
    token_usd = price.output_per_mtok / 1e6
    allowed = request.params.get("max_tokens", request.params.get("max_completion_tokens"))
    if isinstance(allowed, int):
        longest = likely = allowed
    else:
        likely = min(ASSUMED_OUTPUT_TOKENS, longest or ASSUMED_OUTPUT_TOKENS)
    most_usd = None if longest is None and token_usd else prompt_usd + (longest or 0) * token_usd
    return Estimate(prompt_usd + likely * token_usd, most_usd)


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

    def wanted(self, expected: Estimate, left_usd: float) -> float | None:
        """What to reserve for a request; None while it should wait for answers to show what a call costs.

        After ten answers twice their average, and never less than it. Before, the most that the call can cost; where
        that is unknown or more than is left, a guess that few are trusted with: one, and one more for each answer.
        """
        most = math.inf if expected.most_usd is None else expected.most_usd
        if self.answers >= SHOWN_BY:
            return max(self.mean_usd, min(most, 2 * self.mean_usd))
        if most <= left_usd and most < math.inf:
            return max(self.mean_usd, most)
        guess = max(2 * self.mean_usd, expected.likely_usd)
        return max(self.mean_usd, min(most, guess)) if self.in_flight <= self.answers else None


@dataclass(slots=True)
class Budget:
    """What may be spent in one invocation (None: no cap), what is spent, and what is expected of calls in flight.

    `project` is this invocation's part of what the whole project may spend.
    Calls are told apart by name, for one model may cost a hundred times what another does. `unpriced` counts answers
    whose cost nobody knows: with one of them, what was spent is not known either.
    """

    cap_usd: float | None = None
    project: Spending | None = None
    spent_usd: float = 0.0
    unpriced: int = 0
    _calls: dict[str, _Calls] = field(default_factory=dict)
    _waiting: list[asyncio.Future[None]] = field(default_factory=list)
    _asking: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def capped(self) -> bool:
        """True where a cap is set."""
        return self.cap_usd is not None or self.project is not None

    @property
    def reserved_usd(self) -> float:
        """What the calls in flight are expected to cost."""
        return sum(calls.expected_usd for calls in self._calls.values())

    @property
    def _most_usd(self) -> float:
        """What may be spent in all, by the cap that is nearer."""
        own = math.inf if self.cap_usd is None else self.cap_usd
        return own if self.project is None else min(own, self.project.cap_usd - self.project.elsewhere_usd)

    @property
    def _left_usd(self) -> float:
        return self._most_usd - self.spent_usd - self.reserved_usd

    def require_price(self, price: Price | None, model: str) -> None:
        """Raises UsageError where a cap is set and the model's price is unknown."""
        if self.capped and price is None:
            raise UsageError(
                f'a cost cap is set, but the price of model "{model}" is unknown',
                mend="set input_cost_per_mtok and output_cost_per_mtok on the model, or drop the cap",
            )

    def passed(self, name: str, expected: Estimate) -> BudgetError:
        """The error that ends a run before the cap that is nearer is passed, by a call that `reserve` has refused."""
        own, project = self.cap_usd, self.project
        then = f"the next call may cost {usd(self._calls[name].wanted(expected, self._left_usd) or 0.0)}"
        if project is None or (own is not None and own <= project.cap_usd - project.elsewhere_usd):
            return BudgetError(
                f"stopped before passing the cost cap of {usd(own or 0.0)} ({usd(self.spent_usd)} spent, {then})",
                mend="raise the cap and finish with `llmexp-tui resume`",
            )
        return BudgetError(
            f"stopped before passing the project's cost cap of {usd(project.cap_usd)}"
            f" ({usd(project.elsewhere_usd + self.spent_usd)} spent or set aside by all its runs, {then})",
            mend="raise max_cost_usd under [budget] in llmexp.toml and finish with `llmexp-tui resume`",
        )

    async def reserve(self, name: str, expected: Estimate) -> float | None:
        """Reserves for one request, once calls in flight have left room: how much, or None where the cap would pass.

        A call usually costs less than was reserved for it: only when none is in flight is the money really gone.
        """
        calls = self._calls.setdefault(name, _Calls())
        while True:
            amount = calls.wanted(expected, self._left_usd) if self.capped else 0.0
            if amount is not None and self._total(amount) <= self._most_usd:
                if self._granted(amount):
                    break
                await self._ask(amount)
                continue
            if not any(each.in_flight for each in self._calls.values()):
                if await self._ask(amount or 0.0):  # others may have left some of theirs
                    continue
                return None
            settled = asyncio.get_running_loop().create_future()
            self._waiting.append(settled)
            await settled
        calls.in_flight += 1
        calls.reserved_usd += amount
        return amount

    def _total(self, amount: float) -> float:
        return self.spent_usd + self.reserved_usd + amount

    def _granted(self, amount: float) -> bool:
        return self.project is None or self._total(amount) <= self.project.granted_usd

    async def _ask(self, amount: float) -> bool:
        """Whether the project lets this process spend so much more; in a thread, for others may be writing."""
        async with self._asking:
            total = self._total(amount)
            if self.project is None or total > (math.inf if self.cap_usd is None else self.cap_usd):
                return False
            return self._granted(amount) or await asyncio.to_thread(self.project.ask, total)

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


@dataclass(frozen=True, slots=True)
class Metered:
    """A provider whose every request is paid from the budget: `name` is what its costs are averaged under.

    An answer costs its price. One whose tokens nobody told, a failure that may have been billed, and a call that was
    cut off cost what was reserved for them; what the provider raises instead of sending costs nothing. Raises
    BudgetError instead of a request that could pass the cap.
    """

    provider: Provider
    budget: Budget
    name: str
    price: Price | None

    async def complete(self, request: Request) -> Completion | Failure:
        budget = self.budget
        expected = Estimate(0.0, 0.0)
        if budget.capped and self.price is not None:
            expected = estimate(request, self.price, longest_answer(request.model))
        reserved = await budget.reserve(self.name, expected)
        if reserved is None:
            raise budget.passed(self.name, expected)
        cost, answered = reserved, False
        try:
            result = await self.provider.complete(request)
            if isinstance(result, Failure):
                cost = 0.0 if result.billed == "no" else reserved
                return result
            if result.cost_usd is None and self.price is not None:
                result = replace(result, cost_usd=self.price.cost(result.usage))
            if result.cost_usd is None:
                budget.unpriced += 1
            else:
                cost, answered = result.cost_usd, True
            return result
        except Exception:
            cost = 0.0
            raise
        finally:
            budget.settle(self.name, reserved, cost, answered=answered)

    async def aclose(self) -> None:
        """The lane is the invocation's."""

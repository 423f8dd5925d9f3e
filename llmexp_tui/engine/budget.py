"""The cost cap: a call is dispatched only where what is spent, in flight and expected stays under it."""

from __future__ import annotations

from dataclasses import dataclass, field

from llmexp_tui.domain.usage import Price, Request
from llmexp_tui.errors import UsageError

CHARS_PER_TOKEN = 4
ASSUMED_OUTPUT_TOKENS = 512


def expected_cost(request: Request, price: Price) -> float:
    """USD that a call is expected to cost at most: its prompt's tokens and its full allowance of output."""
    prompt_tokens = sum(len(m.content) for m in request.messages) / CHARS_PER_TOKEN
    allowed = request.params.get("max_tokens")
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
    _settled: int = field(default=0)

    def require_price(self, price: Price | None, model: str) -> None:
        """Raises UsageError where a cap is set and the model's price is unknown."""
        if self.cap_usd is not None and price is None:
            raise UsageError(
                f'a cost cap is set, but the price of model "{model}" is unknown',
                mend="set input_cost_per_mtok and output_cost_per_mtok on the model, or drop the cap",
            )

    def estimate(self, request: Request, price: Price | None) -> float:
        """What to reserve for a call: its worst case, until ten calls have shown what they really cost."""
        if self.cap_usd is None or price is None:
            return 0.0
        worst = expected_cost(request, price)
        return worst if self._settled < 10 else min(worst, 2 * self.spent_usd / self._settled)

    def reserve(self, usd: float) -> bool:
        """Reserves for one call; False where the cap would be passed."""
        if self.cap_usd is not None and self.spent_usd + self.reserved_usd + usd > self.cap_usd:
            return False
        self.reserved_usd += usd
        return True

    def settle(self, reserved: float, cost_usd: float | None) -> None:
        """A call came back: its reservation becomes its cost."""
        self.reserved_usd = max(0.0, self.reserved_usd - reserved)
        self.spent_usd += cost_usd or 0.0
        self._settled += 1

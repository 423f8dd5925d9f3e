"""Tells a provider that refuses everything from rows that fail: the run stops after a few calls, not after all."""

from __future__ import annotations

from dataclasses import dataclass

from llmexp_tui.domain.text import one_line
from llmexp_tui.domain.usage import STOPS_ARM, Completion, Failure, FailureKind
from llmexp_tui.errors import OutageError, ProviderStopError

FIRST_FEW = 5
STREAK = 32
_ROW_FAULTS = frozenset({FailureKind.CONTENT_FILTER, FailureKind.CONTEXT_WINDOW, FailureKind.TOO_LARGE})
_OUTAGE = frozenset(
    {FailureKind.NETWORK, FailureKind.PROVIDER_5XX, FailureKind.RATE_LIMIT, FailureKind.TIMEOUT}
)


@dataclass(slots=True)
class Breaker:
    """Watches one arm. Refusals stop at once, a bad start after five failures, an outage after a long streak.

    Faults that belong to a row stop it too where no other row was answered before so many of them.
    """

    variant: str
    model: str
    answered: int = 0
    failed: int = 0
    streak: int = 0
    refused_rows: int = 0

    def observe(self, result: Completion | Failure) -> ProviderStopError | None:
        """Counts a result; an error where the arm should stop."""
        if isinstance(result, Completion):
            self.answered += 1
            self.streak = 0
            return None
        if result.kind in STOPS_ARM:
            return self._stop(ProviderStopError, result, "refuses every call")
        if result.kind in _ROW_FAULTS:
            self.refused_rows += 1
            if self.answered == 0 and self.refused_rows >= STREAK:
                return self._stop(OutageError, result, f"answered none of the first {self.refused_rows} rows")
            return None
        self.failed += 1
        self.streak += result.kind in _OUTAGE
        if self.answered == 0 and self.failed >= FIRST_FEW:
            return self._stop(OutageError, result, f"failed the first {self.failed} calls")
        if self.streak >= STREAK:
            return self._stop(OutageError, result, f"failed {self.streak} calls in a row")
        return None

    def _stop(self, error: type[ProviderStopError], failure: Failure, what: str) -> ProviderStopError:
        return error(
            f'model "{self.model}" {what} ({failure.kind}): {one_line(failure.message)}',
            where=f'variant "{self.variant}"',
            mend="mend the cause, then finish with `llmexp-tui resume`",
        )

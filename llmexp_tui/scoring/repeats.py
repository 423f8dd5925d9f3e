"""Scores over a row's repeats: pass@k and pass^k. Pure functions over values that are already stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb


def pass_at_k(attempts: int, passes: int, k: int) -> float:
    """The chance that at least one of k answers passes, unbiased from `passes` of `attempts` answers.

    1 - C(n-c, k) / C(n, k), Chen et al. 2021, arXiv 2107.03374. Raises ValueError where k exceeds the attempts.
    """
    _check(attempts, passes, k)
    return 1.0 - comb(attempts - passes, k) / comb(attempts, k)


def pass_hat_k(attempts: int, passes: int, k: int) -> float:
    """The chance that all of k answers pass, unbiased: C(c, k) / C(n, k), Yao et al. 2024, arXiv 2406.12045.

    Raises ValueError where k exceeds the attempts.
    """
    _check(attempts, passes, k)
    return comb(passes, k) / comb(attempts, k)


def _check(attempts: int, passes: int, k: int) -> None:
    if not 1 <= k <= attempts:
        raise ValueError(f"k = {k} needs at least {k} repeats, there are {attempts}")
    if not 0 <= passes <= attempts:
        raise ValueError(f"{passes} passes in {attempts} attempts")


@dataclass(frozen=True, slots=True)
class RepeatRule:
    """How a row's repeats become one value: `kind` pass_at_k or pass_hat_k."""

    kind: str
    k: int

    def value(self, scores: Sequence[float]) -> float:
        """One value for a row from the 0/1 scores of its repeats. Raises ValueError where there are fewer than k."""
        return self.of_counts(len(scores), sum(1 for score in scores if score >= 0.5))

    def of_counts(self, attempts: int, passes: int) -> float:
        """The same from how many of a row's repeats were scored, and how many passed."""
        rule = pass_at_k if self.kind == "pass_at_k" else pass_hat_k
        return rule(attempts, passes, self.k)

"""One interval, one margin, one floor: exactly one verdict, each with a known error rate.

The rule is a list; the first line that applies decides. Nothing here knows metric types or several metrics at once.
"""

from __future__ import annotations

from dataclasses import dataclass

from llmexp_tui.stats.result import Cause, Verdict
from llmexp_tui.stats.spec import Levels, WorstRun

MIN_CLUSTERS = 6
"""Fewer independent rows cannot reach a two-sided 5 % by sign flips, nor carry a t interval."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that a verdict rests on; oriented, positive is better, working scale.

    p_improved, p_regressed: the larger of the interval's one-sided p and half the two-sided p_flip. p_noninferior:
    None without a margin. floor: None where unmeasured. lower90, upper90: the margin claim's interval.
    p_unseen: the part of p_noninferior that says how likely a rare total loss would have stayed unseen.
    strict: the margin claim rests on the betting bound.
    significantly_worse: the upper end of the 95 % interval lies below zero. significantly_better: the lower end lies
    above zero and the sign flips agree, however small a gain is asked for.
    """

    delta: float
    p_flip: float
    p_improved: float
    p_regressed: float
    p_noninferior: float | None
    floor: float | None
    lower90: float
    upper90: float
    margin: float | None
    significantly_worse: bool
    active: int
    p_unseen: float = 0.0
    strict: bool = False
    significantly_better: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict with its reason in a few words.

    equivalent: a gain as large as the margin was ruled out too. cause: the kind of reason where it is inconclusive.
    """

    verdict: Verdict
    reason: str
    equivalent: bool = False
    note: str | None = None
    cause: Cause | None = None


def undecided(cause: Cause, reason: str) -> Decision:
    """An inconclusive verdict."""
    return Decision("inconclusive", reason, cause=cause)


def decide(evidence: Evidence, levels: Levels) -> Decision:
    """The verdict of a metric that can be judged. levels: the one-sided nominal levels in force.

    Error rates at fixed levels (alpha .05): improved or regressed on an A/A at most 5 % for any number of rows;
    improved or no_regression where the truth is worse by the margin at most 5 %, asymptotically.
    """
    beyond = evidence.floor is None or abs(evidence.delta) > evidence.floor
    claims = evidence.active >= MIN_CLUSTERS and beyond
    noninferior = evidence.p_noninferior is not None and evidence.p_noninferior <= levels.noninferior
    if claims and evidence.p_improved <= levels.improve:
        return Decision("improved", "better than the baseline beyond chance and beyond the noise floor")
    if claims and evidence.p_regressed <= levels.regress and not noninferior:
        return Decision("regressed", _regressed_reason(evidence))
    if noninferior:
        assert evidence.margin is not None
        equivalent = evidence.upper90 < evidence.margin
        note = _beside_no_regression(evidence, beyond)
        return Decision("no_regression", "a loss as large as the margin is ruled out", equivalent, note)
    return _undecided(evidence, levels, beyond)


def _beside_no_regression(evidence: Evidence, beyond: bool) -> str | None:
    """What else the data show of a metric that is not worse by its margin."""
    if evidence.significantly_worse:
        return "significantly worse, but within the margin"
    if not evidence.significantly_better:
        return None
    if not beyond:
        return "significantly better, but by no more than the noise floor"
    if evidence.active < MIN_CLUSTERS:
        return f"significantly better, but fewer than {MIN_CLUSTERS} independent rows differ"
    return "significantly better, but not shown to be so by the least gain that counts"


def _regressed_reason(evidence: Evidence) -> str:
    if evidence.margin is None:
        return "worse than the baseline beyond chance"
    return "worse than the baseline beyond chance, and not shown to be within the margin"


def _undecided(evidence: Evidence, levels: Levels, beyond: bool) -> Decision:
    if evidence.p_improved <= levels.improve or evidence.p_regressed <= levels.regress:
        way = "better" if evidence.delta > 0 else "worse"
        if not beyond:
            return undecided("floor", f"looks {way}, but by no more than the noise floor")
        if evidence.active < MIN_CLUSTERS:
            return undecided("few_differ", f"looks {way}, but fewer than {MIN_CLUSTERS} independent rows differ")
    if evidence.margin is None:
        return undecided("no_margin", "no difference beyond chance, and without a margin nothing can be ruled out")
    if evidence.p_unseen > levels.noninferior:
        reason = "with so few rows, a rare total loss as large as the margin on average may have stayed unseen"
        return undecided("unseen", reason)
    return undecided("open", "neither a difference nor the absence of a loss as large as the margin could be shown")


def guard_by_runs(
    decision: Decision,
    run_deltas: tuple[float, ...],
    margin: float | None,
    mode: WorstRun,
    run_lowers: tuple[float, ...] = (),
) -> Decision:
    """Demote a verdict on pooled runs by its worst run; the worst run never makes a regression.

    run_deltas: each run's own delta (oriented, working scale). margin: None where not being worse by the margin is
    not shown for the pooled runs, so that a lost improvement has nothing to fall back on.
    `guard`: improved needs every run above zero, no_regression every run above -margin. `strict`: the lower bounds
    `run_lowers` instead of the deltas.
    """
    if mode == "off" or not run_deltas:
        return decision
    worst = min(run_lowers if mode == "strict" and run_lowers else run_deltas)
    kept = decision
    if kept.verdict == "improved" and worst <= 0.0:
        reason = "better over all runs together, but not in every run"
        kept = Decision("no_regression", reason) if margin is not None else undecided("worst_run", reason)
    if kept.verdict == "no_regression" and (margin is None or worst <= -margin):
        return undecided("worst_run", "one run on its own was worse than the margin")
    return kept

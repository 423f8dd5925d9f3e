"""From pairs to an estimate: which interval and which test each type of metric gets.

The only module that knows the types; what follows (verdict, gate, planner) sees one interval model and one p-value.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from llmexp_tui.stats.anytime import BettingModel
from llmexp_tui.stats.distributions import normal_sf, sign_test, wilson_interval
from llmexp_tui.stats.engine import effective_clusters, independent_rows, mean_model, totals_model, unseen_loss_p
from llmexp_tui.stats.interval import FloatArray, IntArray, IntervalModel, TangoModel
from llmexp_tui.stats.pairs import Pairs
from llmexp_tui.stats.quantile import SWAP_DRAWS, bootstrap_model, quantile7, swap_statistics
from llmexp_tui.stats.signflip import FlipTest, flip_sd, sign_flip
from llmexp_tui.stats.spec import ComparisonPlan, MetricSpec

RANKED_ROWS = 20_000
"""Above this many rows the Wilcoxon statistic is not shown: it decides nothing and its ranks cost a sort."""


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """One candidate on one metric, oriented (positive is better) and on the working scale (log for ratios).

    differences: (n,) what is averaged: row differences, their signs (ordinal), or differences of costs (ratio).
    effective: effective clusters, which decide the degrees of freedom. independent: rows the data are worth.
    """

    interval: IntervalModel
    flip: FlipTest
    differences: FloatArray
    method: str
    effective: float
    independent: float
    p_mid: float | None = None
    p_wilcoxon: float | None = None

    @property
    def p_explored(self) -> float:
        """What Benjamini-Hochberg takes: the p-value, or one over the wealth where the plan looks at any time.

        With wealths the procedure holds at any time and however metrics depend on each other. Source: Wang and
        Ramdas 2022.
        """
        if isinstance(self.interval, BettingModel):
            return 1.0 / max(1.0, self.interval.e_value)
        return self.flip.p

    @property
    def wins(self) -> int:
        """Rows on which the candidate was better."""
        return int(np.count_nonzero(self.differences > 0.0))

    @property
    def losses(self) -> int:
        """Rows on which the candidate was worse."""
        return int(np.count_nonzero(self.differences < 0.0))

    def p_noninferior(self, spec: MetricSpec, betting: BettingModel | None = None) -> float | None:
        """One-sided p of "worse by the margin or more"; None without a margin."""
        margin = spec.working_margin
        if margin is None:
            return None
        if betting is not None:
            return betting.p_above(-margin)
        return max(self.interval.p_above(-margin), self.p_unseen(spec))

    def p_unseen(self, spec: MetricSpec) -> float:
        """Chance that a rare total loss of the margin's size stayed unseen; 0 where bounds rule that out already."""
        margin, width = spec.working_margin, spec.width
        if margin is None or width is None or isinstance(self.interval, BettingModel):
            return 0.0
        return unseen_loss_p(self.independent, margin, width)


def estimate(
    spec: MetricSpec, pairs: Pairs, plan: ComparisonPlan, seed: int, extra_variance: float = 0.0,
    *, quick: bool = False,
) -> Estimate:
    """Interval and test of one metric. pairs: at least two, in at least two clusters.

    seed: of the random draws. extra_variance: drift, on the working scale. quick: the normal limit instead of draws
    and no side results, for the many evaluations of `fragility`; not for quantiles.
    Raises ValueError where a ratio is undefined (an arm's total is zero or sits in one cluster).
    """
    sizes = pairs.cluster_sums(np.ones(pairs.n))
    effective = effective_clusters(sizes)
    if spec.quantile is not None:
        return _quantile_estimate(spec, pairs, seed, effective)
    differences = pairs.difference(spec.sign)
    if spec.type == "ordinal" and not spec.interval_scale:
        ranks = None if quick else differences
        differences = np.sign(differences)
    else:
        ranks = None
    sums = pairs.cluster_sums(differences)
    wilcoxon = _wilcoxon_pratt(pairs, ranks, seed, plan.draws) if ranks is not None else None
    if plan.anytime and spec.width is not None:
        return _betting_estimate(spec, pairs, differences, effective, seed)
    flip = _quick_flip(sums) if quick else sign_flip(sums, seed, _draws(plan))
    if (_plain_binary(spec, pairs) or _all_or_nothing(spec, pairs, differences)) and not extra_variance:
        wins, losses = int(np.count_nonzero(differences > 0)), int(np.count_nonzero(differences < 0))
        exact, mid = sign_test(wins, losses)
        test = "sign test" if spec.type in ("pairwise", "ordinal") else "mcnemar"
        flip = FlipTest(exact, wins + losses, test)
        tango = TangoModel(wins, losses, pairs.n, spec.width or 1.0)
        return Estimate(tango, flip, differences, f"tango+{test}", effective, effective, mid, wilcoxon)
    independent = independent_rows(sums, sizes, float(differences @ differences)) if pairs.clustered else effective
    model: IntervalModel
    if spec.type == "ratio":
        arms = pairs.cluster_sums(pairs.baseline), pairs.cluster_sums(pairs.candidate)
        model = totals_model(*arms, sizes, spec.sign, extra_variance)
        name = "log-ratio jackknife"
    else:
        model = mean_model(sums, sizes, spec.width, independent=independent, extra_variance=extra_variance)
        name = "jackknife t" if spec.width is None else "phantom jackknife t"
    if pairs.clustered:
        name = f"cluster {name}"
    return Estimate(model, flip, differences, f"{name}+{flip.method}", effective, independent, None, wilcoxon)


def _plain_binary(spec: MetricSpec, pairs: Pairs) -> bool:
    """True where each row is one win, loss or tie and rows stand alone: Tango's model holds exactly."""
    if pairs.clustered:
        return False
    if spec.type in ("binary", "share", "errors"):
        return pairs.single
    return spec.is_net


def _all_or_nothing(spec: MetricSpec, pairs: Pairs, differences: FloatArray) -> bool:
    """True for a score with bounds whose rows differ by all of its range or not at all: it is binary in fact.

    The t interval passes 7 % of such variants at the margin (200 rows, margin .02), Tango's below 5 %.
    """
    if spec.type not in ("bounded", "ordinal") or pairs.clustered or spec.width is None:
        return False
    sizes = np.abs(differences[differences != 0.0])
    return len(sizes) > 0 and bool(np.all(np.abs(sizes - spec.width) <= 1e-9 * spec.width))


def _draws(plan: ComparisonPlan) -> int:
    """More draws at an early look, whose p-values are small."""
    smallest = 2.0 * min(plan.nominal.improve, plan.nominal.regress)
    return max(plan.draws, 99_999) if smallest < 0.001 else plan.draws


def _quick_flip(sums: FloatArray) -> FlipTest:
    sd = flip_sd(sums)
    p = min(1.0, 2.0 * normal_sf(abs(float(sums.sum())) / sd)) if sd else 1.0
    return FlipTest(p, int(np.count_nonzero(sums)), "sign-flip normal limit")


def _betting_estimate(
    spec: MetricSpec, pairs: Pairs, differences: FloatArray, effective: float, seed: int
) -> Estimate:
    """Peek mode: every bound and p-value from the betting wealth, so that all are valid at any time."""
    growing = pairs.largest_cluster > 1
    model = _bets(spec, pairs, differences, _cluster_order(pairs, seed) if growing else None, growing=growing)
    p = min(1.0, 2.0 * min(model.p_above(0.0), model.p_below(0.0)))
    flip = FlipTest(p, int(np.count_nonzero(model.sums)), "betting")
    return Estimate(model, flip, differences, "betting", effective, effective)


def _cluster_order(pairs: Pairs, seed: int) -> IntArray:
    """(C,) the clusters in a random order that further rows do not change, where row codes follow arrival."""
    _, first = np.unique(pairs.clusters, return_index=True)
    keys = np.random.default_rng(seed).random(int(pairs.rows[-1]) + 1)
    return np.argsort(keys[pairs.rows[first]], kind="stable")


def _bets(
    spec: MetricSpec, pairs: Pairs, differences: FloatArray, order: IntArray | None, *, growing: bool = False
) -> BettingModel:
    assert spec.width is not None
    sums, sizes = pairs.cluster_sums(differences), pairs.cluster_sums(np.ones(pairs.n))
    if order is not None:
        sums, sizes = sums[order], sizes[order]
    return BettingModel(sums, sizes, spec.width, pairs.largest_cluster, growing)


def betting_model(spec: MetricSpec, pairs: Pairs, order: IntArray) -> BettingModel | None:
    """The strict model of a bounded mean, rows taken in `order` (a permutation of the clusters)."""
    if spec.width is None:
        return None
    differences = pairs.difference(spec.sign)
    if spec.is_net:
        differences = np.sign(differences)
    return _bets(spec, pairs, differences, order)


def _wilcoxon_pratt(pairs: Pairs, differences: FloatArray, seed: int, draws: int) -> float | None:
    """Wilcoxon's signed ranks with Pratt's zeros, as a permutation test: ranks include ties, ties get no sign."""
    if pairs.clustered or len(differences) > RANKED_ROWS:
        return None
    _, inverse, counts = np.unique(np.abs(differences), return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks = (ends - (counts - 1) / 2.0)[inverse]
    return sign_flip(np.sign(differences) * ranks, seed, draws).p


def _quantile_estimate(spec: MetricSpec, pairs: Pairs, seed: int, effective: float) -> Estimate:
    q = spec.quantile
    assert q is not None
    model = bootstrap_model(
        pairs.baseline_calls, pairs.candidate_calls, pairs.clusters, pairs.n_clusters, q, seed,
        log=spec.is_ratio, sign=spec.sign,
    )
    _, _, flip = quantile_test(spec, pairs, seed)
    method = f"bootstrap {len(model.draws)} draws+{flip.method}"
    return Estimate(model, flip, pairs.difference(spec.sign), method, effective, effective)


def quantile_test(spec: MetricSpec, pairs: Pairs, seed: int) -> tuple[float, FloatArray, FlipTest]:
    """Observed |contrast| of quantiles, its swapped values (draws,), and the swap test."""
    q = spec.quantile
    assert q is not None
    observed, swapped = swap_statistics(
        pairs.baseline_calls, pairs.candidate_calls, pairs.clusters, pairs.n_clusters, q, seed, log=spec.is_ratio
    )
    hits = int(np.count_nonzero(swapped >= observed * (1.0 - 1e-9)))
    active = int(np.count_nonzero(pairs.cluster_sums(np.abs(pairs.difference(1)))))
    return observed, swapped, FlipTest((1 + hits) / (len(swapped) + 1), active, f"swap {SWAP_DRAWS} draws")


@dataclass(frozen=True, slots=True)
class ArmValue:
    """One arm by itself, in the metric's unit; the interval is for display only, never for deciding a difference."""

    value: float
    low: float | None
    high: float | None


def arm_value(spec: MetricSpec, pairs: Pairs, which: str, alpha: float) -> ArmValue:
    """The arm's own value and interval. which: `baseline` or `candidate`."""
    means = pairs.baseline if which == "baseline" else pairs.candidate
    if spec.quantile is not None:
        calls = pairs.baseline_calls if which == "baseline" else pairs.candidate_calls
        return ArmValue(quantile7(calls[0], spec.quantile), None, None)
    value = float(means.mean())
    if spec.type in ("binary", "share", "errors") and pairs.single and not pairs.clustered:
        return ArmValue(value, *wilson_interval(float(means.sum()), pairs.n, 1.0 - alpha))
    if pairs.n_clusters < 2:
        return ArmValue(_exp(value) if spec.type == "latency" else value, None, None)
    model = mean_model(pairs.cluster_sums(means), pairs.cluster_sums(np.ones(pairs.n)))
    low, high = model.lower(alpha / 2), model.upper(alpha / 2)
    if spec.type == "latency":
        return ArmValue(_exp(value), _exp(low), _exp(high))
    return ArmValue(value, low, high)


def _exp(log: float) -> float:
    """exp, infinite where that is beyond a float: a bound that hardly one cluster cannot give."""
    try:
        return math.exp(log)
    except OverflowError:
        return math.inf

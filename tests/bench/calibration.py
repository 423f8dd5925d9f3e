"""Do the promised error rates hold? Simulated data with a known truth, judged by the public call, counted.

    python -m tests.bench.calibration [--sets 2000] [--only PART] [--seed 1]

prints one line per scenario: the rate of what must not happen (a claim where nothing changed, a pass of what is
worse by the margin) against its bound, or the rate of what should happen (power). A smaller version runs with the
tests.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from llmexp_tui.stats import Comparison, ComparisonPlan, MetricData, MetricSpec, Samples, compare_arms, compare_slices
from llmexp_tui.stats.result import stands_out
from llmexp_tui.stats.sequential import Boundaries, plan_looks

Rng = np.random.Generator
Array = np.ndarray
ACCURACY = MetricSpec("accuracy", "binary", margin=0.05)
JUDGE = MetricSpec("judge", "bounded", margin=0.05)
LATENCY = MetricSpec("latency", "latency", margin=0.10)


@dataclass(frozen=True)
class Scenario:
    """One question asked of many data sets. hit: did it happen on this one. most/least: bound on how often."""

    name: str
    counts: str
    hit: Callable[[Rng, int], bool]
    most: float | None = None
    least: float | None = None


@dataclass(frozen=True)
class Rate:
    """A counted rate with its Monte Carlo error (one standard error)."""

    scenario: Scenario
    hits: int
    sets: int
    seconds: float

    @property
    def value(self) -> float:
        return self.hits / self.sets

    @property
    def error(self) -> float:
        p = min(max(self.value, 1 / self.sets), 1 - 1 / self.sets)
        return math.sqrt(p * (1 - p) / self.sets)

    @property
    def holds(self) -> bool:
        """Within three standard errors of the bound, taken at the bound."""
        for bound, way in ((self.scenario.most, 1), (self.scenario.least, -1)):
            if bound is not None:
                slack = 3 * math.sqrt(max(bound * (1 - bound), 1e-9) / self.sets)
                if way * (self.value - bound) > slack:
                    return False
        return True


def column(values: Array, rows: Array | None = None, **more: Array) -> Samples:
    """Samples of one arm, rows 0..n-1 unless given."""
    return Samples(np.arange(len(values)) if rows is None else rows, values.astype(float), **more)


def repeated(values: Array) -> Samples:
    """(n, K) values as samples with repeats."""
    n, k = values.shape
    return Samples(np.repeat(np.arange(n), k), values.ravel().astype(float), repeats=np.tile(np.arange(k), n))


def data(spec: MetricSpec, clusters: Array | None = None, /, **arms: Samples) -> MetricData:
    return MetricData(spec, arms, max(int(arm.rows.max()) for arm in arms.values()) + 1, clusters)


def compare(seed: int, *metrics: MetricData, plan: ComparisonPlan | None = None) -> Comparison:
    """A (baseline), A2 (its copy, where present); every other arm is a candidate."""
    names = metrics[0].arms
    return compare_arms(
        metrics,
        baseline="A",
        candidates=[name for name in names if name not in ("A", "A2")],
        aa="A2" if "A2" in names else None,
        plan=replace(plan or ComparisonPlan(), seed=seed),
    )


def claims(result: Comparison) -> bool:
    return any(metric.verdict in ("improved", "regressed") for metric in result.metrics)


def passes(result: Comparison) -> bool:
    return result.status == "pass"


def binary(rng: Rng, n: int, shift: float = 0.0, *, rate: float = 0.75, copies: int = 2) -> list[Array]:
    """0/1 scores: rows of different difficulty, answers sampled; the last arm's mean is shifted by `shift`."""
    difficulty = rng.beta(6 * rate, 6 * (1 - rate), n)
    arms = [(rng.random(n) < difficulty).astype(float) for _ in range(copies)]
    chance = difficulty + shift * np.where(shift < 0, difficulty / rate, (1 - difficulty) / (1 - rate))
    return [*arms, (rng.random(n) < chance).astype(float)]


def graded(rng: Rng, n: int, *, copies: int = 3) -> list[Array]:
    """Judge scores in [0, 1]: nine rows in ten score the same in every arm."""
    base = rng.beta(5, 2, n)
    return [np.where(rng.random(n) < 0.9, base, np.clip(base + rng.normal(0, 0.3, n), 0, 1)) for _ in range(copies)]


def moving(rng: Rng, n: int, shift: float) -> list[Array]:
    """Judge scores that all move by `shift`, and half of them by up to 0.3 more, up or down."""
    base = rng.uniform(0.4, 0.6, n)
    moves = [np.where(rng.random(n) < 0.5, rng.uniform(-0.3, 0.3, n), 0.0) for _ in range(2)]
    return [base, base + moves[0], base + shift + moves[1]]


def spoiling(rng: Rng, n: int, shift: float) -> list[Array]:
    """Judge scores of which one in ten loses ten times `shift`, and one in five moves a little, up or down."""
    base = rng.uniform(0.55, 0.9, n)
    small = [np.where(rng.random(n) < 0.2, rng.uniform(-0.05, 0.05, n), 0.0) for _ in range(2)]
    return [base, base + small[0], base + small[1] + np.where(rng.random(n) < 0.1, 10 * shift, 0.0)]


def times(rng: Rng, n: int, slower: float = 0.0, *, copies: int = 2, tail: float = 0.5) -> list[Array]:
    row = rng.normal(0, tail, n)
    arms = [np.exp(row + rng.normal(0, 0.25, n)) for _ in range(copies)]
    return [*arms, np.exp(row + rng.normal(math.log1p(slower), 0.25, n))]


def aa_binary(n: int) -> Callable[[Rng, int], bool]:
    def hit(rng: Rng, seed: int) -> bool:
        a, copy, b = binary(rng, n)
        return claims(compare(seed, data(ACCURACY, A=column(a), A2=column(copy), B=column(b))))

    return hit


def aa_graded(n: int) -> Callable[[Rng, int], bool]:
    def hit(rng: Rng, seed: int) -> bool:
        a, copy, b = graded(rng, n)
        return claims(compare(seed, data(JUDGE, A=column(a), A2=column(copy), B=column(b))))

    return hit


def clustered(rng: Rng, clusters: int, mean_size: float) -> tuple[Array, Array]:
    """Cluster of each row, and a row effect shared within it, different for each arm."""
    sizes = 1 + rng.poisson(mean_size - 1, clusters)
    return np.repeat(np.arange(clusters), sizes), sizes


def aa_clusters(count: int) -> Callable[[Rng, int], bool]:
    def hit(rng: Rng, seed: int) -> bool:
        code, _ = clustered(rng, count, 5)
        arms = [
            np.clip(0.6 + rng.normal(0, 0.1, count)[code] + rng.normal(0, 0.15, len(code)), 0, 1) for _ in range(2)
        ]
        return claims(compare(seed, data(JUDGE, code, A=column(arms[0]), B=column(arms[1]))))

    return hit


def margin_clusters(rng: Rng, seed: int) -> bool:
    code, _ = clustered(rng, 40, 5)
    a = np.clip(0.6 + rng.normal(0, 0.1, 40)[code] + rng.normal(0, 0.1, len(code)), 0, 1)
    b = np.clip(0.5 + rng.normal(0, 0.1, 40)[code] + rng.normal(0, 0.1, len(code)), 0, 1)
    spec = replace(JUDGE, margin=0.1)
    return passes(compare(seed, data(spec, code, A=column(a), B=column(b))))


def lost_clusters(noise: float) -> Callable[[Rng, int], bool]:
    """Whole clusters are lost, one in twenty: the mean is worse by exactly the margin. Others may flip either way."""

    def hit(rng: Rng, seed: int) -> bool:
        code = np.repeat(np.arange(40), 5)
        lost = (rng.random(40) < 0.05)[code]
        flip = rng.random(200)
        a, b = np.where(flip < noise / 2, 0.0, 1.0), np.where(flip > 1 - noise / 2, 0.0, 1.0)
        b = np.where(lost, a - 1.0, b)
        spec = replace(JUDGE, range=(-1.0, 1.0), max_change=1.0)
        return passes(compare(seed, data(spec, code, A=column(a), B=column(b))))

    return hit


def margin_binary(n: int, shift: float) -> Callable[[Rng, int], bool]:
    def hit(rng: Rng, seed: int) -> bool:
        a, copy, b = binary(rng, n, shift)
        return passes(compare(seed, data(ACCURACY, A=column(a), A2=column(copy), B=column(b))))

    return hit


def margin_graded(rng: Rng, seed: int) -> bool:
    n = 200
    a = rng.beta(5, 2, n)
    b = a - 0.05 + rng.uniform(-0.15, 0.15, n)
    return passes(compare(seed, data(replace(JUDGE, range=(-0.2, 1.2)), A=column(a), B=column(b))))


def rare_losses(n: int, chance: float, *, left: float = 0.0, strict: bool = False) -> Callable[[Rng, int], bool]:
    """A row is lost with a small chance that makes the mean worse by the margin; up to `left` of it remains."""

    def hit(rng: Rng, seed: int) -> bool:
        b = np.where(rng.random(n) < chance, left * rng.random(n), 1.0)
        spec = replace(JUDGE, margin=chance * (1 - left / 2), strict=strict)
        return passes(compare(seed, data(spec, A=column(np.ones(n)), B=column(b))))

    return hit


def failed_calls(rng: Rng, seed: int) -> bool:
    """Equal answers, but one call in fifteen fails: dropping those rows would pass what is worse by the margin."""
    n = 300
    a, _, b = binary(rng, n)
    failed = rng.random(n) < 0.05 / 0.75
    arm = column(np.where(failed, np.nan, b), failed=failed)
    return passes(compare(seed, data(ACCURACY, A=column(a), B=arm)))


def five_metrics(rng: Rng, n: int, shift: float) -> tuple[MetricData, ...]:
    """Five judges of the same answers; the first one's mean is shifted."""
    mood = rng.normal(0, 0.1, (2, n))
    metrics = []
    for i in range(5):
        a, b = (0.6 + m + rng.normal(0, 0.15, n) for m in mood)
        # Without bounds there is no phantom pair, so that nothing but the correction holds the rate down.
        spec = MetricSpec(f"judge {i}", "unbounded", margin=0.05)
        metrics.append(data(spec, A=column(a), B=column(b + (shift if i == 0 else 0.0))))
    return tuple(metrics)


def five_alarm(rng: Rng, seed: int) -> bool:
    return compare(seed, *five_metrics(rng, 60, 0.0)).status == "fail"


def five_pass(rng: Rng, seed: int) -> bool:
    return passes(compare(seed, *five_metrics(rng, 400, -0.05)))


def three_variants(shift: float, counts: Callable[[Comparison], bool]) -> Callable[[Rng, int], bool]:
    def hit(rng: Rng, seed: int) -> bool:
        n = 300
        difficulty = rng.beta(4.5, 1.5, n)
        a = (rng.random(n) < difficulty).astype(float)
        arms = {
            name: column((rng.random(n) < difficulty * (1 + shift / 0.75)).astype(float)) for name in ("B", "C", "D")
        }
        return counts(compare(seed, data(ACCURACY, A=column(a), **arms)))

    return hit


def repeats(shift: float, counts: Callable[[Comparison], bool]) -> Callable[[Rng, int], bool]:
    def hit(rng: Rng, seed: int) -> bool:
        difficulty = rng.beta(4.5, 1.5, 80)[:, None]
        a = rng.random((80, 3)) < difficulty
        b = rng.random((80, 3)) < difficulty * (1 + shift / 0.75)
        return counts(compare(seed, data(replace(ACCURACY, margin=0.1), A=repeated(a), B=repeated(b))))

    return hit


def latency(n: int, slower: float, counts: Callable[[Comparison], bool]) -> Callable[[Rng, int], bool]:
    def hit(rng: Rng, seed: int) -> bool:
        a, copy, b = times(rng, n, slower)
        return counts(compare(seed, data(LATENCY, A=column(a), A2=column(copy), B=column(b))))

    return hit


def shock(*, interleaved: bool) -> Callable[[Rng, int], bool]:
    """The provider slows down by 5 % (SD) from hour to hour. Interleaved arms share the hour of each row."""

    def hit(rng: Rng, seed: int) -> bool:
        n = 200
        a, copy, b = times(rng, n)
        if interleaved:
            hour = np.repeat(rng.normal(0, 0.05, 4), n // 4)
            a, copy, b = (arm * np.exp(hour) for arm in (a, copy, b))
        else:
            a, copy, b = (arm * math.exp(rng.normal(0, 0.05)) for arm in (a, copy, b))
        return claims(compare(seed, data(LATENCY, A=column(a), A2=column(copy), B=column(b))))

    return hit


def tail(slower: float, counts: Callable[[Comparison], bool]) -> Callable[[Rng, int], bool]:
    def hit(rng: Rng, seed: int) -> bool:
        a, copy, b = times(rng, 400, slower)
        spec = replace(LATENCY, statistic="p95", margin=0.25)
        return counts(compare(seed, data(spec, A=column(a), A2=column(copy), B=column(b))))

    return hit


def slow_calls(worse: float, counts: Callable[[Comparison], bool]) -> Callable[[Rng, int], bool]:
    """One call in ten above the limit, of the candidate's so many more, a third of those by failing."""

    def hit(rng: Rng, seed: int) -> bool:
        n, limit = 300, math.exp(math.hypot(0.5, 0.25) * 1.2815515655446004)
        a, copy, b = times(rng, n)
        more = rng.random(n) < worse / 0.9
        failed = more & (rng.random(n) < 1 / 3)
        b = np.where(more, 2 * limit, b)
        spec = MetricSpec("latency", "share", threshold=limit, margin=0.05)
        candidate = Samples(np.arange(n), np.where(failed, math.nan, b), failed)
        return counts(compare(seed, data(spec, A=column(a), A2=column(copy), B=candidate)))

    return hit


def cost(
    dearer: float, counts: Callable[[Comparison], bool], n: int = 150, tail: float = 0.8
) -> Callable[[Rng, int], bool]:
    def hit(rng: Rng, seed: int) -> bool:
        a, copy, b = times(rng, n, dearer, tail=tail)
        spec = MetricSpec("cost", "ratio", margin=0.10)
        return counts(compare(seed, data(spec, A=column(a), A2=column(copy), B=column(b))))

    return hit


LOOKS = plan_looks()


def early_stop(
    shift: float,
    counts: Callable[[Comparison], bool],
    looks: Boundaries = LOOKS,
    *,
    drawn: Callable[[Rng, int, float], list[Array]] | None = None,
    spec: MetricSpec = ACCURACY,
) -> Callable[..., bool]:
    """Five looks at up to 400 rows, stopping at the first that decides."""

    def hit(rng: Rng, seed: int) -> bool:
        a, _, b = (drawn or binary)(rng, 400, shift)
        for i, fraction in enumerate(looks.fractions):
            n = round(400 * fraction)
            plan = ComparisonPlan(levels=looks.levels(i), final_look=looks.is_final(i))
            result = compare(seed, data(spec, A=column(a[:n]), B=column(b[:n])), plan=plan)
            if result.status in ("pass", "fail"):
                break
        return counts(result)

    return hit


def three_runs(shift: float, counts: Callable[[Comparison], bool]) -> Callable[[Rng, int], bool]:
    """One run, and two more where it does not decide."""

    def hit(rng: Rng, seed: int) -> bool:
        difficulty = rng.beta(4.5, 1.5, 300)[:, None]
        a = rng.random((300, 3)) < difficulty
        b = rng.random((300, 3)) < difficulty * (1 + shift / 0.75)
        for runs in (1, 3):
            arms = {"A": repeated(a[:, :runs]), "B": repeated(b[:, :runs])}
            result = compare(seed, data(ACCURACY, **arms), plan=ComparisonPlan(runs=3))
            if result.status in ("pass", "fail"):
                break
        return counts(result)

    return hit


def peeking(shift: float, counts: Callable[[Comparison], bool]) -> Callable[[Rng, int], bool]:
    """Twenty looks whenever one likes, by the betting process."""

    def hit(rng: Rng, seed: int) -> bool:
        a, _, b = binary(rng, 400, shift)
        plan = ComparisonPlan(anytime=True)
        return any(
            counts(compare(seed, data(ACCURACY, A=column(a[:n]), B=column(b[:n])), plan=plan))
            for n in range(20, 401, 20)
        )

    return hit


def clusters_by_name(rng: Rng) -> tuple[Array, Array]:
    """Cluster and change of each row: the first names of the alphabet are much better, all others a little worse."""
    code = np.repeat(np.arange(1000), 2)
    return code, np.where(code < 100, 0.9, -0.1) * (rng.random(len(code)) < 0.9)


def clusters_by_size(rng: Rng) -> tuple[Array, Array]:
    """One cluster in ten is large and better; the small ones, as many rows in all, are as much worse."""
    large = rng.random(300) < 0.1
    code = np.repeat(np.arange(300), np.where(large, 27, 3))
    return code, np.where(large, 0.4, -0.4)[code]


def clusters_as_one(rng: Rng) -> tuple[Array, Array]:
    """All rows of a cluster change alike, by all or nothing."""
    code = np.repeat(np.arange(200), 3)
    return code, np.where(rng.random(200) < 0.5, 1.0, -1.0)[code]


def clusters_lost(rng: Rng) -> tuple[Array, Array]:
    """One cluster in ten is lost whole: worse by exactly the margin."""
    code = np.repeat(np.arange(150), 4)
    return code, -(rng.random(150) < 0.1).astype(float)[code]


def peeking_clusters(
    rows: Callable[[Rng], tuple[Array, Array]], counts: Callable[[Comparison], bool]
) -> Callable[[Rng, int], bool]:
    """Twenty looks while the rows of all clusters arrive in a random order."""

    def hit(rng: Rng, seed: int) -> bool:
        code, change = rows(rng)
        order = rng.permutation(len(code))
        code, change = code[order], change[order]
        spec = MetricSpec("judge", "bounded", margin=0.1, range=(-1.0, 1.0), max_change=1.0)

        def look(n: int) -> Comparison:
            arms = {"A": column(np.zeros(n)), "B": column(change[:n])}
            return compare(seed, MetricData(spec, arms, len(code), code), plan=ComparisonPlan(anytime=True))

        return any(counts(look(len(code) * k // 20)) for k in range(1, 21))

    return hit


def ordinal(shift: float, counts: Callable[[Comparison], bool]) -> Callable[[Rng, int], bool]:
    def hit(rng: Rng, seed: int) -> bool:
        row = rng.normal(3.4, 0.8, 200)
        a, copy, b = (np.clip(np.round(row + rng.normal(s, 0.5, 200)), 1, 5) for s in (0.0, 0.0, shift))
        spec = MetricSpec("grade", "ordinal", margin=0.1, range=(1, 5))
        return counts(compare(seed, data(spec, A=column(a), A2=column(copy), B=column(b))))

    return hit


def slices(rng: Rng, seed: int) -> bool:
    """Two scores on ten slices of equal variants: does any stand out?"""
    n = 600
    a, copy, b = binary(rng, n)
    grades = graded(rng, n)
    metrics = [
        data(ACCURACY, A=column(a), A2=column(copy), B=column(b)),
        data(JUDGE, A=column(grades[0]), A2=column(grades[1]), B=column(grades[2])),
    ]
    groups = {"channel": rng.integers(0, 10, n).astype(str)}
    judged = compare_slices(
        metrics, groups, baseline="A", candidates=["B"], aa="A2", plan=ComparisonPlan(seed=seed)
    )
    return any(stands_out(metric) for metric in judged)


def uneven_clusters(rng: Rng, seed: int) -> bool:
    """Clusters of 1 to 30 rows, one in twenty lost whole: the mean is worse by exactly the margin."""
    sizes = np.minimum(1 + rng.geometric(0.2, 40), 30)
    code = np.repeat(np.arange(40), sizes)
    lost = (rng.random(40) < 0.05)[code]
    flip = rng.random(len(code))
    a, b = np.where(flip < 0.05, 0.0, 1.0), np.where(lost, 0.0, np.where(flip > 0.95, 0.0, 1.0))
    spec = replace(JUDGE, margin=0.05 * 0.9)
    return passes(compare(seed, data(spec, code, A=column(a), B=column(b))))


def found(result: Comparison) -> bool:
    return result.metrics[0].verdict == "improved"


def fails(result: Comparison) -> bool:
    return result.status == "fail"


def any_pass(result: Comparison) -> bool:
    return any(metric.gate == "pass" for metric in result.metrics)


SCENARIOS = (
    Scenario("A/A binary, 20 rows", "claims", aa_binary(20), most=0.05),
    Scenario("A/A binary, 200 rows", "claims", aa_binary(200), most=0.05),
    Scenario("A/A graded, mostly ties, 50 rows", "claims", aa_graded(50), most=0.05),
    Scenario("A/A graded, mostly ties, 200 rows", "claims", aa_graded(200), most=0.05),
    Scenario("A/A grades 1-5, 200 rows", "claims", ordinal(0.0, claims), most=0.05),
    Scenario("A/A 40 clusters of about 5", "claims", aa_clusters(40), most=0.05),
    Scenario("A/A 12 clusters of about 5", "claims", aa_clusters(12), most=0.05),
    Scenario("A/A 8 clusters of about 5", "claims", aa_clusters(8), most=0.05),
    Scenario("A/A 3 repeats, 80 rows", "claims", repeats(0.0, claims), most=0.05),
    Scenario("A/A latency, 200 rows", "claims", latency(200, 0.0, claims), most=0.05),
    Scenario("A/A latency, hourly shocks, interleaved", "claims", shock(interleaved=True), most=0.05),
    Scenario("A/A latency p95, 400 rows", "claims", tail(0.0, claims), most=0.05),
    Scenario("A/A slow calls, 300 rows", "claims", slow_calls(0.0, claims), most=0.05),
    Scenario("A/A cost, 150 rows", "claims", cost(0.0, claims), most=0.05),
    Scenario("A/A three variants", "gate fails", three_variants(0.0, fails), most=0.025),
    Scenario("A/A five metrics, 60 rows", "gate fails", five_alarm, most=0.025),
    Scenario("A/A early stop, five looks", "claims", early_stop(0.0, claims), most=0.05),
    Scenario("A/A three runs", "claims", three_runs(0.0, claims), most=0.05),
    Scenario("A/A watched live, 20 peeks", "claims", peeking(0.0, claims), most=0.05),
    Scenario("A/A watched live, names tell", "claims", peeking_clusters(clusters_by_name, claims), most=0.05),
    Scenario("A/A watched live, sizes tell", "claims", peeking_clusters(clusters_by_size, claims), most=0.05),
    Scenario("A/A watched live, clusters as one", "claims", peeking_clusters(clusters_as_one, claims), most=0.05),
    Scenario("A/A twenty slices", "stands out", slices, most=0.10),
    Scenario("worse by the margin, binary, 300 rows", "passes", margin_binary(300, -0.05), most=0.055),
    Scenario("worse by the margin, graded, 200 rows", "passes", margin_graded, most=0.05),
    Scenario("worse by the margin, 40 clusters", "passes", margin_clusters, most=0.05),
    Scenario("worse by the margin, clusters lost whole", "passes", lost_clusters(0.0), most=0.05),
    Scenario("the same among rows that flip either way", "passes", lost_clusters(0.1), most=0.10),
    Scenario("uneven clusters lost whole", "passes", uneven_clusters, most=0.12),
    Scenario("worse by the margin, rare total losses, 100 rows", "passes", rare_losses(100, 0.05), most=0.055),
    Scenario("the same, 59 rows", "passes", rare_losses(59, 0.05), most=0.055),
    Scenario("0 or everything, margin .02, 200 rows", "passes", rare_losses(200, 0.02), most=0.05),
    Scenario("the same, strict", "passes", rare_losses(200, 0.02, strict=True), most=0.05),
    Scenario("0 to .1 or everything, 62 rows", "passes", rare_losses(62, 0.05, left=0.1), most=0.05),
    Scenario("0 to .1 or everything, 200 rows", "passes", rare_losses(200, 0.02, left=0.1), most=0.05),
    Scenario("0 to .1 or everything, 500 rows", "passes", rare_losses(500, 0.0316, left=0.1), most=0.05),
    Scenario("0 to nearly all lost, 500 rows", "passes", rare_losses(500, 0.1, left=1.0), most=0.05),
    Scenario("worse by the margin through failed calls", "passes", failed_calls, most=0.055),
    Scenario("one of five metrics worse by its margin", "passes", five_pass, most=0.05),
    Scenario("three variants worse by the margin", "any passes", three_variants(-0.05, any_pass), most=0.05),
    Scenario("worse by the margin, 3 repeats", "passes", repeats(-0.1, passes), most=0.055),
    Scenario("latency worse by the margin", "passes", latency(200, 0.10, passes), most=0.05),
    Scenario("latency p95 worse by the margin", "passes", tail(0.25, passes), most=0.055),
    Scenario("slow calls, more by the margin", "passes", slow_calls(0.05, passes), most=0.055),
    Scenario("cost worse by the margin", "passes", cost(0.10, passes), most=0.06),
    Scenario("the same, log SD 1.2, 60 rows", "passes", cost(0.10, passes, n=60, tail=1.2), most=0.075),
    Scenario("worse by the margin, early stop", "passes", early_stop(-0.05, passes), most=0.055),
    Scenario("the same, graded", "passes", early_stop(-0.05, passes, drawn=moving, spec=JUDGE), most=0.055),
    Scenario("the same, 1 in 10 spoilt", "passes", early_stop(-0.05, passes, drawn=spoiling, spec=JUDGE), most=0.055),
    Scenario("worse by the margin, three runs", "passes", three_runs(-0.05, passes), most=0.05),
    Scenario("worse by the margin, watched live", "passes", peeking(-0.05, passes), most=0.05),
    Scenario("clusters lost whole, watched live", "passes", peeking_clusters(clusters_lost, passes), most=0.05),
    Scenario("power: equal, 500 rows, margin .05", "passes", margin_binary(500, 0.0), least=0.5),
    Scenario("power: 8 points better, 400 rows", "improved", lambda r, s: found(_shifted(r, s, 0.08)), least=0.5),
    Scenario("power: 10 points worse, 400 rows", "gate fails", lambda r, s: fails(_shifted(r, s, -0.10)), least=0.5),
    Scenario("power: latency equal, 200 rows", "passes", latency(200, 0.0, passes), least=0.8),
    Scenario("power: as many slow calls, 300 rows", "passes", slow_calls(0.0, passes), least=0.5),
    Scenario("power: equal, early stop, 400 rows", "passes", early_stop(0.0, passes), least=0.3),
    Scenario("power: equal, three runs, 300 rows", "passes", three_runs(0.0, passes), least=0.5),
    Scenario("power: equal, watched live, 400 rows", "passes", peeking(0.0, passes), least=0.1),
)
NOT_INTERLEAVED = Scenario("contrast: hourly shocks, arms one after the other", "claims", shock(interleaved=False))


def _shifted(rng: Rng, seed: int, shift: float) -> Comparison:
    a, copy, b = binary(rng, 400, shift)
    return compare(seed, data(ACCURACY, A=column(a), A2=column(copy), B=column(b)))


def measure(scenario: Scenario, sets: int, seed: int) -> Rate:
    """Count a scenario's hits over independent data sets."""
    started = time.perf_counter()
    streams = np.random.SeedSequence([seed, sum(map(ord, scenario.name))]).spawn(sets)
    hits = sum(scenario.hit(np.random.default_rng(stream), i) for i, stream in enumerate(streams))
    return Rate(scenario, hits, sets, time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--sets", type=int, default=2000)
    parser.add_argument("--only", default="")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    print(f"{'scenario':52} {'counts':11} {'rate':>7} {'± s.e.':>7}  bound")
    for scenario in (*SCENARIOS, NOT_INTERLEAVED):
        if options.only in scenario.name:
            rate = measure(scenario, options.sets, options.seed)
            bound = f"<= {scenario.most:.1%}" if scenario.most is not None else ""
            bound = f">= {scenario.least:.0%}" if scenario.least is not None else bound
            mark = "" if rate.holds else "  EXCEEDED"
            cells = f"{scenario.name:52} {scenario.counts:11} {rate.value:7.1%} {rate.error:7.2%}"
            print(f"{cells}  {bound}{mark}  ({rate.seconds:.0f} s)", flush=True)


if __name__ == "__main__":
    main()

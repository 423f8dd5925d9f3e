"""The public call: names, signs and units of the answer, and every line of the edge-case table."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from llmexp_tui.errors import UnknownNameError, UsageError
from llmexp_tui.stats import (
    Comparison,
    ComparisonPlan,
    FloorRecord,
    MetricData,
    MetricResult,
    MetricSpec,
    Samples,
    compare_arms,
    compare_scores,
    to_json,
)
from llmexp_tui.stats.anytime import BettingModel
from llmexp_tui.stats.sequential import plan_looks
from tests.unit.stats.tables import column, compared, flipped, result, table, zero_one

BINARY = MetricSpec("score", "binary", margin=0.05)
NAN = float("nan")
IDENTITY = {"candidate", "metric", "statistic", "type", "registered", "slice", "seed", "method"}
COUNTS = {"n_pairs", "n_dropped", "clusters", "repeats", "wins", "losses", "ties", "rows_needed"}
ESTIMATES = {"baseline", "candidate_value", "delta", "ci_low", "ci_high", "ci90_low", "ci90_high", "mde", "margin"}
TESTS = {"p_value", "p_adjusted", "p_noninferiority", "noise_floor", "noise_floor_state"}
PROMISED = IDENTITY | COUNTS | ESTIMATES | TESTS | {"verdict", "equivalent", "reason", "gate"}


def test_the_documented_example() -> None:
    a = zero_one(200, 156)
    found = result(BINARY, A=a, B=flipped(a, 22, 8), A2=flipped(a, 5, 5), extra={"seed": 1234})
    m = found.metrics[0]
    assert (found.status, m.verdict, m.gate, m.equivalent) == ("pass", "improved", "pass", False)
    assert (m.n_pairs, m.n_dropped, m.clusters, m.repeats, m.seed) == (200, 0, 200, 1, 1234)
    assert (m.baseline, m.candidate_value, m.delta) == pytest.approx((0.78, 0.85, 0.07))
    assert (m.ci_low, m.ci_high) == pytest.approx((0.0174, 0.1269), abs=1e-4)
    assert (m.ci90_low, m.ci90_high) == pytest.approx((0.0261, 0.1171), abs=1e-4)
    assert m.p_value == m.p_adjusted == pytest.approx(0.0161, abs=1e-4)
    assert m.p_noninferiority == pytest.approx(3.5e-5, rel=0.02)
    assert (m.noise_floor, m.noise_floor_state) == (pytest.approx(0.0310, abs=1e-4), "measured")
    assert m.mde == pytest.approx(0.0767, abs=1e-4)
    assert (m.wins, m.losses, m.ties, m.method, m.rows_needed) == (22, 8, 170, "tango+mcnemar", 200)


def test_the_answer_is_json_with_every_promised_name() -> None:
    a = zero_one(40, 20)
    found = to_json(result(BINARY, A=a, B=flipped(a, 3, 2)))
    entry = json.loads(json.dumps(found, allow_nan=False))["metrics"][0]
    assert set(entry) >= PROMISED
    assert entry["noise_floor"] is None and entry["noise_floor_state"] == "unmeasured"


def test_lower_is_better_keeps_the_metrics_own_sign() -> None:
    a = zero_one(200, 40)
    spec = replace(BINARY, direction="lower")
    fewer = compared(spec, A=a, B=flipped(a, 3, 25))
    assert fewer.delta == pytest.approx(-0.11)
    assert (fewer.verdict, fewer.wins, fewer.losses) == ("improved", 25, 3)
    assert (fewer.ci_low or 0) < (fewer.delta or 0) < (fewer.ci_high or 0) < 0
    more = compared(spec, A=a, B=flipped(a, 25, 3))
    assert (more.verdict, more.gate) == ("regressed", "fail")


def test_ratios_come_back_as_ratio_minus_one() -> None:
    rng = np.random.default_rng(1)
    row = rng.lognormal(6, 0.4, 300)
    a, copy = row * rng.lognormal(0, 0.1, 300), row * rng.lognormal(0, 0.1, 300)
    b = row * 1.2 * rng.lognormal(0, 0.1, 300)
    m = compared(MetricSpec("latency", "latency", margin=0.1), A=a, B=b, A2=copy)
    assert m.delta == pytest.approx(math.exp(np.log(b).mean() - np.log(a).mean()) - 1)
    assert (m.verdict, m.gate, m.baseline) == ("regressed", "fail", pytest.approx(math.exp(np.log(a).mean())))
    assert (m.ci_low or 0) < (m.delta or 0) < (m.ci_high or 0)
    assert m.noise_floor == pytest.approx(math.expm1(1.96 * np.sqrt(2) * 0.1 / np.sqrt(300)), rel=0.15)
    cost = compared(MetricSpec("cost", "ratio", margin=0.1), A=a, B=b)
    assert cost.delta == pytest.approx(b.sum() / a.sum() - 1)
    faster = compared(MetricSpec("latency", "latency"), A=b, B=a)
    assert faster.verdict == "improved" and (faster.delta or 0) < 0


def test_an_unmeasured_floor_blocks_the_pass_only_where_required() -> None:
    a = zero_one(300, 200)
    assert result(BINARY, A=a, B=flipped(a, 5, 5)).status == "pass"
    found = result(BINARY, A=a, B=flipped(a, 5, 5), extra={"aa_required": True})
    assert (found.status, found.metrics[0].verdict) == ("inconclusive", "no_regression")
    assert "noise floor" in found.reasons[0]


def test_a_change_within_the_floor_is_never_a_claim() -> None:
    a = zero_one(200, 100)
    noisy = compared(BINARY, A=a, B=flipped(a, 16, 2), A2=flipped(a, 40, 38))
    assert noisy.p_value is not None and noisy.p_value < 0.05
    assert noisy.verdict != "improved"


def test_a_failed_aa_makes_the_metric_invalid() -> None:
    a = zero_one(200, 100)
    found = result(BINARY, A=a, B=flipped(a, 5, 5), A2=flipped(a, 40, 2))
    m = found.metrics[0]
    assert (found.status, m.verdict, m.gate) == ("invalid", "inconclusive", "inconclusive")
    assert (m.invalid, m.noise_floor_state) == (True, "invalid")
    assert "differs from itself" in m.reason


def test_a_deterministic_baseline_is_told_apart() -> None:
    a = zero_one(100, 60)
    m = compared(BINARY, A=a, B=flipped(a, 9, 1), A2=a)
    assert (m.noise_floor_state, m.noise_floor) == ("deterministic", 0.0)
    assert m.flip_rate_bound == pytest.approx(1 - 0.05**0.01)
    assert m.verdict == "improved"


def test_a_stored_floor_is_used_and_scaled() -> None:
    a = zero_one(200, 100)
    stored = FloorRecord("measured", 0.04, rows=800, variance=0.05)
    m = compared(BINARY, A=a, B=flipped(a, 14, 10), extra={"floors": {"score": stored}})
    assert (m.noise_floor, m.noise_floor_state, m.floor_source) == (pytest.approx(0.08), "measured", "stored")
    assert m.floor_ratio == pytest.approx(0.02 / 0.08)


def test_repeats_of_the_baseline_measure_the_floor() -> None:
    rng = np.random.default_rng(2)
    columns = {
        "row_id": np.tile(np.repeat(np.arange(80), 3), 2),
        "variant": np.repeat(["A", "B"], 240),
        "repeat": np.tile([0, 1, 2], 160),
        "score": (rng.random(480) < 0.7).astype(float),
    }
    m = compare_scores(columns, baseline="A", candidates=["B"], metrics=[BINARY]).metrics[0]
    assert (m.floor_source, m.noise_floor_state, m.repeats, m.clusters) == ("repeats", "measured", 3, 80)
    assert "phantom jackknife" in m.method


@pytest.mark.parametrize(
    ("n", "verdict"),
    [(58, "inconclusive"), (59, "no_regression"), (160, "no_regression")],
)
def test_all_equal_rows_pass_only_when_there_are_enough(n: int, verdict: str) -> None:
    m = compared(BINARY, A=np.ones(n), B=np.ones(n))
    assert m.verdict == verdict
    assert (m.ci_low or 0) < 0 < (m.ci_high or 0)


def test_five_rows_claim_nothing_however_clear() -> None:
    m = compared(BINARY, A=np.zeros(5), B=np.ones(5))
    assert (m.verdict, m.delta) == ("inconclusive", 1.0)
    assert "fewer than 6" in m.reason


def test_five_clusters_claim_nothing_however_many_rows() -> None:
    columns = {"cluster": np.tile(np.repeat(np.arange(5), 40), 2)}
    m = compared(BINARY, A=np.zeros(200), B=np.ones(200), extra={"columns": columns})
    assert (m.verdict, m.clusters, m.n_pairs) == ("inconclusive", 5, 200)
    one = {"cluster": np.zeros(400)}
    assert "fewer than two" in compared(BINARY, A=np.zeros(200), B=np.ones(200), extra={"columns": one}).reason


def test_a_score_without_bounds_needs_thirty_rows_and_says_what_it_cannot_promise() -> None:
    spec = MetricSpec("score", "unbounded", margin=1.0)
    assert "30 rows" in compared(spec, A=np.arange(20.0), B=np.arange(20.0) + 3).reason
    m = compared(spec, A=np.arange(40.0), B=np.arange(40.0) + np.linspace(2, 3, 40))
    assert m.verdict == "improved"
    assert m.note is not None and "guarantee" in m.note


def test_a_quantile_needs_rows_beyond_it() -> None:
    rng = np.random.default_rng(3)
    spec = MetricSpec("latency", "latency", statistic="p95")
    assert "too few rows beyond p95" in compared(spec, A=rng.lognormal(0, 1, 150), B=rng.lognormal(0, 1, 150)).reason
    row = rng.lognormal(0, 0.5, 400)
    m = compared(spec, A=row, B=row * rng.lognormal(0, 0.05, 400))
    assert m.verdict == "no_regression"
    assert m.baseline == pytest.approx(np.quantile(row, 0.95))


def test_failed_calls_count_against_the_candidate() -> None:
    a = np.ones(200)
    b: list[object] = [1.0] * 200
    b[:20] = [""] * 20
    columns = {"error": [""] * 200 + ["timeout"] * 20 + [""] * 180}
    m = compared(BINARY, A=a, B=b, extra={"columns": columns})
    assert (m.verdict, m.delta, m.n_failed_candidate, m.n_dropped) == ("regressed", -0.1, 20, 0)


def test_failed_scorers_drop_pairs_and_too_many_decide_nothing() -> None:
    a = zero_one(200, 150)
    b: list[object] = list(flipped(a, 30, 2))
    b[:3] = [NAN] * 3
    few = compared(BINARY, A=a, B=b)
    assert (few.n_pairs, few.n_dropped, few.verdict) == (197, 3, "improved")
    assert few.worst_case_low == pytest.approx((few.delta or 0) * 197 / 200 - 3 / 200)
    b[:10] = [NAN] * 10
    many = result(BINARY, A=a, B=b)
    assert (many.status, many.metrics[0].verdict) == ("inconclusive", "inconclusive")
    assert many.metrics[0].delta is not None


@pytest.mark.parametrize(
    ("losses", "also_registered", "state"), [(10, 0, "measured"), (11, 0, "invalid"), (11, 1, "measured")]
)
def test_an_aa_is_ill_at_one_in_a_hundred_after_holm(losses: int, also_registered: int, state: str) -> None:
    """Against one row the other way 10 losses have p = .012 and 11 p = .006, which twice over is healthy again."""
    a = zero_one(200, 100)
    drifted, same = {"A": a, "B": a, "A2": flipped(a, 1, losses)}, {"A": a, "B": a, "A2": flipped(a, 3, 3)}
    data = [
        MetricData(MetricSpec("m", "binary"), {name: column(scores) for name, scores in drifted.items()}, 200),
        *[MetricData(MetricSpec("n", "binary"), {k: column(v) for k, v in same.items()}, 200)] * also_registered,
    ]
    found = compare_arms(data, baseline="A", candidates=["B"], aa="A2")
    assert found.metrics[0].noise_floor_state == state


def test_what_is_explored_at_any_time_is_corrected_by_its_wealth() -> None:
    a = zero_one(200, 120)
    spec, plan = MetricSpec("m", "binary", role="exploratory"), ComparisonPlan(anytime=True)
    b = flipped(a, 14, 2)
    found = compared(spec, A=a, B=b, extra={"plan": plan})
    wealth = BettingModel(b - a, np.ones(200), 1.0).e_value
    assert wealth > 1.5
    assert found.q_value == pytest.approx(1.0 / wealth)


def test_rows_in_one_arm_only_make_it_invalid() -> None:
    a = zero_one(200, 150)
    found = result(BINARY, A=a, B=a[:150])
    assert (found.status, found.metrics[0].verdict, found.metrics[0].delta) == ("invalid", "inconclusive", None)


def test_a_row_twice_is_invalid() -> None:
    columns = table(A=np.ones(50), B=np.ones(50))
    columns["row_id"][1] = columns["row_id"][0]
    found = compare_scores(columns, baseline="A", candidates=["B"], metrics=[BINARY])
    assert found.status == "invalid"


def test_what_costs_nothing_in_either_arm_has_not_changed() -> None:
    found = result(MetricSpec("cost", "ratio"), A=np.zeros(50), A2=np.zeros(50), B=np.zeros(50))
    m = found.metrics[0]
    assert (found.status, m.verdict, m.equivalent, m.delta) == ("pass", "no_regression", True, 0.0)
    assert m.noise_floor_state == "deterministic"


@pytest.mark.parametrize(("a", "b", "status", "verdict"), [(0, 1, "fail", "regressed"), (1, 0, "pass", "improved")])
def test_from_nothing_to_something_is_a_change_without_a_ratio(a: int, b: int, status: str, verdict: str) -> None:
    found = result(MetricSpec("cost", "ratio"), A=np.full(50, a), A2=np.full(50, a), B=np.full(50, b))
    assert (found.status, found.metrics[0].verdict) == (status, verdict)
    json.dumps(to_json(found), allow_nan=False)
    few = result(MetricSpec("cost", "ratio"), A=np.full(50, a), B=np.r_[np.full(47, a), np.full(3, b)])
    assert few.metrics[0].verdict in ("inconclusive", "no_regression")


def test_a_quantile_of_nothing_but_zeros_has_not_changed() -> None:
    found = result(MetricSpec("cost", "ratio", statistic="p50"), A=np.zeros(50), A2=np.zeros(50), B=np.zeros(50))
    assert (found.metrics[0].delta, found.status) == (0.0, "pass")


def test_swapping_rows_that_carry_the_whole_total_is_no_crash() -> None:
    a = np.zeros(60)
    a[:3] = 1.0
    m = compared(MetricSpec("cost", "ratio"), A=a, B=a[::-1].copy())
    assert m.verdict == "inconclusive"


def test_infinite_scores_never_reach_the_answer() -> None:
    a = np.r_[np.linspace(0, 1, 99), math.inf]
    m = compared(MetricSpec("s", "bounded"), A=a, B=np.linspace(0, 1, 100))
    assert m.n_pairs == 99
    json.dumps(to_json(m), allow_nan=False)


def test_a_tie_is_kept_in_the_denominator() -> None:
    grades = np.repeat([1.0, 2, 3, 4, 5], 40)
    better = np.where(np.arange(200) < 30, np.minimum(grades + 1, 5), grades)
    m = compared(MetricSpec("grade", "ordinal", range=(1, 5)), A=grades, B=better)
    assert (m.wins, m.losses, m.ties, m.delta) == (30, 0, 170, 0.15)
    assert m.method == "tango+sign test"
    assert m.p_wilcoxon is not None and m.p_wilcoxon < 0.01


def test_wilcoxon_keeps_pratts_zeros() -> None:
    """Against full enumeration of the signed ranks, zeros ranked and then dropped."""
    a = np.zeros(14)
    b = np.array([0, 0, 0, 1, 2, -1, 3, 2, 1, 0, 2, -2, 1, 4.0])
    m = compared(MetricSpec("grade", "ordinal", range=(-5, 5)), A=a, B=b)
    ranks = np.array([sum(np.abs(b) < x) + (sum(np.abs(b) == x) + 1) / 2 for x in np.abs(b)])[b != 0]
    observed = abs((np.sign(b[b != 0]) * ranks).sum())
    every = [abs((ranks * (2 * ((k >> np.arange(10)) & 1) - 1)).sum()) for k in range(1024)]
    assert m.p_wilcoxon == pytest.approx(np.mean(np.array(every) >= observed - 1e-9))


def test_ordinal_mean_where_the_scale_is_an_interval() -> None:
    grades = np.repeat([1.0, 2, 3, 4, 5], 40)
    spec = MetricSpec("grade", "ordinal", range=(1, 5), interval_scale=True, margin=0.3)
    m = compared(spec, A=grades, B=np.clip(grades + 1, 1, 5))
    assert m.delta == pytest.approx(0.8)


def test_preferences_are_judged_without_a_baseline_arm() -> None:
    columns = {
        "row_id": np.repeat(np.arange(60), 2),
        "variant": ["B"] * 120,
        "repeat": np.tile([0, 1], 60),
        "score": np.repeat([1.0, 1.0, -1.0], 40),
    }
    arms = {"B": Samples(columns["row_id"], columns["score"], repeats=columns["repeat"])}
    m = compare_arms([MetricData(MetricSpec("p", "pairwise"), arms, 60)], baseline="A", candidates=["B"]).metrics[0]
    assert (m.wins, m.losses, m.verdict) == (40, 20, "improved")


def test_slices_are_gates_of_their_own() -> None:
    a = zero_one(200, 150)
    columns = {"channel": (["mail"] * 50 + ["chat"] * 150) * 2}
    b = a.copy()
    b[:20] = 0.0
    specs = [BINARY, replace(BINARY, slice="channel=mail")]
    found = compare_scores({**table(A=a, B=b), **columns}, baseline="A", candidates=["B"], metrics=specs)
    assert [m.n_pairs for m in found.metrics] == [200, 50]
    assert found.metrics[1].slice == "channel=mail"
    assert found.metrics[1].gate == "fail"


def test_exploratory_metrics_get_q_values_and_no_gate() -> None:
    rng = np.random.default_rng(4)
    columns = table(A=rng.random(50), B=rng.random(50))
    specs = [MetricSpec(f"m{i}", "bounded", role="exploratory") for i in range(2)]
    found = compare_scores(columns, baseline="A", candidates=["B"], metrics=[BINARY_SCORE, *specs])
    first, second, third = found.metrics
    assert (first.registered, first.gate is not None, first.q_value) == (True, True, None)
    assert (second.registered, second.gate) == (False, None)
    assert second.q_value == second.p_adjusted == third.q_value


BINARY_SCORE = MetricSpec("score", "bounded", margin=0.2)


def test_adding_an_exploratory_metric_changes_no_number_of_the_others() -> None:
    rng = np.random.default_rng(5)
    columns = table(A=rng.random(60), B=rng.random(60), A2=rng.random(60))
    options: dict[str, Any] = {"baseline": "A", "candidates": ["B"], "aa": "A2"}
    alone = compare_scores(columns, metrics=[BINARY_SCORE], **options)
    extra = [MetricSpec(f"m{i}", "bounded", role="exploratory") for i in range(5)]
    crowded = compare_scores(columns, metrics=[*extra, BINARY_SCORE], **options)
    assert crowded.metrics[-1] == alone.metrics[0]
    assert crowded.status == alone.status


def test_one_entry_for_each_candidate_and_metric() -> None:
    rng = np.random.default_rng(6)
    columns = table(A=rng.random(60), B=rng.random(60), C=rng.random(60))
    specs = [MetricSpec("x"), MetricSpec("y")]
    found = compare_scores(columns, baseline="A", candidates=["B", "C"], metrics=specs)
    assert [(m.candidate, m.metric) for m in found.metrics] == [("B", "x"), ("B", "y"), ("C", "x"), ("C", "y")]


def test_influential_rows_are_named_by_their_label() -> None:
    a = np.linspace(0.2, 0.8, 60)
    b = a.copy()
    b[17] = 0.0
    m = compared(MetricSpec("s", "bounded", margin=0.2), A=a, B=b)
    assert m.influential[0].row == "r00017"
    kept = np.delete(b - a, 17).mean()
    assert m.influential[0].change == pytest.approx(kept - (b - a).mean())


def test_planned_looks_hold_the_metric_to_their_levels_and_show_the_repeated_interval() -> None:
    a = zero_one(200, 150)
    b = flipped(a, 4, 4)
    assert compared(BINARY, A=a, B=b).verdict == "no_regression"
    looks = plan_looks()
    early = ComparisonPlan(levels=looks.levels(0), final_look=False)
    m = compared(BINARY, A=a, B=b, extra={"plan": early})
    fixed = compared(BINARY, A=a, B=b)
    assert m.verdict == "inconclusive"
    assert (m.ci_low or 0) < (fixed.ci_low or 0) and (m.ci_high or 0) > (fixed.ci_high or 0)
    latency = MetricSpec("l", "latency", statistic="p50")
    times = np.random.default_rng(7).lognormal(0, 1, 200)
    assert "last look" in compared(latency, A=times, B=times, extra={"plan": early}).reason


def runs_table(deltas: list[float], n: int = 300) -> dict[str, list[Any]]:
    rng = np.random.default_rng(8)
    difficulty = rng.beta(4, 2, n)
    columns: dict[str, list[Any]] = {"row_id": [], "variant": [], "repeat": [], "score": []}
    for run, delta in enumerate(deltas):
        base = (rng.random(n) < difficulty).astype(float)
        for name, scores in (("A", base), ("B", flipped(base, max(0, round(n * delta)), max(0, round(-n * delta))))):
            columns["row_id"] += list(range(n))
            columns["variant"] += [name] * n
            columns["repeat"] += [run] * n
            columns["score"] += list(scores)
    return columns


def test_three_runs_pool_and_the_worst_one_demotes() -> None:
    plan = ComparisonPlan(runs=3)

    def judged(deltas: list[float]) -> Comparison:
        return compare_scores(
            runs_table(deltas), baseline="A", candidates=["B"], metrics=[BINARY], plan=plan
        )

    steady = judged([0.0, 0.0, 0.0]).metrics[0]
    assert (steady.verdict, steady.repeats) == ("no_regression", 3)
    assert steady.run_deltas == pytest.approx((0.0, 0.0, 0.0))
    guarded = judged([0.02, 0.02, -0.06]).metrics[0]
    assert (guarded.verdict, guarded.reason) == ("inconclusive", "one run on its own was worse than the margin")
    first = judged([0.0, 0.0]).metrics[0]
    assert first.repeats == 1


def test_a_run_may_hold_repeats_of_its_own() -> None:
    rng = np.random.default_rng(12)
    rows, repeats = np.repeat(np.arange(100), 2), np.tile([0, 1], 100)

    def samples(runs: int) -> Samples:
        scores = (rng.random(200 * runs) < 0.7).astype(float)
        run = np.repeat(np.arange(runs), 200)
        return Samples(np.tile(rows, runs), scores, repeats=np.tile(repeats, runs), runs=run)

    for runs, calls in ((1, 2), (3, 6)):
        data = MetricData(BINARY, {"A": samples(runs), "B": samples(runs)}, 100)
        m = compare_arms([data], baseline="A", candidates=["B"], plan=ComparisonPlan(runs=3)).metrics[0]
        assert (m.repeats, len(m.run_deltas)) == (calls, 3 if runs == 3 else 0)
        assert not m.invalid


def test_the_first_of_three_runs_is_held_to_the_split_alpha() -> None:
    a = zero_one(200, 150)
    b = flipped(a, 20, 6)
    assert compared(BINARY, A=a, B=b).verdict == "improved"
    held = compared(BINARY, A=a, B=b, extra={"plan": ComparisonPlan(runs=3)})
    assert (held.verdict, held.gate) == ("no_regression", "pass")


def test_watching_live_widens_and_needs_bounds() -> None:
    a = zero_one(200, 150)
    plan = ComparisonPlan(anytime=True)
    b = flipped(a, 20, 4)
    fixed, live = compared(BINARY, A=a, B=b), compared(BINARY, A=a, B=b, extra={"plan": plan})
    assert live.method == "betting"
    assert (live.ci_low or 0) < (fixed.ci_low or 0)
    times = np.random.default_rng(9).lognormal(0, 1, 100)
    assert "bounds" in compared(MetricSpec("l", "latency"), A=times, B=times, extra={"plan": plan}).reason


def test_watched_live_a_cluster_counts_once_however_its_rows_arrive() -> None:
    rng = np.random.default_rng(2)
    code = np.repeat(np.arange(120), 3)
    change = np.where(rng.random(120) < 0.2, 1.0, 0.0)[code]
    spec = MetricSpec("s", "bounded", margin=0.1)

    def judged(clusters: np.ndarray | None, rows: int) -> MetricResult:
        arms = {"A": column(np.zeros(rows)), "B": column(change[:rows])}
        data = MetricData(spec, arms, len(code), clusters)
        return compare_arms([data], baseline="A", candidates=["B"], plan=ComparisonPlan(anytime=True)).metrics[0]

    alone, together = judged(None, 360), judged(code, 360)
    assert (alone.delta, alone.verdict, together.verdict) == (together.delta, "improved", "improved")
    assert (together.p_value or 0) > (alone.p_value or 0)
    few, early = judged(None, 30), judged(code[np.argsort(np.arange(360) % 3, kind="stable")], 30)
    assert early.clusters == early.n_pairs, "not one cluster has a second row yet"
    assert (early.p_value or 0) >= (few.p_value or 0), "and still no bet may be too large for those to come"


def test_strict_is_slower_to_pass() -> None:
    a = np.ones(120)
    plain = compared(MetricSpec("s", "bounded", margin=0.05), A=a, B=a)
    strict = compared(MetricSpec("s", "bounded", margin=0.05, strict=True), A=a, B=a)
    assert plain.verdict == "no_regression"
    assert (strict.p_noninferiority or 0) > (plain.p_noninferiority or 0)
    assert (strict.ci90_low or 0) < (plain.ci90_low or 0)


def test_the_strict_interval_and_the_strict_claim_agree() -> None:
    rng = np.random.default_rng(4)
    a = rng.random(300)
    b = np.where(rng.random(300) < 0.1, rng.random(300), a)
    for margin in np.linspace(0.02, 0.2, 10):
        m = compared(MetricSpec("s", "bounded", margin=float(margin), strict=True), A=a, B=b)
        assert ((m.p_noninferiority or 0) <= 0.05) == ((m.ci90_low or 0) >= -margin), margin


def test_live_exploration_is_corrected_by_wealth_and_shows_no_p_value_that_one_look_earns() -> None:
    rng = np.random.default_rng(5)
    arms = {name: (rng.random(300) < chance).astype(float) for name, chance in (("A", 0.5), ("B", 0.9))}
    times = {name: rng.lognormal(0, 0.3, 300) for name in arms}
    specs = [MetricSpec(f"m{i}", "binary", role="exploratory") for i in range(5)]
    data = [MetricData(spec, {k: column(v) for k, v in arms.items()}, 300) for spec in specs]
    data.append(MetricData(MetricSpec("t", "latency"), {k: column(v) for k, v in times.items()}, 300))
    *bounded, latency = compare_arms(data, baseline="A", candidates=["B"], plan=ComparisonPlan(anytime=True)).metrics
    assert all(m.p_value is not None and m.q_value is not None and m.q_value >= m.p_value / 2 for m in bounded)
    assert bounded[0].q_value is not None and bounded[0].q_value < 0.1
    assert (latency.p_value, latency.p_adjusted) == (None, None)


def stored_baseline(a: np.ndarray, b: np.ndarray, copy: Samples | None = None, **more: Any) -> Comparison:
    arms = {"A": column(a), "B": column(b), **({} if copy is None else {"A2": copy})}
    data = MetricData(BINARY, arms, len(a), **more)
    return compare_arms(
        [data], baseline="A", candidates=["B"], aa="A2" if copy else None, plan=ComparisonPlan(interleaved=False)
    )


def test_a_baseline_of_another_time_makes_times_exploratory_and_adds_drift() -> None:
    rng = np.random.default_rng(10)
    times, a = rng.lognormal(0, 0.3, 100), zero_one(100, 60)
    plan = ComparisonPlan(interleaved=False)
    m = compared(MetricSpec("latency", "latency"), A=times, B=times * 3, extra={"plan": plan})
    assert (m.registered, m.gate) == (False, None)
    slow = compared(MetricSpec("latency", "share", threshold=1.0), A=times, B=times * 3, extra={"plan": plan})
    assert (slow.registered, slow.gate) == (False, None)
    with_drift = stored_baseline(a, flipped(a, 5, 5), drift=0.01).metrics[0]
    without = stored_baseline(a, flipped(a, 5, 5)).metrics[0]
    assert (with_drift.ci_high or 0) - (with_drift.ci_low or 0) > (without.ci_high or 0) - (without.ci_low or 0)


def test_a_stored_baseline_needs_an_aa_of_today_that_passes() -> None:
    a = zero_one(200, 150)
    rows = np.arange(0, 200, 5)
    alone = stored_baseline(a, flipped(a, 3, 3))
    assert (alone.status, alone.metrics[0].registered) == ("invalid", False)
    assert "no A/A of today" in alone.reasons[0]
    watched = stored_baseline(a, flipped(a, 3, 3), Samples(rows, flipped(a, 3, 3)[rows]))
    assert (watched.status, watched.metrics[0].gate) == ("pass", "pass")
    few = stored_baseline(a, flipped(a, 3, 3), Samples(rows[:29], a[rows[:29]]))
    assert few.status == "invalid"
    drifted = stored_baseline(a, flipped(a, 3, 3), Samples(rows, 1 - a[rows]))
    assert (drifted.status, drifted.metrics[0].noise_floor_state) == ("invalid", "invalid")
    regressed = stored_baseline(a, flipped(a, 0, 60))
    assert (regressed.status, regressed.metrics[0].verdict) == ("invalid", "regressed")


def test_confounded_is_a_label_on_every_metric() -> None:
    a = zero_one(100, 60)
    assert compared(BINARY, A=a, B=a, extra={"plan": ComparisonPlan(confounded=True)}).confounded


def test_a_mask_can_differ_between_candidates() -> None:
    arms = {name: column(np.linspace(0, 1, 100)) for name in ("A", "B", "C")}
    mask = {"B": np.arange(100) < 50}
    data = MetricData(MetricSpec("s"), arms, 100, mask=mask)
    found = compare_arms([data], baseline="A", candidates=["B", "C"])
    assert [m.n_pairs for m in found.metrics] == [50, 100]


def test_missing_arms_and_empty_questions_are_refused() -> None:
    data = MetricData(MetricSpec("s"), {"A": column([1.0])}, 1)
    with pytest.raises(UnknownNameError):
        compare_arms([data], baseline="A", candidates=["B"])
    with pytest.raises(UsageError, match="nothing to compare"):
        compare_arms([], baseline="A", candidates=["B"])


def test_results_are_plain_numbers() -> None:
    rng = np.random.default_rng(11)
    arms = {"A": rng.random(50), "B": rng.random(50), "A2": rng.random(50)}
    others = (MetricSpec("s", "latency"), MetricSpec("s", "ratio"), MetricSpec("s", "ordinal", range=(0, 1)))
    for spec in (BINARY_SCORE, *others):
        m = compared(spec, **arms)
        for entry in fields(m):
            value = getattr(m, entry.name)
            assert value is None or type(value) in (float, int, str, bool, tuple), entry.name
            assert not isinstance(value, float) or math.isfinite(value), entry.name


def test_importing_the_package_costs_numpy_only() -> None:
    code = "import sys, llmexp_tui.stats; print([m for m in sys.modules if m.startswith(('scipy', 'pandas'))])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_whole_comparison_never_imports_scipy_stats() -> None:
    code = (
        "import sys; from tests.unit.stats.tables import *; from llmexp_tui.stats import MetricSpec;"
        "a = zero_one(80, 40); compared(MetricSpec('m', 'binary'), A=a, B=flipped(a, 5, 2), A2=a);"
        "compared(MetricSpec('m', 'bounded'), A=a, B=flipped(a, 5, 2)); print('scipy.stats' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_look_that_nobody_planned_shows_estimates_alone() -> None:
    a = zero_one(200, 120)
    arms = {"A": a, "A2": flipped(a, 4, 4), "B": flipped(a, 40, 2)}
    assert compared(BINARY, **arms).verdict == "improved"
    found = result(BINARY, extra={"plan": ComparisonPlan(unplanned=True)}, **arms)
    metric = found.metrics[0]
    assert (found.status, metric.verdict, metric.cause) == ("inconclusive", "inconclusive", "unplanned")
    assert metric.delta == pytest.approx(0.19)
    assert metric.ci_low is not None and metric.ci_low > 0
    told = (metric.p_value, metric.p_adjusted, metric.p_noninferiority, metric.p_improved, metric.p_regressed,
            metric.p_mid, metric.fragility)  # fmt: skip
    assert told == (None,) * 7


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (1.0, 5.0)])
def test_a_score_that_is_all_or_nothing_is_judged_as_binary(low: float, high: float) -> None:
    """One row of 200 lost, margin .02: a t interval would pass it, and 7 of 100 that are worse by the margin."""
    a = zero_one(200, 200)
    b = flipped(a, 0, 1)
    width = high - low
    spec = MetricSpec("score", "bounded", range=(low, high), margin=0.02 * width)
    found = compared(spec, A=low + width * a, B=low + width * b)
    binary = compared(replace(BINARY, margin=0.02), A=a, B=b)
    assert (found.method, found.verdict, binary.verdict) == (binary.method, "inconclusive", "inconclusive")
    scaled = (found.delta, found.ci_low, found.ci_high, found.ci90_low, found.mde, found.standard_error)
    plain = (binary.delta, binary.ci_low, binary.ci_high, binary.ci90_low, binary.mde, binary.standard_error)
    assert scaled == pytest.approx([width * value for value in plain])
    assert (found.p_value, found.p_noninferiority) == (binary.p_value, binary.p_noninferiority)
    graded = compared(spec, A=low + width * a, B=low + width * (b + 0.9 * (1 - b)))
    assert "phantom" in graded.method


def test_an_early_look_draws_as_many_flips_as_its_level_needs() -> None:
    rng = np.random.default_rng(4)
    a, b = rng.random(60), rng.random(60)
    early, late = (ComparisonPlan(levels=plan_looks().levels(look)) for look in (1, 4))
    methods = [compared(MetricSpec("m"), A=a, B=b, extra={"plan": plan}).method for plan in (early, late)]
    assert [method.split("+")[1] for method in methods] == ["sign-flip 99999 draws", "sign-flip 9999 draws"]

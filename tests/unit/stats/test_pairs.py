"""Which rows count: every line of the edge-case table that is about rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from llmexp_tui.errors import UsageError
from llmexp_tui.stats import MetricSpec, Samples
from llmexp_tui.stats.pairs import Pairs, pair
from tests.unit.stats.tables import column

BINARY = MetricSpec("m", "binary")
BOUNDED = MetricSpec("m", "bounded")
LATENCY = MetricSpec("m", "latency")
COST = MetricSpec("m", "ratio")
NAN = float("nan")


def paired(spec: MetricSpec, a: Samples | list[float], b: Samples | list[float], **more: Any) -> Pairs:
    sides = [side if isinstance(side, Samples) else column(side) for side in (a, b)]
    n_rows = max(int(side.rows.max()) for side in sides) + 1
    return pair(spec, sides[0], sides[1], n_rows, **more)


def test_rows_are_matched_by_code_not_by_position() -> None:
    a = Samples(np.array([2, 0, 1]), np.array([0.2, 0.0, 0.1]))
    found = paired(BOUNDED, a, [0.5, 0.6, 0.7])
    assert found.baseline.tolist() == [0.0, 0.1, 0.2]
    assert found.candidate.tolist() == [0.5, 0.6, 0.7]


def test_repeats_become_row_means_over_what_exists() -> None:
    rows, repeats = np.array([0, 0, 0, 1, 1]), np.array([0, 1, 2, 0, 1])
    a = Samples(rows, np.array([1.0, 0.0, NAN, 1.0, 1.0]), repeats=repeats)
    found = paired(BOUNDED, a, [0.0, 0.0])
    assert found.baseline.tolist() == [0.5, 1.0]
    assert found.n_scorer_failed == 0
    assert not found.single


def test_a_failed_call_is_the_worst_score() -> None:
    failed = np.array([True, False, False])
    for spec, worst in ((BOUNDED, 0.0), (MetricSpec("m", "bounded", direction="lower", range=(0, 4)), 4.0)):
        found = paired(spec, [1.0, 1.0, 1.0], column([NAN, 1.0, 1.0], failed=failed))
        assert found.candidate[0] == worst
        assert (found.n, found.n_failed_candidate, found.n_dropped) == (3, 1, 0)


def test_a_failed_call_with_a_score_is_still_the_worst() -> None:
    found = paired(BINARY, [1.0, 1.0], column([1.0, 1.0], failed=np.array([True, False])))
    assert found.candidate.tolist() == [0.0, 1.0]


def test_a_failed_call_leaves_its_row_out_of_the_geometric_mean_but_its_cost_counts() -> None:
    failed = np.array([True, False, False])
    times = paired(LATENCY, [1.0, 2.0, 3.0], column([9.0, 2.0, 3.0], failed=failed))
    assert (times.n, times.n_left_out, times.n_scorer_failed) == (2, 1, 0)
    costs = paired(COST, [1.0, 2.0, 3.0], column([9.0, 2.0, 3.0], failed=failed))
    assert costs.candidate.tolist() == [9.0, 2.0, 3.0]


def test_a_failed_call_is_slower_than_any_limit_and_takes_its_timeout_in_a_quantile() -> None:
    failed = np.array([True, False])
    slow = paired(MetricSpec("m", "share", threshold=5.0), [1.0, 9.0], column([NAN, 1.0], failed=failed))
    assert (slow.baseline.tolist(), slow.candidate.tolist()) == ([0.0, 1.0], [1.0, 0.0])
    spec = MetricSpec("m", "latency", statistic="p95", failure_value=30.0)
    assert paired(spec, [1.0, 9.0], column([NAN, 1.0], failed=failed)).candidate_calls[0].tolist() == [30.0, 1.0]


def test_a_time_from_another_run_is_no_slow_call() -> None:
    cached = np.array([True, False, False])
    slow = paired(MetricSpec("m", "share", threshold=5.0), [9.0, 9.0, 1.0], column([1.0, 9.0, 9.0], cached=cached))
    assert (slow.rows.tolist(), slow.candidate.tolist()) == ([1, 2], [1.0, 1.0])


def test_errors_count_failed_calls() -> None:
    spec = MetricSpec("errors", "errors")
    found = paired(spec, column([NAN, NAN, NAN]), column([NAN, NAN, NAN], failed=np.array([False, True, False])))
    assert found.candidate.tolist() == [0.0, 1.0, 0.0]
    assert found.difference(spec.sign).tolist() == [0.0, -1.0, 0.0]


@pytest.mark.parametrize("broken", [NAN, float("inf"), -float("inf")])
def test_a_broken_score_drops_the_pair_and_never_spreads(broken: float) -> None:
    found = paired(BOUNDED, [0.5] * 100, [broken] + [0.5] * 99)
    assert (found.n, found.n_scorer_failed, found.n_dropped) == (99, 1, 1)
    assert np.isfinite(found.candidate).all()
    assert found.doubt is None


def test_more_than_two_percent_lost_to_the_scorer_is_a_doubt() -> None:
    scores = np.full(100, 0.5)
    scores[:3] = NAN
    found = paired(BOUNDED, [0.5] * 100, column(scores))
    assert found.doubt is not None and "3 of 100" in found.doubt


def test_a_loss_that_depends_on_the_variant_is_a_doubt() -> None:
    scores = np.full(1000, 0.5)
    scores[:7] = NAN
    found = paired(BOUNDED, [0.5] * 1000, column(scores))
    assert found.doubt is not None and "depends on the variant" in found.doubt


def test_rows_of_one_arm_only_are_counted_and_too_many_are_invalid() -> None:
    few = paired(BOUNDED, [0.5] * 100, [0.5] * 99)
    assert (few.n, few.n_unpaired, few.problem) == (99, 1, None)
    many = paired(BOUNDED, [0.5] * 100, [0.5] * 90)
    assert many.problem is not None and "10 rows" in many.problem


def test_impossible_times_and_costs_are_refused() -> None:
    times = paired(LATENCY, [1.0] * 100, [0.0, -1.0] + [1.0] * 98)
    assert (times.n, times.n_bad_values) == (98, 2)
    costs = paired(COST, [1.0, 0.0, 1.0], [0.0, 1.0, -1.0])
    assert (costs.n, costs.n_bad_values) == (2, 1)


@pytest.mark.parametrize(
    ("spec", "scores", "word"),
    [
        (BINARY, [0.5, 1.0], "neither 0 nor 1"),
        (BOUNDED, [0.5, 1.2], "outside the range"),
        (MetricSpec("m", "bounded", max_change=0.1), [0.5, 0.9], "max_change"),
    ],
)
def test_scores_that_break_what_was_registered_are_invalid(spec: MetricSpec, scores: list[float], word: str) -> None:
    found = paired(spec, [1.0, 0.5] if spec.type != "binary" else [1.0, 0.0], scores)
    assert found.problem is not None and word in found.problem


def test_a_row_twice_needs_a_repeat_number() -> None:
    twice = Samples(np.array([0, 0, 1]), np.array([1.0, 0.0, 1.0]))
    assert "occurs twice" in (paired(BINARY, twice, [1.0, 1.0]).problem or "")
    same = Samples(np.array([0, 0, 1]), np.array([1.0, 0.0, 1.0]), repeats=np.array([0, 0, 0]))
    assert "occurs twice" in (paired(BINARY, same, [1.0, 1.0]).problem or "")


def test_nothing_in_common_is_invalid() -> None:
    a = Samples(np.array([0, 1]), np.array([1.0, 1.0]))
    b = Samples(np.array([2, 3]), np.array([1.0, 1.0]))
    assert paired(BINARY, a, b).problem == "no row was measured in both variants"
    assert "usable" in (paired(BINARY, [NAN, NAN], [1.0, 1.0]).problem or "")


def test_a_mask_limits_the_rows_of_both_arms() -> None:
    found = paired(BOUNDED, [0.1, 0.2, 0.3], [0.4, 0.5, 0.6], mask=np.array([True, False, True]))
    assert found.rows.tolist() == [0, 2]
    assert found.n_unpaired == 0


def test_cached_latencies_are_left_out_and_cached_scores_are_not() -> None:
    cached = np.array([True, False, False])
    a, b = column([1.0, 2.0, 3.0], cached=cached), column([1.0, 2.0, 3.0], cached=cached)
    assert paired(LATENCY, a, b).rows.tolist() == [1, 2]
    assert paired(COST, a, b).n == 3


def test_clusters_are_recoded_among_the_pairs() -> None:
    found = paired(BOUNDED, [0.1, NAN, 0.3, 0.4], [0.4, 0.5, 0.6, 0.1], clusters=np.array([7, 7, 7, 2]))
    assert (found.clusters.tolist(), found.n_clusters, found.clustered) == ([1, 1, 0], 2, True)
    assert found.cluster_sums(np.ones(3)).tolist() == [1.0, 2.0]


def test_preferences_need_both_orders_to_agree() -> None:
    rows, orders = np.repeat(np.arange(4), 2), np.tile([0, 1], 4)
    judged = Samples(rows, np.array([1.0, 1, 1, -1, -1, -1, 0, 1]), repeats=orders)
    found = pair(MetricSpec("m", "pairwise"), None, judged, 4)
    assert found.candidate.tolist() == [1.0, 0.0, -1.0, 0.0]
    assert found.baseline.tolist() == [0.0] * 4


def test_preferences_from_two_arms_compare_call_by_call() -> None:
    a = column([1.0, 0.0, 0.5, 1.0], failed=np.array([False, False, False, True]))
    b = column([0.0, 1.0, 0.5, 0.0], failed=np.array([False, False, False, True]))
    found = pair(MetricSpec("m", "pairwise"), a, b, 4)
    assert found.candidate.tolist() == [-1.0, 1.0, 0.0, 0.0]


def test_rounding_noise_is_a_tie() -> None:
    a = Samples(np.zeros(3, int), np.array([0.1, 0.2, 0.3]), repeats=np.arange(3))
    b = Samples(np.zeros(3, int), np.array([0.3, 0.1, 0.2]), repeats=np.arange(3))
    assert paired(BOUNDED, a, b).difference(1).tolist() == [0.0]


def test_columns_of_different_length_are_refused() -> None:
    with pytest.raises(UsageError, match="one entry per call"):
        Samples(np.arange(3), np.zeros(2))

"""The jackknife engine against the t test and a literal leave-one-cluster-out loop."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from llmexp_tui.stats.engine import effective_clusters, independent_rows, mean_model, totals_model, unseen_loss_p


def test_single_rows_give_the_paired_t_interval() -> None:
    d = np.random.default_rng(1).normal(0.2, 1.0, 40)
    model = mean_model(d, np.ones(40))
    expected = stats.ttest_1samp(d, 0.0)
    assert 2 * model.p_above(0.0) == pytest.approx(expected.pvalue)
    assert (model.lower(0.025), model.upper(0.025)) == pytest.approx(tuple(expected.confidence_interval()))


def test_clusters_are_left_out_one_by_one() -> None:
    rng = np.random.default_rng(2)
    sizes = np.array([3, 1, 7, 2, 5, 4])
    values = [rng.normal(0, 1, m) for m in sizes]
    whole = np.concatenate(values).mean()
    left_out = [np.concatenate([v for j, v in enumerate(values) if j != i]).mean() for i in range(6)]
    expected = math.sqrt(5 / 6 * sum((theta - whole) ** 2 for theta in left_out))
    model = mean_model(np.array([v.sum() for v in values]), sizes.astype(float))
    assert model.se == pytest.approx(expected)
    assert model.df == pytest.approx(22**2 / np.sum(sizes**2) - 1)


def test_phantom_pair_is_two_more_rows_at_the_ends() -> None:
    d = np.random.default_rng(3).uniform(-1, 1, 30)
    model = mean_model(d, np.ones(30), width=1.0)
    longer = np.r_[d, 1.0, -1.0]
    assert model.estimate == pytest.approx(d.mean())
    assert model.centre == pytest.approx(longer.mean())
    assert model.se == pytest.approx(longer.std(ddof=1) / math.sqrt(32))
    assert model.df == 29


def test_phantom_rows_are_as_large_as_an_independent_row() -> None:
    rng = np.random.default_rng(6)
    values = rng.uniform(-1, 1, (12, 5))
    model = mean_model(values.sum(axis=1), np.full(12, 5.0), width=1.0, independent=12)
    alone = mean_model(values.mean(axis=1), np.ones(12), width=1.0)
    assert (model.centre, model.se, model.df) == pytest.approx((alone.centre, alone.se, alone.df))


def test_few_rows_with_large_losses_pass_no_more_often_than_promised() -> None:
    rng, sets, passed = np.random.default_rng(8), 3000, [0, 0]
    for _ in range(sets):
        losses = np.where(rng.random(200) < 0.02, rng.uniform(-1.0, -0.9, 200), 0.0)
        model = mean_model(losses, np.ones(200), width=1.0)
        for i, one in enumerate((model, replace(model, skew=0.0))):
            passed[i] += one.p_above(-0.019) <= 0.05
    assert passed[0] <= 0.04 * sets < 0.06 * sets <= passed[1], "without the correction the t test passes too many"


def test_what_is_symmetric_keeps_its_t_interval() -> None:
    half = np.random.default_rng(9).uniform(0, 1, 50)
    model = mean_model(np.r_[half, -half], np.ones(100), width=1.0)
    assert model.skew == pytest.approx(0.0, abs=1e-12)
    plain = replace(model, skew=0.0)
    assert (model.lower(0.05), model.p_above(-0.1)) == pytest.approx((plain.lower(0.05), plain.p_above(-0.1)))


def test_losses_and_gains_are_corrected_alike() -> None:
    d = np.r_[np.full(4, -0.9), np.full(96, 0.05)]
    one, other = mean_model(d, np.ones(100), width=1.0), mean_model(-d, np.ones(100), width=1.0)
    assert one.skew == pytest.approx(-other.skew) and one.skew < 0
    assert one.lower(0.05) == pytest.approx(-other.upper(0.05))
    assert one.upper(0.05) == pytest.approx(-other.lower(0.05))


def independent(values: np.ndarray) -> float:
    clusters, size = values.shape
    return independent_rows(values.sum(axis=1), np.full(clusters, float(size)), float(np.sum(values**2)))


def test_rows_are_worth_between_their_clusters_and_themselves() -> None:
    rng = np.random.default_rng(7)
    own, shared = rng.normal(0, 1, (200, 4)), np.repeat(rng.normal(0, 1, (200, 1)), 4, axis=1)
    assert independent(own) == pytest.approx(800, rel=0.15)
    assert independent(shared) == pytest.approx(200, rel=0.02)
    assert 250 < independent(own + shared) < 500
    assert independent(np.zeros((200, 4))) == 200
    assert independent(rng.normal(0, 1, (50, 1))) == 50


def test_copies_of_rows_are_worth_nothing() -> None:
    values = np.random.default_rng(8).normal(0.1, 1, (30, 3))
    assert independent(np.tile(values, 4)) == pytest.approx(independent(values))


def test_phantom_pair_keeps_the_interval_open() -> None:
    model = mean_model(np.zeros(50), np.ones(50), width=1.0)
    assert model.upper(0.025) == pytest.approx(0.0552, abs=5e-4)


def test_extra_variance_widens() -> None:
    d = np.random.default_rng(4).normal(0, 1, 30)
    plain, wider = mean_model(d, np.ones(30)), mean_model(d, np.ones(30), extra_variance=0.04)
    assert wider.se**2 == pytest.approx(plain.se**2 + 0.04)


def test_totals_jackknife_matches_its_definition() -> None:
    rng = np.random.default_rng(5)
    a, b = rng.gamma(2, 1, 25), rng.gamma(2, 1.2, 25)
    model = totals_model(a, b, np.ones(25), -1)
    ratios = [math.log((b.sum() - b[i]) / (a.sum() - a[i])) for i in range(25)]
    centre = math.log(b.sum() / a.sum())
    assert model.estimate == pytest.approx(-centre)
    assert model.se == pytest.approx(math.sqrt(24 / 25 * sum((r - centre) ** 2 for r in ratios)))


def test_totals_in_one_cluster_are_refused() -> None:
    with pytest.raises(ValueError, match="one cluster"):
        totals_model(np.array([5.0, 0.0]), np.array([5.0, 1.0]), np.ones(2), -1)


def test_effective_clusters_punish_uneven_sizes() -> None:
    assert effective_clusters(np.full(10, 3)) == 10
    assert effective_clusters(np.array([91, 1, 1, 1, 1, 1, 1, 1, 1, 1])) < 1.3


@pytest.mark.parametrize(("share", "rows"), [(0.10, 29), (0.05, 59), (0.03, 99), (0.02, 149), (0.01, 299)])
def test_rare_losses_need_so_many_rows(share: float, rows: int) -> None:
    assert unseen_loss_p(rows, share, 1.0) <= 0.05 < unseen_loss_p(rows - 1, share, 1.0)

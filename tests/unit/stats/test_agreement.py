"""Agreement coefficients against published examples and statsmodels."""

from __future__ import annotations

import numpy as np
import pytest

from llmexp_tui.errors import UnknownNameError, UsageError
from llmexp_tui.stats.agreement import Scale, Weights, cohen_kappa, krippendorff_alpha, position_bias

# Four observers, twelve units, with missing ratings: the worked example of Krippendorff 2011.
OBSERVERS = (
    (1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None),
    (1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3),
    (None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None),
    (1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None),
)


@pytest.mark.parametrize(("scale", "alpha"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_alpha_matches_the_worked_example(scale: Scale, alpha: float) -> None:
    found = krippendorff_alpha(list(zip(*OBSERVERS, strict=True)), scale=scale)
    assert found.value == pytest.approx(alpha, abs=1e-3)
    assert found.rows == 11
    assert found.low is not None and found.high is not None
    assert found.low < alpha <= found.high


def labels_from(counts: list[list[int]]) -> tuple[list[int], list[int]]:
    first, second = [], []
    for i, row in enumerate(counts):
        for j, count in enumerate(row):
            first += [i] * count
            second += [j] * count
    return first, second


def test_kappa_matches_the_textbook() -> None:
    assert cohen_kappa(*labels_from([[20, 5], [10, 15]])).value == pytest.approx(0.4)


@pytest.mark.parametrize("weights", ["none", "linear", "quadratic"])
def test_kappa_matches_statsmodels(weights: Weights) -> None:
    from statsmodels.stats.inter_rater import cohens_kappa

    counts = [[11, 3, 1], [4, 9, 2], [0, 5, 8]]
    expected = cohens_kappa(np.array(counts), wt=None if weights == "none" else weights).kappa
    found = cohen_kappa(*labels_from(counts), weights=weights)
    assert found.value == pytest.approx(expected)


@pytest.mark.parametrize("weights", ["linear", "quadratic"])
def test_a_grade_that_nobody_gave_keeps_its_place_on_the_scale(weights: Weights) -> None:
    from statsmodels.stats.inter_rater import cohens_kappa

    counts = np.zeros((5, 5), dtype=int)
    counts[np.ix_([0, 1, 4], [0, 1, 4])] = [[11, 3, 2], [4, 9, 1], [1, 0, 8]]
    first, second = ([grade + 1 for grade in rater] for rater in labels_from(counts.tolist()))
    found = cohen_kappa(first, second, weights=weights)
    assert found.value == pytest.approx(cohens_kappa(counts, wt=weights).kappa)


def test_kappa_leaves_missing_ratings_out() -> None:
    found = cohen_kappa(["a", "b", None, "a"], ["a", "b", "b", float("nan")])
    assert (found.rows, found.value) == (2, 1.0)


def test_agreement_without_variation_is_unknown_and_weak() -> None:
    found = cohen_kappa([1, 1, 1], [1, 1, 1])
    assert found.value is None
    assert found.weak


def test_the_interval_covers_and_narrows() -> None:
    narrow = cohen_kappa(*labels_from([[200, 50], [100, 150]]))
    wide = cohen_kappa(*labels_from([[20, 5], [10, 15]]))
    assert narrow.value == pytest.approx(wide.value)
    assert (narrow.high or 0) - (narrow.low or 0) < ((wide.high or 0) - (wide.low or 0)) / 2


def test_raters_of_different_length_are_refused() -> None:
    with pytest.raises(UsageError, match="different numbers"):
        cohen_kappa([1, 2], [1])


def test_a_judge_that_prefers_the_first_place_is_found_out() -> None:
    shown_first = np.array([1.0] * 60 + [-1.0] * 40)
    shown_second = np.array([1.0] * 30 + [-1.0] * 30 + [-1.0] * 38 + [1.0] * 2)
    bias = position_bias(shown_first, shown_second)
    assert (bias.flips, bias.rows) == (32, 100)
    assert bias.first_share == pytest.approx(30 / 32)
    assert bias.p_value < 1e-6


def test_a_fair_judge_shows_no_bias() -> None:
    bias = position_bias([1.0, -1.0, 0.0, 1.0], [1.0, -1.0, 0.0, 1.0])
    assert (bias.flips, bias.first_share, bias.p_value) == (0, None, 1.0)


def test_raters_who_never_differed_may_still_do_so_on_rows_not_seen() -> None:
    few, many = (cohen_kappa(["a", "b"] * n, ["a", "b"] * n) for n in (10, 100))
    # None of 20 rows: up to 16.8 % may differ (Clopper and Pearson), where chance alone gives 50 %.
    assert (few.value, few.high) == (1.0, 1.0)
    assert few.low == pytest.approx(1 - 0.1684 / 0.5, abs=1e-3)
    assert few.low < (many.low or 0) < 1
    graded = cohen_kappa([1, 2, 3, 4, 5] * 4, [1, 2, 3, 4, 5] * 4, weights="quadratic")
    assert graded.low is not None and graded.low < few.low, "where they differ, they may differ by four grades"
    alpha = krippendorff_alpha([["a", "a"], ["b", "b"]] * 10)
    assert alpha.low == pytest.approx(few.low, abs=0.02)


@pytest.mark.parametrize("differ", [0.02, 0.1])
def test_the_interval_covers_close_agreement_on_few_rows(differ: float) -> None:
    rng, covered = np.random.default_rng(7), 0
    for _ in range(100):
        first = rng.random(20) < 0.5
        found = cohen_kappa(first.tolist(), (first ^ (rng.random(20) < differ)).tolist(), draws=199)
        covered += found.low is not None and found.high is not None and found.low <= 1 - 2 * differ <= found.high
    assert covered >= 89


def test_a_rater_who_always_says_the_same_leaves_the_interval_open() -> None:
    found = cohen_kappa(["a"] * 30, ["a"] * 29 + ["b"])
    assert (found.value, found.low, found.high) == (0.0, None, None)


def test_whole_numbers_of_any_make_are_ordered_by_size() -> None:
    grades = np.array([2, 10, 3, 10, 2, 3])
    other = np.array([2, 10, 2, 3, 2, 3])
    plain = cohen_kappa(grades.tolist(), other.tolist(), weights="quadratic")
    assert cohen_kappa(list(grades), list(other), weights="quadratic") == plain


@pytest.mark.parametrize("label", ["good", float("inf")])
def test_an_interval_scale_of_what_is_no_number_is_refused(label: object) -> None:
    with pytest.raises(UsageError, match="no number"):
        krippendorff_alpha([[1, 2], [label, 1]], scale="interval")


def test_unknown_weights_and_scales_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="quadratic"):
        cohen_kappa([1, 2], [1, 2], weights="quadratik")  # type: ignore[arg-type]
    with pytest.raises(UnknownNameError, match="ordinal"):
        krippendorff_alpha([[1, 2]], scale="ordina")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="between 0 and 1"):
        cohen_kappa([1, 2], [1, 2], level=95)

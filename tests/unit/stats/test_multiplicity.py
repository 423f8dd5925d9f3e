"""Corrections against statsmodels and against their own decision rules."""

from __future__ import annotations

import numpy as np
import pytest

from llmexp_tui.stats.multiplicity import benjamini_hochberg, holm, holm_levels

P_VALUES = [0.012, 0.04, 0.001, 0.04, 0.6, 0.02]


def test_holm_and_bh_match_statsmodels() -> None:
    from statsmodels.stats.multitest import multipletests

    assert holm(P_VALUES) == pytest.approx(list(multipletests(P_VALUES, method="holm")[1]))
    assert benjamini_hochberg(P_VALUES) == pytest.approx(list(multipletests(P_VALUES, method="fdr_bh")[1]))


def test_levels_decide_as_adjusted_p_values_do() -> None:
    rng = np.random.default_rng(1)
    for _ in range(300):
        p = list(rng.beta(0.4, 3, rng.integers(1, 7)))
        by_level = [value <= level for value, level in zip(p, holm_levels(p, 0.05), strict=True)]
        assert by_level == [adjusted <= 0.05 for adjusted in holm(p)]


def test_one_question_needs_no_correction() -> None:
    assert holm([0.03]) == [0.03]
    assert benjamini_hochberg([0.03]) == [0.03]
    assert holm_levels([0.03], 0.05) == [0.05]
    assert benjamini_hochberg([]) == holm([]) == []

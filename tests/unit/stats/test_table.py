"""Tables from anywhere: spellings of empty and failed, and what is refused with a reason."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from llmexp_tui.errors import UnknownNameError, UsageError
from llmexp_tui.stats import ComparisonPlan, MetricSpec, compare_scores
from llmexp_tui.stats.judgement import MetricData
from llmexp_tui.stats.table import metric_data
from tests.unit.stats.tables import table

SPEC = MetricSpec("accuracy", "binary")


def read(columns: dict[str, Any], *specs: MetricSpec, variants: tuple[str, ...] = ("A", "B")) -> list[MetricData]:
    return metric_data(columns, specs or (SPEC,), variants, ComparisonPlan())


@pytest.mark.parametrize("empty", ["", None, float("nan"), " ", "null", "NA"])
def test_an_empty_score_with_an_error_is_a_failed_call(empty: Any) -> None:
    columns = {**table(A=[1, 0], B=[empty, 1]), "error": ["", None, "timeout", ""]}
    arm = read(columns)[0].arms["B"]
    assert arm.failed is not None
    assert arm.failed.tolist() == [True, False]
    assert np.isnan(arm.scores[0])


def test_an_empty_score_without_an_error_is_a_failed_scorer() -> None:
    columns = {**table(A=[1, 0], B=["", 1]), "error": ["", "", "", ""]}
    arm = read(columns)[0].arms["B"]
    assert arm.failed is not None and not arm.failed.any()


@pytest.mark.parametrize("flag", [False, 0, "false", "0", float("nan"), ""])
def test_flags_that_are_not_set(flag: Any) -> None:
    columns = {**table(A=[1.0], B=[""]), "error": [flag, flag]}
    arm = read(columns)[0].arms["B"]
    assert arm.failed is not None and not arm.failed.any()


def test_scores_may_be_text_and_booleans() -> None:
    arm = read(table(A=["1", "0"], B=["True", "false"]))[0].arms["B"]
    assert arm.scores.tolist() == [1.0, 0.0]
    assert read(table(A=[True, False], B=[True, True]))[0].arms["A"].scores.tolist() == [1.0, 0.0]


def test_rows_are_known_by_label_in_any_order_and_type() -> None:
    columns = {"row_id": ["b", "a", "a", "b"], "variant": ["A", "A", "B", "B"], "score": [0, 1, 2, 3]}
    found = read(columns)[0]
    assert found.row_labels == ["a", "b"]
    assert found.arms["A"].rows.tolist() == [1, 0]
    columns["row_id"] = np.array([7, 3, 3, 7])
    assert read(columns)[0].row_labels == [3, 7]


def test_metrics_and_slices_pick_their_rows() -> None:
    columns = {
        "row_id": [1, 1, 1, 1, 2, 2],
        "variant": ["A", "B", "A", "B", "A", "B"],
        "metric": ["accuracy", "accuracy", "judge", "judge", "accuracy", "accuracy"],
        "score": [1, 0, 0.5, 0.6, 0, 1],
        "channel": ["mail", "mail", "mail", "mail", "chat", "chat"],
    }
    accuracy, judge, mail = read(columns, SPEC, MetricSpec("judge"), MetricSpec("accuracy", slice="channel=mail"))
    assert accuracy.arms["A"].scores.tolist() == [1.0, 0.0]
    assert judge.arms["B"].scores.tolist() == [0.6]
    assert mail.arms["B"].scores.tolist() == [0.0]


def test_clusters_follow_their_rows_and_blanks_stand_alone() -> None:
    columns = {**table(A=[1, 1, 0, 0], B=[1, 1, 0, 0]), "cluster": ["x", "", "x", None] * 2}
    clusters = read(columns)[0].clusters
    assert clusters is not None
    assert clusters[0] == clusters[2]
    assert len(set(clusters.tolist())) == 3


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"score": None}, "no column score"),
        ({"score": [1.0]}, "different lengths"),
        ({"score": [1, "much", 0, 1]}, "not a number"),
        ({"cluster": ["x", "y", "z", "y"]}, "two clusters"),
        ({"row_id": [], "variant": [], "score": []}, "empty"),
    ],
)
def test_malformed_tables_are_refused_with_the_place(change: dict[str, Any], word: str) -> None:
    columns = {**table(A=[1, 0], B=[1, 0]), **change}
    columns = {name: column for name, column in columns.items() if column is not None}
    with pytest.raises(UsageError, match=word):
        read(columns)


def test_unknown_names_get_the_nearest_known_one() -> None:
    columns = {**table(A=[1], B=[1]), "metric": ["accuracy"] * 2}
    with pytest.raises(UnknownNameError, match="unknown variant"):
        read(columns, variants=("A", "C"))
    with pytest.raises(UnknownNameError, match='did you mean "accuracy"'):
        read(columns, MetricSpec("acuracy"))
    with pytest.raises(UnknownNameError, match="slice column"):
        read(columns, MetricSpec("accuracy", slice="chanel=mail"))


def test_a_candidate_that_is_the_baseline_is_refused() -> None:
    with pytest.raises(UsageError, match="is the baseline"):
        compare_scores(table(A=[1.0], B=[1.0]), baseline="A", candidates=["A"], metrics=[SPEC])


def test_a_label_that_is_no_plain_value_is_refused() -> None:
    with pytest.raises(UsageError, match="no plain value"):
        read({"row_id": [[1], [1]], "variant": ["A", "B"], "score": [1, 1]})

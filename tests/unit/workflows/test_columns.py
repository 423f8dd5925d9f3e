"""A row's repeats as one value: which calls count, and what a failed one is worth."""

from __future__ import annotations

import numpy as np
import pytest

from llmexp_tui.scoring.base import RepeatRule
from llmexp_tui.stats.pairs import Samples
from llmexp_tui.workflows.columns import over_repeats

NAN = float("nan")


def samples(table: list[list[float]], failed: list[list[bool]] | None = None) -> Samples:
    """Row by row, repeat by repeat; rows are numbered 0, 2, 4 …"""
    rows = np.repeat(2 * np.arange(len(table)), len(table[0])).astype(np.int64)
    lost = np.zeros(len(rows), dtype=bool) if failed is None else np.ravel(failed)
    repeats = np.tile(np.arange(len(table[0])), len(table)).astype(np.int64)
    return Samples(rows, np.ravel(table).astype(float), lost, repeats, np.zeros(len(rows), dtype=bool))


@pytest.mark.parametrize(("kind", "expected"), [("pass_at_k", [1.0, 2 / 3, 0.0]), ("pass_hat_k", [1.0, 0.0, 0.0])])
def test_one_value_a_row(kind: str, expected: list[float]) -> None:
    found = over_repeats(samples([[1, 1, 1], [1, 0, 0], [0, 0, 0]]), RepeatRule(kind, 2), 6)
    assert found.rows.tolist() == [0, 2, 4]
    assert found.scores.tolist() == pytest.approx(expected)


def test_a_failed_call_is_an_attempt_that_did_not_pass() -> None:
    found = over_repeats(samples([[1, NAN]], [[False, True]]), RepeatRule("pass_hat_k", 2), 1)
    assert found.scores.tolist() == [0.0]


def test_a_failed_scorer_is_no_attempt() -> None:
    two_of_three = over_repeats(samples([[1, 0, NAN]]), RepeatRule("pass_at_k", 2), 1)
    assert two_of_three.scores.tolist() == [1.0]
    too_few = over_repeats(samples([[1, NAN, NAN]]), RepeatRule("pass_at_k", 2), 1)
    assert np.isnan(too_few.scores).all()


def test_a_row_with_an_answer_from_the_cache_is_marked() -> None:
    given = samples([[1, 0], [1, 0]])
    assert given.cached is not None
    given.cached[3] = True
    found = over_repeats(given, RepeatRule("pass_at_k", 1), 4)
    assert found.cached is not None
    assert found.cached.tolist() == [False, True]

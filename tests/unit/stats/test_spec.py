"""Specs: defaults by type, what is refused, and the working scale."""

from __future__ import annotations

import math
from typing import Any

import pytest

from llmexp_tui.errors import ConfigError, UnknownNameError
from llmexp_tui.stats import ComparisonPlan, MetricSpec


@pytest.mark.parametrize(
    ("spec", "direction", "margin"),
    [
        (MetricSpec("m", "binary"), "higher", 0.05),
        (MetricSpec("m", "bounded", range=(0, 10)), "higher", 0.3),
        (MetricSpec("m", "ordinal"), "higher", 0.05),
        (MetricSpec("m", "ordinal", interval_scale=True, range=(1, 5)), "higher", 0.12),
        (MetricSpec("m", "latency"), "lower", 0.10),
        (MetricSpec("m", "latency", statistic="p95"), "lower", 0.25),
        (MetricSpec("m", "ratio"), "lower", 0.10),
        (MetricSpec("m", "errors"), "lower", 0.02),
        (MetricSpec("m", "share", threshold=2.0), "lower", 0.05),
        (MetricSpec("m", "unbounded"), "higher", None),
        (MetricSpec("m", "bounded", statistic="p50"), "higher", None),
    ],
)
def test_defaults_by_type(spec: MetricSpec, direction: str, margin: float | None) -> None:
    assert spec.direction == direction
    assert spec.margin == (None if margin is None else pytest.approx(margin))


def test_what_is_given_wins() -> None:
    spec = MetricSpec("m", "latency", direction="higher", margin=0.2)
    assert (spec.sign, spec.margin) == (1, 0.2)


def test_working_margin_is_a_log_toward_the_bad_side() -> None:
    assert MetricSpec("m", "latency", margin=0.1).working_margin == pytest.approx(math.log(1.1))
    throughput = MetricSpec("m", "latency", margin=0.1, direction="higher")
    assert throughput.working_margin == pytest.approx(-math.log(0.9))
    assert MetricSpec("m", "ratio", min_effect=0.1).working_min_effect == pytest.approx(-math.log(0.9))


def test_width_is_what_a_row_can_move() -> None:
    assert MetricSpec("m", "bounded", range=(0, 10)).width == 10
    assert MetricSpec("m", "bounded", range=(0, 10), max_change=2).width == 2
    assert MetricSpec("m", "ordinal", range=(1, 5)).width == 1
    assert MetricSpec("m", "latency").width is None


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"margin": 0.0}, "margin"),
        ({"margin": -0.1}, "margin"),
        ({"margin": float("nan")}, "margin"),
        ({"margin": "5%"}, "margin"),
        ({"margin": 5.0, "type": "binary"}, "allows any loss"),
        ({"margin": 10, "range": (0, 10)}, "allows any loss"),
        ({"range": (1, 1)}, "range"),
        ({"range": (0, float("inf"))}, "range"),
        ({"range": (0, 1, 2)}, "range"),
        ({"failure_value": float("nan")}, "failure_value"),
        ({"threshold": float("nan"), "type": "share"}, "threshold"),
        ({"type": "share"}, "threshold"),
        ({"type": "latency", "threshold": 2.0}, "threshold"),
        ({"type": "share", "statistic": "p95", "threshold": 2.0}, "share"),
        ({"type": "latency", "statistic": "share"}, "share"),
        ({"min_effect": -1}, "min_effect"),
        ({"max_change": 0}, "max_change"),
        ({"type": "ratio", "direction": "higher", "margin": 1.0}, "margin"),
    ],
)
def test_senseless_values_are_refused(options: dict[str, Any], word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        MetricSpec("m", **options)


@pytest.mark.parametrize(
    "options",
    [{"type": "binari"}, {"statistic": "p55"}, {"role": "gates"}, {"direction": "up"}, {"on_inconclusive": "fial"}],
)
def test_unknown_words_name_the_nearest(options: dict[str, Any]) -> None:
    with pytest.raises(UnknownNameError):
        MetricSpec("m", **options)


@pytest.mark.parametrize("options", [{"alpha": 0.0}, {"alpha": 0.6}, {"runs": 2}])
def test_senseless_plans_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        ComparisonPlan(**options)


def test_what_needs_bounds_or_grades_says_so() -> None:
    for change in ({"strict": True}, {"max_change": 0.1}):
        with pytest.raises(ConfigError, match="bounds"):
            MetricSpec("m", "latency", **change)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="ordinal only"):
        MetricSpec("m", "bounded", interval_scale=True)

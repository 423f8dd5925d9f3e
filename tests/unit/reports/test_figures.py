"""Figures are written one way: units, signs, and a dash for what is not known."""

from dataclasses import replace

import pytest

from llmexp_tui.domain.run import RunTotals
from llmexp_tui.reports import figures
from tests.unit.reports.build import latency, metric


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0, "0"),
        (0.000123, "0.000123"),
        (1.5, "1.50"),
        (61.0, "61.0"),
        (123456, "123,456"),
        (-3.2, "−3.20"),
        (1e-12, "1.00e−12"),
    ],
)
def test_numbers_have_three_digits(value, text):
    assert figures.number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (0.0, "$0.00"), (0.82, "$0.82"), (0.00205, "$0.00205"), (0.0000512, "$0.0000512")],
)
def test_unknown_money_is_not_nothing(value, text):
    assert figures.money(value) == text


def test_shares_are_percent_and_points():
    assert figures.arm_values(metric()) == "78.0 → 85.0 %"
    assert figures.change(metric()) == "+7.0 ± 5.7 pts"
    assert figures.margin_text(metric()) == "5.0 pts"


def test_ratios_are_percent_of_change():
    assert figures.arm_values(latency()) == "412 → 398 ms"
    assert figures.change(latency()) == "−3.0 ± 5.0 %"
    assert figures.metric_title(latency()) == "latency (typical)"
    assert figures.metric_title(latency(statistic="p95")) == "latency (p95)"


def test_a_share_is_named_by_its_limit():
    slow = latency(type="share", statistic="share", threshold=2500.0, is_ratio=False, slice="channel=email")
    assert figures.metric_title(slow) == "latency (above 2.5 s, channel=email)"
    assert figures.metric_title(replace(slow, threshold=800.0, slice=None)) == "latency (above 800 ms)"
    assert figures.metric_title(replace(slow, metric="length", slice=None)) == "length (above 2500)"


def test_what_is_unknown_is_a_dash():
    bare = metric(delta=None, baseline=None, candidate_value=None, ci_low=None, ci_high=None)
    assert (figures.change(bare), figures.arm_values(bare)) == ("–", "–")
    assert figures.change(metric(ci_low=None)) == "+7.0 ± – pts"


@pytest.mark.parametrize(
    ("state", "text"),
    [
        ("measured", "2.3× floor"),
        ("unmeasured", "floor unmeasured"),
        ("invalid", "floor invalid"),
        ("deterministic", "floor 0"),
    ],
)
def test_the_floor_says_where_it_comes_from(state, text):
    assert figures.floor_text(metric(noise_floor_state=state)) == text


def test_a_floor_of_nothing_measured_has_no_unit():
    assert figures.floor_text(metric(noise_floor=None, floor_ratio=None)) == "floor –"


def test_every_verdict_has_a_glyph_and_a_word():
    verdicts = ["improved", "regressed", "no_regression", "inconclusive"]
    badges = {str(figures.verdict_badge(metric(verdict=verdict))) for verdict in verdicts}
    assert badges == {"✓ improved", "✗ regressed", "= no regression", "? inconclusive"}
    assert str(figures.verdict_badge(metric(invalid=True))) == "! invalid"
    assert str(figures.verdict_badge(metric(verdict="no_regression", equivalent=True))) == "= equivalent"


def test_nothing_passes_where_nothing_gates():
    assert str(figures.status_badge("pass", has_gates=False)) == "· NO GATES"


def test_totals_name_what_was_lost():
    assert figures.totals_text(RunTotals(200, 199, 1, 20, 0.41)) == (
        "199 of 200 answered, 1 failed, 20 from cache, $0.41"
    )
    assert figures.totals_text(RunTotals(5, 5, 0, 0, None)) == "5 of 5 answered, cost unknown"


@pytest.mark.parametrize(
    ("judge", "total", "share", "said"),
    [
        (0.0, 0.25, 0.0, "never changed"),
        (0.04, None, None, "varies by 0.20 (standard deviation); the judge's share of the noise needs an A/A"),
        (0.04, 0.16, 0.25, "25% of a call's noise is the judge's, the rest is generation's"),
        (0.04, 0.04, 1.0, "100% of a call's noise is the judge's"),
    ],
)
def test_a_judges_noise_as_a_sentence(judge: float, total: float | None, share: float | None, said: str) -> None:
    from llmexp_tui.reports.record import JudgeNoise

    text = figures.noise_text(JudgeNoise("tone", 3, judge, total, share))
    assert said in text
    assert text.startswith("judged 3 times over, tone")


def test_what_makes_a_change_uncertain_as_a_sentence() -> None:
    from llmexp_tui.reports.record import JudgeNoise

    text = figures.noise_text(JudgeNoise("tone", 3, 0.04, 0.16, 0.25, 0.1, 0.3, 0.6))
    assert "10% comes from the judge, 30% from generation, 60% from which rows there are" in text


def test_who_judged_and_for_how_much() -> None:
    assert figures.judging_text((), 0.5) == ""
    assert figures.judging_text(("m-1",), 0.5) == "judged by m-1 for $0.50"
    assert "unknown" in figures.judging_text(("m-1",), None)
    assert "\x1b" not in figures.judging_text(("m\x1b-1",), None)


def test_a_lopsided_interval_is_written_by_its_ends():
    tail = latency(delta=-0.034, ci_low=-0.441, ci_high=8.341)
    assert figures.change(tail) == "−44.1 … +834.1 %"
    assert figures.change(replace(tail, ci_high=0.8)) == "−3.4 ± 83.4 %"


@pytest.mark.parametrize(("share", "text"), [(0.0512, "5.1"), (-9.99, "−999.0"), (252.7, "25,270"), (None, "–")])
def test_a_percentage_beyond_a_thousand_has_no_decimals(share, text):
    assert figures.percent(share) == text

"""The results panel's own short words."""

from __future__ import annotations

from dataclasses import replace

from llmexp_tui.domain.run import RunTotals
from llmexp_tui.reports.record import ArmReport
from llmexp_tui.tui.state.cells import plain, width
from llmexp_tui.tui.state.results import change_in, heading, short_title, why
from tests.unit.reports.build import experiment, metric


def test_where_room_is_short_a_share_still_names_its_limit() -> None:
    slow = metric(metric="latency", type="share", statistic="share", threshold=2000.0, slice="channel=email")
    assert short_title(slow, 11) == "latency above 2 s channel=email"
    assert short_title(metric(statistic="mean", slice=None), 11) == "exact_match"


def test_an_interval_by_its_ends_keeps_its_unit_in_a_narrow_column() -> None:
    lost = metric(delta=-1.0, ci_low=-1.0, ci_high=-0.825)
    assert change_in(lost, 17) == "−100.0…−82.5 pts"
    assert change_in(lost, 18) == "−100.0 … −82.5 pts"


def test_of_several_candidates_the_one_that_failed_is_named() -> None:
    kept = metric(candidate="short", gate="inconclusive")
    lost = metric(candidate="terse", gate="fail")
    told = {"status": "fail", "reasons": ("short, exact_match: not shown", "terse, exact_match: worse")}
    assert why(experiment(metrics=(kept, lost), **told)) == "terse: exact_match got worse"
    assert why(experiment(metrics=(lost,), **told)) == "short, exact_match: not shown"
    assert why(experiment(metrics=(kept,), status="pass", reasons=())) == ""


def test_long_names_and_questions_leave_the_heading_room_for_what_came_back() -> None:
    arm = ArmReport("run", "長い" * 20, RunTotals(40, 40, 0, 0, 0.1))
    report = replace(experiment(question="Is it true? " * 20), baseline=arm, candidates=(arm,))
    told = heading(report, "候補の" * 20, 78)
    assert sum(-(-width(one) // 78) for one in told) <= 5, told
    assert plain(told[-1]).startswith("長い") and "40/40" in plain(told[-1])

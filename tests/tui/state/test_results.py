"""The results panel's own short words."""

from __future__ import annotations

from llmexp_tui.tui.state.results import short_title
from tests.unit.reports.build import metric


def test_where_room_is_short_a_share_still_names_its_limit() -> None:
    slow = metric(metric="latency", type="share", statistic="share", threshold=2000.0, slice="channel=email")
    assert short_title(slow, 11) == "latency above 2 s channel=email"
    assert short_title(metric(statistic="mean", slice=None), 11) == "exact_match"

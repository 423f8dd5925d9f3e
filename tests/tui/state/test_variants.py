"""All variants in one table: levels, changes and verdicts of each, and which of them a line stands for."""

from __future__ import annotations

from llmexp_tui.tui.state import variants
from llmexp_tui.tui.state.cells import plain
from llmexp_tui.tui.state.paging import column_widths
from tests.unit.reports.build import experiment, metric

NAMES = ("short", "shorter", "shortest")
LEVELS = {"baseline_low": 0.72, "baseline_high": 0.83}


def report(*names: str):  # type: ignore[no-untyped-def]
    registered = [
        metric(candidate=name, candidate_value=0.85 + place / 100, candidate_low=0.8, candidate_high=0.9, **LEVELS)
        for place, name in enumerate(names)
    ]
    looked_at = [metric(candidate=name, metric="length", type="unbounded", registered=False, margin=None,
                        verdict="regressed", baseline=61.0, candidate_value=48.0) for name in names]  # fmt: skip
    return experiment(metrics=(*looked_at, *registered))


def test_every_variant_has_its_level_its_change_and_its_verdict() -> None:
    columns, rows = variants.table(report(*NAMES), 77)
    texts = [[plain(cell).strip() for cell in row.cells] for row in rows]
    assert [column.key for column in columns] == ["variant", "level", "change", "verdict"]
    assert texts[0] == ["exact_match  registered, margin 5.0 pts"] and rows[0].heading
    assert texts[1] == ["long", "78.0 % (72.0 … 83.0)", "baseline", ""]
    assert [text[0] for text in texts[2:5]] == list(NAMES)
    assert texts[3] == ["shorter", "86.0 % (80.0 … 90.0)", "+7.0 ± 5.7 pts", "✓ improved"]
    assert texts[5] == ["length  exploratory"]
    assert texts[7][1:] == ["48.0", "+0.0700 ± 0.0570", "· regressed"]


def test_intervals_are_drawn_where_there_is_room_and_names_keep_theirs() -> None:
    for cells in (77, 90, 117, 200):
        columns, rows = variants.table(report(*NAMES), cells)
        assert ("plot" in [column.key for column in columns]) == (cells > 90)
        assert all(len(row.cells) == len(columns) for row in rows if not row.heading)
        assert column_widths(columns, cells - 3)[0][1] >= 12


def test_a_line_leads_to_its_own_variant() -> None:
    found = report(*NAMES)
    _, rows = variants.table(found, 80)
    leads = [variants.metric_at(found, row.key, "shorter") for row in rows]
    assert [m and (m.metric, m.candidate) for m in leads[:6]] == [
        None,
        ("exact_match", "shorter"),
        *(("exact_match", name) for name in NAMES),
        None,
    ]

"""Slices in every report: which are shown, which are marked, and what looking at many means."""

import json

from llmexp_tui.reports.by_slice import shown_slices, slices_note
from llmexp_tui.reports.html_page import check_html
from llmexp_tui.reports.json import check_json, render
from llmexp_tui.reports.markdown import check_markdown
from llmexp_tui.reports.text_panel import experiment_panel
from tests.unit.reports.build import check, experiment


def test_scores_are_broken_down_and_figures_of_calls_only_in_the_json():
    report = experiment()
    assert [m.metric for m in shown_slices(report)] == ["exact_match", "exact_match"]
    body = json.loads(render(check_json(check())))["experiments"][0]
    assert [entry["slice"] for entry in body["slices"]] == ["channel=email", "channel=", "channel=email"]
    assert all(entry["slice"] is None for entry in body["metrics"])


def test_a_slice_that_stands_out_is_marked_and_one_of_few_rows_is_not():
    lines = [line for line in experiment_panel(experiment()).split("\n") if line.startswith(" channel")]
    assert lines[0].endswith("* q 0.040")
    assert "under 30 rows" in lines[1] and "(empty)" in lines[1]
    assert "1 of 2 slices stands out" in slices_note(shown_slices(experiment()))


def test_every_report_has_them_and_an_experiment_without_slices_has_no_heading():
    for text in (experiment_panel(experiment()), check_markdown(check()), check_html(check())):
        assert "By slice" in text and "channel = email" in text and "1 of 2 slices stands out" in text
    bare = experiment(slices=())
    for text in (experiment_panel(bare), check_markdown(check(bare)), check_html(check(bare))):
        assert "By slice" not in text


def test_where_nothing_stands_out_the_note_says_what_chance_does():
    dull = tuple(m for m in shown_slices(experiment()) if m.n_pairs < 30)
    assert "None of 1 slice stands out" in slices_note(dull)

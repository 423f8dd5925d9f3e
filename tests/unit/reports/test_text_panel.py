"""The panel as text: what comes first, what fits 80 columns, what foreign text cannot do."""

from llmexp_tui.reports.text_panel import comparison_panel, experiment_panel
from llmexp_tui.stats.result import Comparison
from tests.unit.reports.build import experiment, hostile_check, metric


def test_the_answer_stands_in_the_first_line():
    first = experiment_panel(experiment()).split("\n")[0]
    assert first.startswith(" tone")
    assert first.endswith("✓ GATE PASSES")
    assert len(first) == 80


def test_integrity_comes_before_figures_and_registered_before_exploratory():
    text = experiment_panel(experiment())
    places = [
        text.index(part)
        for part in ("199 of 200 answered, 1 failed", "cost is not gated", "Registered", "Exploratory")
    ]
    assert places == sorted(places)


def test_a_delta_never_stands_without_its_uncertainty():
    line = next(line for line in experiment_panel(experiment()).split("\n") if line.startswith(" exact_match"))
    assert "+7.0 ± 5.7 pts" in line
    assert "✓ improved" in line
    assert "2.3× floor" in line


def test_what_is_exploratory_never_carries_a_verdict_glyph():
    line = next(line for line in experiment_panel(experiment()).split("\n") if line.startswith(" length"))
    assert "· improved" in line
    assert "✓" not in line


def test_lines_fit_eighty_columns():
    assert max(len(line) for line in experiment_panel(experiment()).split("\n")) <= 80


def test_foreign_text_cannot_act():
    (hostile,) = hostile_check().experiments
    text = experiment_panel(hostile)
    assert not any(ord(char) < 32 and char != "\n" for char in text)
    assert not any(char in text for char in "\x7f\x9b\u202e\ud800")


def test_a_table_of_scores_says_why():
    text = comparison_panel(Comparison("inconclusive", (metric(verdict="inconclusive"),), ("too few rows",)))
    assert "? INCONCLUSIVE" in text.split("\n")[0]
    assert "why: too few rows" in text

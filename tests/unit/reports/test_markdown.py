"""The Markdown report: its order, its budgets, and nothing foreign that acts."""

import re

import pytest

from llmexp_tui.reports.markdown import BUDGETS, check_markdown, comparison_markdown
from llmexp_tui.stats.result import Comparison
from tests.unit.reports.build import check, experiment, hostile_check, metric, row, row_scores


def without_fences(text):
    return re.sub(r"^(`{3,})text\n.*?^\1$", "", text, flags=re.MULTILINE | re.DOTALL)


def outside_code(text):
    """The text without fenced blocks, code spans and the report's own HTML."""
    text = re.sub(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", "", without_fences(text))
    return re.sub(r"</?(?:details|summary|code)>|&#\d+;", "", text)


def test_verdict_and_gate_table_first_then_rows_then_folded_details():
    text = check_markdown(check())
    parts = ("✓ GATE PASSES", "| ✅ | `exact_match` |", "Rows that got worse", "Exploratory", "What was registered")
    places = [text.index(part) for part in parts]
    assert places == sorted(places)
    assert text.count("<details>") == text.count("</details>") == 4


def test_what_is_exploratory_says_whose_it_is_where_there_are_several_candidates():
    both = [metric(candidate=name, registered=False, gate=None) for name in ("short", "brief")]
    assert "|  | `exact_match` |" in check_markdown(check(experiment(metrics=tuple(both[:1]))))
    text = check_markdown(check(experiment(metrics=tuple(both))))
    assert [f"|  | `{one.candidate}` · `exact_match` |" in text for one in both] == [True, True]


@pytest.mark.parametrize("target", sorted(BUDGETS))
def test_every_place_gets_no_more_than_it_takes(target):
    rows = tuple(
        row(row=f"r{i}", input="é" * 400, baseline_text="x" * 800, candidate_text="y" * 800) for i in range(2000)
    )
    text = check_markdown(check(*(experiment(name=f"e{i}", worst_rows=rows) for i in range(3))), target)
    assert len(text.encode()) <= BUDGETS[target]
    assert "| ✅ | `exact_match` |" in text


def test_rows_are_left_out_whole_and_counted():
    rows = tuple(row(row=f"r{i:05}", baseline_text="x" * 800) for i in range(500))
    text = check_markdown(check(experiment(worst_rows=rows)), "comment")
    shown = len(re.findall(r"\*\*`r\d{5}`\*\*", text))
    left_out = int(re.search(r"(\d+) more rows left out", text).group(1))
    assert shown + left_out == 500
    assert text.count("```text") * 2 == text.count("```")
    assert text.count("<details>") == text.count("</details>")


def test_rows_leave_room_for_what_was_registered_and_for_each_others_experiments():
    rows = tuple(row(row=f"r{i:05}", baseline_text="x" * 800) for i in range(100))
    text = check_markdown(check(*(experiment(name=f"e{i}", worst_rows=rows) for i in range(3))), "comment")
    assert len(text.encode()) <= BUDGETS["comment"]
    assert text.count("registration `sha256:") == 3
    assert "sections left out" not in text
    assert len(re.findall(r"more rows left out", text)) == text.count("Rows that got worse") == 3


def test_rows_that_got_worse_and_are_not_shown_are_counted():
    scores = row_scores([(1.0, 0.0)] * 260 + [(0.0, 1.0)] * 40)
    shown = tuple(row(row=f"r{i:04}") for i in range(100))
    assert "160 more rows got worse" in check_markdown(check(experiment(worst_rows=shown, row_scores=(scores,))))
    few = experiment(worst_rows=shown[:1], row_scores=(row_scores([(1.0, 0.0)]),))
    assert "more rows got worse" not in check_markdown(check(few))


def test_a_footer_always_fits():
    many = tuple(row(baseline_text="x" * 800) for _ in range(500))
    text = check_markdown(check(experiment(worst_rows=many)), "comment", footer="\n[the run](https://ci.example/1)\n")
    assert text.endswith("[the run](https://ci.example/1)\n")
    assert len(text.encode()) <= BUDGETS["comment"]


def test_nothing_foreign_acts():
    text = check_markdown(hostile_check())
    assert not any(char in text for char in "\x1b\x9b\u202e\ud800\x07")
    assert not re.search(r"^\s*::|##\[|##vso\[", text, re.MULTILINE)
    unfenced = without_fences(text)
    assert unfenced.count("<details>") == unfenced.count("</details>")
    bare = outside_code(text)
    assert not re.search(r"[@#]\w|<script|!\[|http://|^/close", bare, re.MULTILINE)


def test_a_table_keeps_its_columns_whatever_a_name_holds():
    rows = [line for line in check_markdown(hostile_check()).split("\n") if line.startswith("| ❌")]
    assert rows
    assert all(len(re.findall(r"(?<!\\)\|", line)) == 8 for line in rows)


def test_a_table_of_scores_reads_alike():
    text = comparison_markdown(Comparison("fail", (metric(gate="fail", verdict="regressed"),), ("score got worse",)))
    assert text.startswith("### ✗ GATE FAILS")
    assert "- score got worse" in text
    assert "| ❌ | `exact_match` |" in text

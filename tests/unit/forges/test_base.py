"""Which findings are pinned to which prompt file."""

from llmexp_tui.forges.base import marker, marks_of, sticky_key, within
from tests.unit.reports.build import check, experiment, latency, metric

PATHS = {("tone", "short"): "prompts/short.md"}


def test_what_did_not_pass_is_pinned_to_the_candidates_prompt():
    report = check(experiment(metrics=(
        metric(gate="inconclusive", verdict="inconclusive"), latency(gate="fail", verdict="regressed"),
        metric(registered=False, gate=None, verdict="regressed"),
    )))  # fmt: skip
    assert [(mark.level, mark.path, mark.title) for mark in marks_of(report, PATHS)] == [
        ("error", "prompts/short.md", "tone: latency (typical) regressed"),
        ("warning", "prompts/short.md", "tone: exact_match inconclusive"),
    ]


def test_a_pass_and_an_unknown_prompt_are_not_pinned():
    assert marks_of(check(), PATHS) == []
    assert marks_of(check(experiment(metrics=(metric(gate="fail"),))), {}) == []


def test_a_key_is_stable_and_tells_jobs_apart():
    assert sticky_key("a", "b") == sticky_key("a", "b")
    assert len({sticky_key("a", "b"), sticky_key("ab", ""), sticky_key("a", "c")}) == 3
    assert marker("k") == "<!-- llmexp:k -->"


def test_paths_are_relative_to_the_checkout(tmp_path):
    assert within(str(tmp_path), tmp_path / "project" / "p.md") == "project/p.md"
    assert within(None, tmp_path) == str(tmp_path)
    assert within(str(tmp_path / "a"), tmp_path / "b") == str(tmp_path / "b")

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.scoring.build import scored, value


@pytest.mark.parametrize(
    ("text", "expected", "settings", "wanted"),
    [
        ("Paris", "Paris", {}, 1.0),
        ("  Paris\n", "Paris\t", {}, 1.0),
        ("paris", "Paris", {}, 0.0),
        ("paris", "PARIS", {"ignore_case": True}, 1.0),
        ("Paris.", "Paris", {}, 0.0),
        ("", "", {}, 1.0),
        ("3", 3, {}, 1.0),
        ("3.0", 3, {}, 0.0),
        ("3.0", 3.0, {}, 1.0),
        ("true", True, {}, 1.0),
        ("True", True, {}, 0.0),
        ("0", 0, {}, 1.0),
        ("b", ["a", "b"], {}, 1.0),
        ("c", ["a", "b"], {}, 0.0),
        ("naïve", "naïve", {}, 1.0),
        ("straße", "STRASSE", {"ignore_case": True}, 1.0),
    ],
)
def test_exact_match(text: str, expected: Any, settings: dict[str, Any], wanted: float) -> None:
    assert value("exact_match", text, expected, **settings) == wanted


def test_exact_match_against_a_value_needs_no_column() -> None:
    assert value("exact_match", " yes ", value="yes") == 1.0


@pytest.mark.parametrize(
    ("text", "expected", "settings", "wanted"),
    [
        ("the capital is Paris.", "Paris", {}, 1.0),
        ("the capital is paris.", "Paris", {}, 0.0),
        ("the capital is paris.", "Paris", {"ignore_case": True}, 1.0),
        ("a b", ["x", "b"], {}, 1.0),
        ("a b", ["x", "b"], {"match": "all"}, 0.0),
        ("a b", ["a", "b"], {"match": "all"}, 1.0),
        ("priority: high", None, {"value": "priority:"}, 1.0),
        ("a b", None, {"value": ["a", "b"]}, 1.0),
        ("a b", None, {"value": ["a", "c"]}, 0.0),
        ("a b", None, {"all": ["a", "c"]}, 0.0),
        ("a b", None, {"any": ["a", "c"]}, 1.0),
        ("a b", None, {"any": ["c"]}, 0.0),
        ("total 42", 42, {}, 1.0),
    ],
)
def test_contains(text: str, expected: Any, settings: dict[str, Any], wanted: float) -> None:
    assert value("contains", text, expected, **settings) == wanted


def test_an_empty_expected_text_is_not_found_everywhere() -> None:
    assert scored("contains", "anything", "").value is None
    assert scored("contains", "anything", ["a", ""]).value is None


@pytest.mark.parametrize(
    ("text", "expected", "settings", "wanted"),
    [
        ("Yes, it is", "Yes", {}, 1.0),
        ("\n Yes, it is", "Yes", {}, 1.0),
        ("yes, it is", "Yes", {}, 0.0),
        ("yes, it is", "Yes", {"ignore_case": True}, 1.0),
        ("Well, yes", "yes", {}, 0.0),
        ("No", None, {"any": ["Yes", "No"]}, 1.0),
    ],
)
def test_starts_with(text: str, expected: Any, settings: dict[str, Any], wanted: float) -> None:
    assert value("starts_with", text, expected, **settings) == wanted


@pytest.mark.parametrize(
    ("text", "settings", "wanted"),
    [
        ("order 12345", {"value": r"\b\d{5}\b"}, 1.0),
        ("order 1234", {"value": r"\b\d{5}\b"}, 0.0),
        ("order 12345", {"value": r"\d{5}", "full": True}, 0.0),
        ("12345", {"value": r"\d{5}", "full": True}, 1.0),
        ("YES", {"value": "yes"}, 0.0),
        ("YES", {"value": "yes", "ignore_case": True}, 1.0),
        ("a\nb", {"value": "a.b"}, 0.0),
        ("a\nb", {"value": "a.b", "dotall": True}, 1.0),
        ("a\nb", {"value": "^b$"}, 0.0),
        ("a\nb", {"value": "^b$", "multiline": True}, 1.0),
    ],
)
def test_regex(text: str, settings: dict[str, Any], wanted: float) -> None:
    assert value("regex", text, **settings) == wanted


def test_the_row_can_hold_the_pattern() -> None:
    assert value("regex", "ab12", r"[a-z]+\d+") == 1.0
    assert scored("regex", "ab12", "(").value is None


def test_a_pattern_that_explodes_is_stopped_and_is_no_mismatch() -> None:
    score = scored("regex", "a" * 64 + "!", value="(a|aa)+$", time_limit_s=0.05)
    assert score.value is None
    assert "longer than 0.05 s" in (score.error or "")

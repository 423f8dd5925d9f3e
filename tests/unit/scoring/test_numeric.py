from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from llmexp_tui.scoring.numeric import last_number
from tests.unit.scoring.build import scored, value


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("The answer is 42.", "42"), ("$1,234.50", "1234.50"), ("-5", "-5"), ("10-5", "5"), ("x = −3", "-3"),
        ("-$5", "-5"), ("$-5", "-5"), ("€ 5", "5"), ("1,2,3", "3"), ("80\u202f000", "80000"), ("1'000", "1000"),
        ("10,000,000.25 dollars", "10000000.25"), ("1e3", "1000"), (".5", "0.5"), ("5km", "5"), ("**7**", "7"),
        ("答案是42", "42"), ("first 3, then 9", "9"), ("a #### 3 then 9", "3"), ("#### \\$18", "18"), ("(-4)", "-4"),
        ("–5 °C", "-5"), ("10–20", "20"), ("₹12,34,567.50", "1234567.50"), ("1,23,456", "123456"), ("12,34,56", "56"),
        ("8 - 7", "7"), ("Answer - 7", "7"), ("x = - 7", "-7"), ("Found:\n- 10\n- 42", "42"), ("- 3", "-3"),
        ("-\n3", "-3"), ("(- 4)", "-4"),
        ("It costs $18\n\n#### 18", "18"), ("####", None), ("7 ####", "7"), ("H2O", None), ("v1", None), ("", None),
    ],
)
def test_the_last_number_of_a_text(text: str, wanted: str | None) -> None:
    found = last_number(text)
    assert (found.value if found else None) == (Decimal(wanted) if wanted else None)


def test_decimal_commas() -> None:
    found = last_number("Summe: 1.234,56 €", ",")
    assert found is not None
    assert found.value == Decimal("1234.56")


@pytest.mark.parametrize(
    ("text", "expected", "settings", "wanted"),
    [
        ("so 18", "Janet sells 16 - 3 - 4 = <<16-3-4=9>>9 duck eggs.\n#### 18", {}, 1.0),
        ("so 9", "Janet sells 16 - 3 - 4 = <<16-3-4=9>>9 duck eggs.\n#### 18", {}, 0.0),
        ("$70,000.00 profit", 70000, {}, 1.0),
        ("0.1", 0.1, {}, 1.0),
        ("1.1", 1.0, {"tolerance": 0.1}, 1.0),
        ("1.11", 1.0, {"tolerance": 0.1}, 0.0),
        ("1010", 1000, {"relative": 0.01}, 1.0),
        ("1011", 1000, {"relative": 0.01}, 0.0),
        ("-42", 42, {}, 0.0),
        ("50%", 50, {}, 1.0),
        ("50%", 0.5, {}, 1.0),
        ("0.5", "50%", {}, 1.0),
        ("50%", "50%", {}, 1.0),
        ("0.5%", "50%", {}, 0.0),
        ("no idea", 3, {}, 0.0),
        ("7", None, {"value": 7}, 1.0),
        ("7", None, {"value": "7.0"}, 1.0),
        ("2", [1, 2], {}, 1.0),
        ("0", 0, {}, 1.0),
        ("1e999999999", 3, {}, 0.0),
    ],
)
def test_numeric(text: str, expected: Any, settings: dict[str, Any], wanted: float) -> None:
    assert value("numeric", text, expected, **settings) == wanted


@pytest.mark.parametrize("expected", ["none at all", "", True, float("nan"), {"a": 1}])
def test_an_expected_value_without_a_number_is_an_error(expected: Any) -> None:
    score = scored("numeric", "3", expected)
    assert score.value is None
    assert "no number in the expected value" in (score.error or "")


@pytest.mark.parametrize("unit", ["1,", "11,", "- ", "1", "$ ", "0.", "1,111", "-", "1e", "1 %"])
def test_hostile_digits_take_no_longer_than_their_length(unit: str) -> None:
    """Quadratic behaviour would need minutes here; linear is well under a second."""
    last_number(unit * 100_000)

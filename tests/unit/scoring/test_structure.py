from __future__ import annotations

import pytest

from tests.unit.scoring.build import scored, value


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('{"a": [1, 2.5e3, null, true, "x"]}', 1.0), (" [] \n", 1.0), ("3", 1.0), ('"x"', 1.0), ("null", 1.0),
        ("", 0.0), ("{'a': 1}", 0.0), ("{a: 1}", 0.0), ('{"a": 1,}', 0.0), ("NaN", 0.0), ("[Infinity]", 0.0),
        ('{"a": 1} and more', 0.0), ("```json\n{}\n```", 0.0), ("9" * 5000, 1.0), ("[" * 100_000, 0.0),
        ("[" * 100_000 + "]" * 100_000, 0.0),
    ],
)
def test_is_json(text: str, wanted: float) -> None:
    assert value("is_json", text) == wanted


def test_a_fence_is_taken_off_on_request_and_only_one() -> None:
    assert value("is_json", 'Here:\n```json\n{"a": 1}\n```\nDone.', fenced=True) == 1.0
    assert value("is_json", "```\n1\n```\n```\n2\n```", fenced=True) == 0.0
    assert value("is_json", "[1]", fenced=True) == 1.0


def test_the_reason_says_where() -> None:
    assert scored("is_json", '{"a": }').reason == "Expecting value at line 1, column 7"

from __future__ import annotations

from typing import Any

import pytest

from llmexp_tui.scoring.contexts import passages


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("", ()),
        ([], ()),
        ("[]", ()),
        ("one passage", ("one passage",)),
        (["a", " ", "b"], ("a", "b")),
        ('["a", "b"]', ("a", "b")),
        ('[not json]', ("[not json]",)),
        ("[" * 100_000, ("[" * 100_000,)),
        ([{"text": "a", "id": 1}, {"id": 2}], ("a", '{"id":2}')),
        ('[{"text": "a"}]', ("a",)),
        ([1, True], ("1", "true")),
    ],
)
def test_a_columns_value_as_passages(value: Any, expected: tuple[str, ...] | None) -> None:
    assert passages(value) == expected

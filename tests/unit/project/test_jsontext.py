import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmexp_tui.project.jsontext import MAX_DEPTH, JsonTextError, parse_json, parse_json_at

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON, st.sampled_from(["", " ", "\n"]))
def test_what_is_json_is_read_as_it_is(value, space):
    text = json.dumps(value)
    assert parse_json(space + text + space) == value
    assert parse_json_at("[" + text, 1) == (value, len(text) + 1)


@pytest.mark.parametrize(
    ("text", "reason", "line"),
    [
        ("", "not JSON", 1),
        ("{\n\n]", "not JSON", 3),
        ("1\n2", "more text after the value", 1),
        ("[NaN]", "NaN is not JSON", 1),
        ('{"a": {"b": 1, "b": 2}}', 'the key "b" stands twice', 1),
        ("9" * 5_000, "Exceeds the limit", 1),
        ("[" * 10**6, "nested more than", 1),
        ("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), "nested more than", 1),
    ],
    ids=["empty", "broken", "two values", "NaN", "key twice", "huge number", "bomb", "too deep"],
)
def test_what_is_not_says_why_and_where(text, reason, line):
    with pytest.raises(JsonTextError) as caught:
        parse_json(text)
    assert caught.value.reason.startswith(reason)
    assert caught.value.line == line


def test_the_deepest_that_is_allowed_is_read():
    assert parse_json("[" * MAX_DEPTH + "]" * MAX_DEPTH)


@given(st.text() | st.text('[]{}",:0123NaInfty \\\n'))
def test_whatever_the_text_only_our_error_comes_out(text):
    try:
        parse_json(text)
    except JsonTextError as error:
        assert error.line >= 1

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from llmexp_tui.errors import ConfigError
from llmexp_tui.scoring.base import ScorerContext
from tests.unit.scoring.build import sample, scored, scorer, value


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('{"a": [1, 2.5e3, null, true, "x"]}', 1.0), (" [] \n", 1.0), ("3", 1.0), ('"x"', 1.0), ("null", 1.0),
        ("", 0.0), ("{'a': 1}", 0.0), ("{a: 1}", 0.0), ('{"a": 1,}', 0.0), ("NaN", 0.0), ("[Infinity]", 0.0),
        ('{"a": 1} and more', 0.0), ("```json\n{}\n```", 0.0), pytest.param("9" * 5000, 1.0, id="digits"),
        pytest.param("[" * 100_000, 0.0, id="open"), pytest.param("[" * 100_000 + "]" * 100_000, 0.0, id="deep"),
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


SCHEMA = {
    "type": "object", "required": ["label"], "additionalProperties": False,
    "properties": {"label": {"enum": ["a", "b"]}, "code": {"pattern": "^x[0-9]$"}},
}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('{"label": "a"}', 1.0), ('{"label": "a", "code": "x1"}', 1.0), ('{"label": "c"}', 0.0), ("{}", 0.0),
        ('{"label": "a", "code": "y"}', 0.0), ('{"label": "a", "z": 1}', 0.0), ("no JSON", 0.0),
    ],
)
def test_json_schema(text: str, wanted: float) -> None:
    assert value("json_schema", text, schema=SCHEMA) == wanted


def test_a_schema_file_is_read_once_and_is_part_of_the_fingerprint() -> None:
    files = {"answer.schema.json": json.dumps(SCHEMA)}
    context = ScorerContext(read_text=files.__getitem__)
    check = scorer("json_schema", context, schema="answer.schema.json")
    assert check.fingerprint == scorer("json_schema", schema=SCHEMA).fingerprint
    files["answer.schema.json"] = "{}"
    assert check.score(sample("{}")).value == 0.0
    assert scorer("json_schema", context, schema="answer.schema.json").fingerprint != check.fingerprint


@pytest.mark.parametrize(
    ("schema", "message"),
    [(None, "needs a schema"), ({"type": "objec"}, r"not valid.*\$.type"), ("bad.json", "bad.json is no JSON")],
)
def test_a_schema_that_is_none_is_refused(schema: Any, message: str) -> None:
    context = ScorerContext(read_text=lambda path: "{")
    with pytest.raises(ConfigError, match=message):
        scorer("json_schema", context, schema=schema)


DRAFT_7 = {"$schema": "http://json-schema.org/draft-07/schema#", "definitions": {"n": {"type": "integer"}}}
NESTED = {"$id": "http://a.example/root", "$defs": {"n": {"$id": "n", "type": "integer"}}}


@pytest.mark.parametrize("reference", ["http://127.0.0.1:9/x.json", "#/$defs/other", "#other"])
@pytest.mark.parametrize("schema", [{}, DRAFT_7, NESTED])
def test_a_reference_to_elsewhere_is_refused_and_not_fetched(schema: Any, reference: str) -> None:
    with pytest.raises(ConfigError, match="does not hold"):
        scorer("json_schema", schema={**schema, "properties": {"a": {"items": {"$ref": reference}}}})


@pytest.mark.parametrize(
    ("schema", "reference"),
    [
        (DRAFT_7, "#/definitions/n"), (NESTED, "n"), (NESTED, "#/$defs/n"),
        ({"$defs": {"n": {"$anchor": "here", "type": "integer"}}}, "#here"),
        ({"$defs": {"n": {"$dynamicAnchor": "here", "type": "integer"}}}, "#here"),
    ],
)  # fmt: skip
def test_a_reference_within_the_schema_is_followed(schema: Any, reference: str) -> None:
    schema = {**schema, "properties": {"a": {"$ref": reference}}}
    assert scored("json_schema", '{"a": 1}', schema=schema).value == 1.0
    assert scored("json_schema", '{"a": "1"}', schema=schema).value == 0.0


def test_the_drafts_own_schemas_and_what_only_looks_like_a_reference_are_known() -> None:
    meta = {"$ref": "https://json-schema.org/draft/2020-12/schema"}
    assert scored("json_schema", '{"type": "object"}', schema=meta).value == 1.0
    named = {"properties": {"$ref": {"const": "x"}}, "required": ["$ref"], "not": {"enum": [{"$ref": "#/nowhere"}]}}
    assert scored("json_schema", '{"$ref": "x"}', schema=named).value == 1.0


KEYS = {"patternProperties": {"(a|aa)+$": {"type": "integer"}}, "additionalProperties": False}


@pytest.mark.parametrize(
    ("text", "schema"),
    [
        ('"' + "a" * 64 + '!"', {"pattern": "(a|aa)+$"}),
        ('{"' + "a" * 64 + '!": 1}', KEYS),
        ('{"' + "a" * 64 + '!": 1}', {"propertyNames": {"pattern": "(a|aa)+$"}}),
    ],
)
def test_a_pattern_in_a_schema_has_the_time_limit_too(text: str, schema: dict[str, Any]) -> None:
    score = scored("json_schema", text, schema=schema)
    assert score.value is None
    assert "longer than" in (score.error or "")


@pytest.mark.parametrize(
    ("text", "schema"),
    [
        ('{"aa": 1, "a": 2}', KEYS),
        ('{"aa": "1"}', KEYS),
        ('{"b": 1}', KEYS),
        ('{"b": 1}', {**KEYS, "properties": {"b": {}}}),
        ('{"b": 1}', {"patternProperties": KEYS["patternProperties"], "additionalProperties": {"type": "string"}}),
        ('{"b": "x", "aa": 1}', {**KEYS, "additionalProperties": {"type": "string"}}),
        ("[]", KEYS),
        ("[1, 1.0]", {"uniqueItems": True}),
        ("[1, true, [1], [true]]", {"uniqueItems": True}),
        ('[{"a": 1, "b": 2}, {"b": 2, "a": 1}]', {"uniqueItems": True}),
        ("[[1, 2], [2, 1]]", {"uniqueItems": True}),
        ("[1, 1]", {"uniqueItems": False}),
        ('"abc"', {"pattern": "b"}),
        ("5", {"pattern": "b"}),
    ],
)
def test_the_guarded_keywords_say_what_jsonschema_says(text: str, schema: dict[str, Any]) -> None:
    wanted = jsonschema.Draft202012Validator(schema).is_valid(json.loads(text))
    assert value("json_schema", text, schema=schema) == wanted


def test_many_items_are_compared_without_a_pass_for_each() -> None:
    items = json.dumps([{"a": number} for number in range(20_000)])
    assert value("json_schema", items, schema={"uniqueItems": True}) == 1.0


def test_a_keyword_that_cannot_be_guarded_is_refused() -> None:
    with pytest.raises(ConfigError, match="unevaluatedProperties beside patternProperties"):
        scorer("json_schema", schema={**KEYS, "unevaluatedProperties": False})


@pytest.mark.parametrize(
    ("text", "expected", "settings", "wanted"),
    [
        ('{"a": 1, "b": [1, 2]}', {"b": [2, 1], "a": 1}, {}, 1.0),
        ('{"a": 1, "b": [1, 2]}', {"b": [2, 1], "a": 1}, {"ordered": True}, 0.0),
        ("[1, 1, 2]", [1, 2, 2], {}, 0.0),
        ('[{"x": [1, 2]}, {"x": [3]}]', '[{"x": [3]}, {"x": [2, 1]}]', {}, 1.0),
        ("1.0", 1, {}, 1.0), ("true", 1, {}, 0.0), ('"1"', 1, {}, 0.0), ("null", "null", {}, 1.0),
        ("{}", [], {}, 0.0),
        ('{"id": 1, "note": "x"}', {"id": 1, "note": "y"}, {"paths": ["id"]}, 1.0),
        ('{"id": 1, "note": "x"}', {"id": 1, "note": "y"}, {"paths": ["id", "$.note"]}, 0.0),
        ('{"i": [{"k": 1, "z": 0}, {"k": 2}]}', {"i": [{"k": 2}, {"k": 1}]}, {"paths": ["i[*].k"]}, 1.0),
        ('{"i": [5]}', {"i": [6]}, {"paths": ["i[0]"]}, 0.0),
        ('{"$ref": 1}', {"$ref": 2}, {"paths": ["$ref"]}, 0.0),
        ('{"$ref": 1}', {"$ref": 1}, {"paths": ["$.$ref"]}, 1.0),
        ('[1, 2]', [1, 3], {"paths": ["$[0]"]}, 1.0), ("[1]", [2], {"paths": ["$"]}, 0.0),
        ("{}", {}, {"paths": ["gone"]}, 1.0), ("{}", {"gone": None}, {"paths": ["gone"]}, 0.0),
        ("3", None, {"value": 3}, 1.0), ("```json\n[1]\n```", [1], {"fenced": True}, 1.0), ("not JSON", {}, {}, 0.0),
        pytest.param("[" * 100_000 + "]" * 100_000, [], {}, 0.0, id="deep"),
    ],
)
def test_json_equal(text: str, expected: Any, settings: dict[str, Any], wanted: float) -> None:
    assert value("json_equal", text, expected, **settings) == wanted


def test_json_equal_names_the_first_difference() -> None:
    score = scored("json_equal", '{"a": {"b": [1, 2]}}', {"a": {"b": [1, 3]}}, ordered=True)
    assert score.reason == "differs at $.a.b[1]"
    assert scored("json_equal", '{"a": 1}', {"a": 1, "b": 2}).reason == "differs at $.b"
    assert scored("json_equal", "{}", "{").error is not None
    with pytest.raises(ConfigError, match="cannot read the path"):
        scorer("json_equal", paths=["a[x]"])

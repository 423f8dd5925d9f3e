"""Whether an answer is well-formed JSON, and whether it has the shape or the content expected."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any, NoReturn

from llmexp_tui.domain.score import Score
from llmexp_tui.domain.text import one_line
from llmexp_tui.scoring.definition import NO_EXPECTED, PASS, Definition, ScorerContext
from llmexp_tui.scoring.libraries import library_version, load
from llmexp_tui.scoring.sample import Sample
from llmexp_tui.scoring.schema_guard import dangling, guarded_keywords, unguarded
from llmexp_tui.scoring.settings import Settings
from llmexp_tui.scoring.text import REGEX_SECONDS

_FENCE = re.compile(r"```[A-Za-z0-9_+-]*[ \t]*\r?\n(.*?)```", re.DOTALL)


class NotJson(ValueError):
    """The text is not JSON; the message says why."""


def _no_constant(name: str) -> NoReturn:
    raise NotJson(f"{name} is not JSON")


def parse_json(text: str) -> Any:
    """The value of a JSON text by RFC 8259: no NaN, no Infinity. Raises NotJson, also for absurd nesting."""
    try:
        try:
            return json.loads(text, parse_constant=_no_constant)
        except ValueError as error:
            if isinstance(error, json.JSONDecodeError | NotJson):
                raise
            # The language limits the digits of an int; such a number is JSON all the same.
            return json.loads(text, parse_constant=_no_constant, parse_int=float)
    except RecursionError:
        raise NotJson("nested too deeply") from None
    except json.JSONDecodeError as error:
        raise NotJson(f"{error.msg} at line {error.lineno}, column {error.colno}") from None


def unfenced(text: str) -> str:
    """What stands in the only Markdown code fence of a text; the text itself where there is none or several."""
    blocks: list[str] = _FENCE.findall(text)
    return blocks[0] if len(blocks) == 1 else text


def failed(reason: str) -> Score:
    """A 0 with its reason, safe to show."""
    return Score(0.0, reason=one_line(reason))


def is_json(settings: Settings, context: ScorerContext) -> Definition:
    """1 where the whole answer is one JSON value; `fenced` also takes what stands in its only code fence."""
    fenced = settings.flag("fenced")

    def measure(sample: Sample) -> Score:
        try:
            parse_json(unfenced(sample.text) if fenced else sample.text)
        except NotJson as error:
            return failed(str(error))
        return PASS

    return Definition(body={"fenced": fenced}, measure=measure)


def _schema_of(settings: Settings, context: ScorerContext) -> Any:
    """The schema from a table or a file of the project. Raises ConfigError where it is no JSON."""
    given = settings.any("schema")
    if isinstance(given, dict | bool):
        return given
    if not isinstance(given, str):
        settings.refuse("json_schema needs a schema", 'set schema = "answer.schema.json", or a table')
    try:
        return parse_json(context.read_text(given))
    except NotJson as error:
        settings.refuse(f"{given} is no JSON: {error}", "write the schema as JSON")


def json_schema(settings: Settings, context: ScorerContext) -> Definition:
    """1 where the answer is JSON that fulfils `schema`, a file or a table, in the draft that it names (else 2020-12).

    References are resolved inside the schema only: nothing is fetched. A pattern has the time limit of `regex`.
    `fenced` as for is_json.
    """
    jsonschema = load("jsonschema", settings)
    referencing = load("referencing", settings)
    engine = load("regex", settings)
    schema, fenced = _schema_of(settings, context), settings.flag("fenced")
    draft = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    try:
        draft.check_schema(schema)
    except jsonschema.SchemaError as error:
        settings.refuse(f"the schema is not valid: {one_line(error.message)}", "mend it at " + error.json_path)
    if (keyword := unguarded(schema)) is not None:
        settings.refuse(f"the schema has {keyword} beside patternProperties", "say additionalProperties instead")
    if (reference := dangling(schema, draft)) is not None:
        settings.refuse(f"the schema refers to {one_line(reference, 80)}, which it does not hold", "put it in $defs")
    keywords = guarded_keywords(engine, REGEX_SECONDS, lambda item: normal_form(item, True))
    validator = jsonschema.validators.extend(draft, keywords)(schema, registry=referencing.Registry())

    def measure(sample: Sample) -> Score:
        try:
            value = parse_json(unfenced(sample.text) if fenced else sample.text)
        except NotJson as error:
            return failed(str(error))
        try:
            problem = next(iter(validator.iter_errors(value)), None)
        except TimeoutError:
            return Score(None, error=f"a pattern of the schema took longer than {REGEX_SECONDS:g} s on this answer")
        except RecursionError:
            return failed("nested too deeply")
        return PASS if problem is None else failed(f"{problem.json_path}: {problem.message}")

    body = {"schema": schema, "fenced": fenced, "library": library_version("jsonschema")}
    return Definition(body=body, measure=measure)


_MISSING = object()
_STEP = re.compile(r"\.?([^.\[\]]+)|\[(\d+|\*)\]")


def parse_path(path: str) -> tuple[str | int, ...]:
    """The steps of "$.items[0].name" or "items[*].name"; "*" for every item. Raises ValueError."""
    steps: list[str | int] = []
    rest = path[1:] if path == "$" or path[:2] in ("$.", "$[") else path  # a key may be called "$ref"
    position = 0
    while position < len(rest):
        match = _STEP.match(rest, position)
        if match is None:
            raise ValueError(f"cannot read the path {path!r} at {rest[position:]!r}")
        key, index = match.groups()
        steps.append(key if key is not None else index if index == "*" else int(index))
        position = match.end()
    return tuple(steps)


def at_path(value: Any, steps: tuple[str | int, ...]) -> Any:
    """What stands at a path; a mark of its own where nothing does; a list for a path with "*"."""
    for position, step in enumerate(steps):
        if step == "*":
            if not isinstance(value, list):
                return _MISSING
            return [at_path(item, steps[position + 1 :]) for item in value]
        in_list = isinstance(step, int) and isinstance(value, list) and step < len(value)
        in_object = isinstance(step, str) and isinstance(value, dict) and step in value
        if not (in_list or in_object):
            return _MISSING
        value = value[step]
    return value


def normal_form(value: Any, ordered: bool) -> Any:
    """A hashable form in which equal JSON is equal: 1 and 1.0 are, 1 and true are not, lists as `ordered` says."""
    if isinstance(value, dict):
        return ("object", frozenset((key, normal_form(item, ordered)) for key, item in value.items()))
    if isinstance(value, list):
        items = [normal_form(item, ordered) for item in value]
        return ("list", tuple(items)) if ordered else ("list", frozenset(Counter(items).items()))
    return (type(value).__name__ if isinstance(value, bool | str) or value is None else "number", value)


def first_difference(found: Any, wanted: Any, ordered: bool, path: str = "$") -> str | None:
    """The path of the first difference of two JSON values, None where they are equal."""
    if normal_form(found, ordered) == normal_form(wanted, ordered):
        return None
    if isinstance(found, dict) and isinstance(wanted, dict):
        for key in [*wanted, *(key for key in found if key not in wanted)]:
            if key not in found or key not in wanted:
                return f"{path}.{key}"
            if inner := first_difference(found[key], wanted[key], ordered, f"{path}.{key}"):
                return inner
    if ordered and isinstance(found, list) and isinstance(wanted, list) and len(found) == len(wanted):
        for index, pair in enumerate(zip(found, wanted, strict=True)):
            if inner := first_difference(*pair, ordered, f"{path}[{index}]"):
                return inner
    return path


def json_equal(settings: Settings, context: ScorerContext) -> Definition:
    """1 where the answer is the same JSON as the expected value: keys in any order, lists too unless `ordered`.

    `paths` compares only what stands at these ("items[*].id"); absent on both sides is equal. `value` replaces the
    expected value, which may be JSON text. The reason names the first path that differs.
    """
    paths, ordered, fenced = settings.texts("paths"), settings.flag("ordered"), settings.flag("fenced")
    value = settings.any("value")
    try:
        steps = None if paths is None else [(path, parse_path(path)) for path in paths]
    except ValueError as error:
        settings.refuse(str(error), 'write it as "items[0].name" or "items[*].name"')

    def wanted_of(sample: Sample) -> Any:
        wanted = sample.expected if value is None else value
        return parse_json(wanted) if isinstance(wanted, str) else wanted

    def difference(found: Any, wanted: Any) -> str | None:
        if steps is None:
            return first_difference(found, wanted, ordered)
        for path, parsed in steps:
            left, right = at_path(found, parsed), at_path(wanted, parsed)
            if (left is _MISSING) != (right is _MISSING):
                return path
            if left is not _MISSING and first_difference(left, right, ordered):
                return path
        return None

    def measure(sample: Sample) -> Score:
        if value is None and not sample.expected_present:
            return NO_EXPECTED
        try:
            wanted = wanted_of(sample)
        except NotJson as error:
            return Score(None, error=f"the expected value is no JSON: {error}")
        try:
            found = parse_json(unfenced(sample.text) if fenced else sample.text)
            where = difference(found, wanted)
        except NotJson as error:
            return failed(str(error))
        except RecursionError:
            return failed("nested too deeply")
        return PASS if where is None else failed(f"differs at {where}")

    body = {"paths": None if paths is None else list(paths), "ordered": ordered, "fenced": fenced, "value": value}
    return Definition(body=body, measure=measure, needs_expected=value is None)

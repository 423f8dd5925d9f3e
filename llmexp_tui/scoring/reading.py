"""Reads a judge's verdict strictly: one JSON object of the asked form, or nothing at all.

A lenient reader is how a judged answer gets to grade itself: it writes a verdict that the judge quotes, and the
first or last one found wins. Two verdicts are therefore no verdict.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from llmexp_tui.scoring.structure import unfenced

_ATTEMPTS = 64
"""Opening braces tried in an answer that is more than JSON; a judge that needs more is not answering."""


class Unreadable(ValueError):
    """A judge's answer is not one verdict of the asked form; the message says why, and goes back to the judge."""


def _once(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise Unreadable(f'the key "{key}" stands twice')
        found[key] = value
    return found


def _number(text: str) -> int | float:
    """4.0 is a whole number to JSON Schema: a judge that writes its grades so has kept to the form."""
    value = float(text)
    return int(value) if value.is_integer() else value


_DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_float=_number)


def read_verdict(text: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """The one object in a judge's answer that has the schema's form. Raises Unreadable."""
    body = unfenced(text).strip()
    try:
        found = [_DECODER.decode(body)]
    except Unreadable:
        raise
    except (ValueError, RecursionError):
        found = list(_embedded(text))
    if not found:
        raise Unreadable("there is no JSON object in it")
    problems = [problem_of(item, schema) for item in found]
    good = [item for item, problem in zip(found, problems, strict=True) if problem is None]
    if len(good) > 1:
        raise Unreadable("it holds more than one verdict")
    if not good:
        raise Unreadable(next(problem for problem in problems if problem))
    verdict: dict[str, Any] = good[0]
    return verdict


def _embedded(text: str) -> Iterable[Any]:
    """The outermost JSON objects within a text."""
    position = 0
    for _ in range(_ATTEMPTS):
        position = text.find("{", position)
        if position < 0:
            return
        try:
            value, position = _DECODER.raw_decode(text, position)
        except Unreadable:
            raise
        except (ValueError, RecursionError):
            position += 1
        else:
            yield value


_KINDS: Mapping[str, tuple[type, ...]] = {
    "object": (dict,), "array": (list,), "string": (str,), "integer": (int,), "number": (int, float),
    "boolean": (bool,),
}


def problem_of(value: Any, schema: Mapping[str, Any], where: str = "the answer") -> str | None:
    """What is wrong with a value by the part of JSON Schema that judges are asked with; None where nothing is."""
    kind = schema.get("type")
    if kind is not None:
        wrong = not isinstance(value, _KINDS[kind]) or (isinstance(value, bool) and kind != "boolean")
        if wrong or value != value:
            return f"{where} is not of type {kind}"
    if "enum" in schema and value not in schema["enum"]:
        return f"{where} is not one of {schema['enum']}"
    if "minimum" in schema and not schema["minimum"] <= value <= schema.get("maximum", value):
        return f"{where} is not between {schema['minimum']} and {schema.get('maximum')}"
    if kind == "array":
        return next((p for index, item in enumerate(value)
                     if (p := problem_of(item, schema["items"], f"{where}[{index}]"))), None)
    if kind == "object":
        for key, inner in schema["properties"].items():
            if key not in value:
                return f'{where} has no "{key}"'
            if problem := problem_of(value[key], inner, f'"{key}"'):
                return problem
    return None


def object_schema(**properties: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of an object with exactly these properties, in the form that structured output takes."""
    return {"type": "object", "properties": dict(properties), "required": list(properties),
            "additionalProperties": False}


TEXT: Mapping[str, Any] = {"type": "string"}
FLAG: Mapping[str, Any] = {"type": "integer", "enum": [0, 1]}


def list_of(items: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of a list."""
    return {"type": "array", "items": dict(items)}

"""JSON Schema's keywords that a model's answer could make slow, written so that it cannot.

A schema's patterns meet keys and texts that a model wrote, so each search has a time limit; items are compared by
hash, not one with every other. Nothing here decides what a schema means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from llmexp_tui.domain.text import one_line

Keyword = Callable[[Any, Any, Any, Mapping[str, Any]], Iterator[Any]]


def guarded_keywords(
    engine: Any, seconds: float, normal_form: Callable[[Any], Any]
) -> dict[str, Keyword]:
    """The keywords for `jsonschema.validators.extend`. `engine` is the regex package.

    They raise TimeoutError where one search takes longer than `seconds`.
    """
    from jsonschema import ValidationError

    def found(pattern: str, text: str) -> bool:
        return engine.search(pattern, text, timeout=seconds) is not None

    def pattern(validator: Any, wanted: str, instance: Any, _: Mapping[str, Any]) -> Iterator[Any]:
        if validator.is_type(instance, "string") and not found(wanted, instance):
            yield ValidationError(f"{one_line(repr(instance), 60)} does not match {wanted!r}")

    def pattern_properties(
        validator: Any, wanted: Mapping[str, Any], instance: Any, _: Mapping[str, Any]
    ) -> Iterator[Any]:
        if not validator.is_type(instance, "object"):
            return
        for expression, inner in wanted.items():
            for key in instance:
                if found(expression, key):
                    yield from validator.descend(instance[key], inner, path=key, schema_path=expression)

    def additional_properties(
        validator: Any, wanted: Any, instance: Any, schema: Mapping[str, Any]
    ) -> Iterator[Any]:
        if not validator.is_type(instance, "object"):
            return
        named, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
        more = [key for key in instance if key not in named and not any(found(one, key) for one in patterns)]
        if validator.is_type(wanted, "object"):
            for key in more:
                yield from validator.descend(instance[key], wanted, path=key)
        elif not wanted and more:
            yield ValidationError(f"{one_line(repr(more[0]), 60)} is a key that the schema does not know")

    def unique_items(validator: Any, wanted: bool, instance: Any, _: Mapping[str, Any]) -> Iterator[Any]:
        if wanted and validator.is_type(instance, "array") and len(set(map(normal_form, instance))) < len(instance):
            yield ValidationError("an item stands twice")

    return {
        "pattern": pattern, "patternProperties": pattern_properties,
        "additionalProperties": additional_properties, "uniqueItems": unique_items,
    }


def unguarded(schema: Any) -> str | None:
    """A keyword of the schema that only jsonschema can judge, with patterns that have no limit; None without one."""
    waiting: list[Any] = [schema]
    keys: set[str] = set()
    while waiting:
        item = waiting.pop()
        if isinstance(item, Mapping):
            keys.update(item)
            waiting.extend(item.values())
        elif isinstance(item, Sequence) and not isinstance(item, str):
            waiting.extend(item)
    return "unevaluatedProperties" if {"unevaluatedProperties", "patternProperties"} <= keys else None


def dangling(schema: Any, draft: Any) -> str | None:
    """The first reference of a valid schema to what it does not hold, None without one. `draft` is its validator."""
    from jsonschema.validators import SPECIFICATIONS
    from referencing.exceptions import Unresolvable
    from referencing.jsonschema import specification_with

    resource = specification_with(draft.META_SCHEMA["$schema"]).create_resource(schema)
    waiting = [(resource, SPECIFICATIONS.resolver_with_root(resource))]
    while waiting:
        part, resolver = waiting.pop()
        for keyword in ("$ref", "$dynamicRef"):
            reference = part.contents.get(keyword) if isinstance(part.contents, Mapping) else None
            try:
                if isinstance(reference, str):
                    resolver.lookup(reference)
            except Unresolvable:
                return reference
        waiting += [(inner, resolver.in_subresource(inner)) for inner in part.subresources()]
    return None

"""Whether an answer calls the tools that it should, with the arguments that it should."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from llmexp_tui.domain.score import Score
from llmexp_tui.domain.text import one_line
from llmexp_tui.scoring.definition import NO_EXPECTED, PASS, Definition, ScorerContext
from llmexp_tui.scoring.sample import Sample
from llmexp_tui.scoring.settings import Settings
from llmexp_tui.scoring.structure import NotJson, failed, normal_form, parse_json

Call = tuple[str, Any]
"""A tool's name and the normal form of its arguments; the form is None where arguments are not compared."""


class UnreadableCalls(ValueError):
    """The expected tool calls are not written as such."""


def _wanted_call(item: Any, arguments: bool) -> Call:
    if isinstance(item, str):
        return item, normal_form({}, True) if arguments else None
    if not isinstance(item, Mapping):
        raise UnreadableCalls(f"{one_line(repr(item), 60)} is no tool call")
    function = item.get("function")
    inner = function if isinstance(function, Mapping) else item
    name, given = inner.get("name"), inner.get("arguments", inner.get("args", {}))
    if not isinstance(name, str):
        raise UnreadableCalls(f"{one_line(repr(item), 60)} has no name")
    try:
        parsed = parse_json(given) if isinstance(given, str) else given
    except NotJson as error:
        raise UnreadableCalls(f"the arguments of {name} are no JSON: {error}") from None
    return name, normal_form(parsed, True) if arguments else None


def wanted_calls(value: Any, arguments: bool) -> list[Call]:
    """The calls of an expected value: a call or a list of them, each a name, {name, arguments} or OpenAI's form.

    JSON text is read first. Raises UnreadableCalls.
    """
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        try:
            value = parse_json(value)
        except NotJson as error:
            raise UnreadableCalls(f"no JSON: {error}") from None
    items = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    return [_wanted_call(item, arguments) for item in items]


def _found_calls(sample: Sample, arguments: bool) -> list[Call]:
    """The calls that the model made; arguments that are no JSON equal nothing."""
    calls: list[Call] = []
    for call in sample.tool_calls:
        form: Any = None
        if arguments:
            try:
                form = normal_form(parse_json(call.arguments or "{}"), True)
            except NotJson:
                form = ("unreadable", call.arguments)
        calls.append((call.name, form))
    return calls


def _f1(found: Counter[Call], wanted: Counter[Call]) -> float:
    if not found and not wanted:
        return 1.0
    return 2 * (found & wanted).total() / (found.total() + wanted.total())


def _fixed_calls(settings: Settings, arguments: bool) -> Any:
    """`tool` with `arguments`, or `value`, as one expected value; None where the row says it."""
    tool, given, value = settings.text("tool"), settings.table("arguments"), settings.any("value")
    if tool is not None and value is not None:
        settings.refuse("tool and value are both set", "keep one of them")
    if tool is None and given is not None:
        settings.refuse("arguments are given without a tool", "name the tool")
    fixed = value if tool is None else {"name": tool, "arguments": dict(given or {})}
    try:
        if fixed is not None:
            wanted_calls(fixed, arguments)
    except UnreadableCalls as error:
        settings.refuse(str(error), 'write a call as {name = "f", arguments = {}}')
    return fixed


def tool_call(settings: Settings, context: ScorerContext) -> Definition:
    """The model's tool calls against the expected ones, in any order.

    `mode = "arguments"` (default): 1 where the same tools are called with equal arguments; `"name"`: only the names;
    `"f1"`: F1 over calls, by name and arguments, or by names where `by_name`. `extra = true` allows further calls.
    `tool` with `arguments`, or `value`, replaces the row's expected calls.
    """
    mode = settings.choice("mode", ("arguments", "name", "f1"), "arguments")
    extra, by_name = settings.flag("extra"), settings.flag("by_name")
    if settings.text("tool") is not None and settings.any("arguments") is None and mode == "arguments":
        mode = "name"
    arguments = mode == "arguments" or (mode == "f1" and not by_name)
    fixed = _fixed_calls(settings, arguments)

    def measure(sample: Sample) -> Score:
        value = sample.expected if fixed is None else fixed
        if fixed is None and (value is None or not sample.expected_present):
            return NO_EXPECTED
        try:
            wanted = Counter(wanted_calls(value, arguments))
        except UnreadableCalls as error:
            return Score(None, error=f"the expected tool calls cannot be read: {error}")
        found = Counter(_found_calls(sample, arguments))
        if mode == "f1":
            return Score(_f1(found, wanted))
        if wanted - found:
            return failed(f"not called: {next(iter(wanted - found))[0]}")
        if found - wanted and not extra:
            return failed(f"called besides: {next(iter(found - wanted))[0]}")
        return PASS

    return Definition(
        body={"mode": mode, "extra": extra, "by_name": by_name, "value": fixed},
        measure=measure, type="bounded" if mode == "f1" else "binary", needs_expected=fixed is None,
    )

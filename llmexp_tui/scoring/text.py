"""Checks on the text as it stands: equal, contains, starts with, matches. All give 1 or 0."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from llmexp_tui.domain.score import Score
from llmexp_tui.scoring.definition import (
    FAIL,
    NO_EXPECTED,
    PASS,
    Definition,
    Measure,
    ScorerContext,
    references,
)
from llmexp_tui.scoring.libraries import library_version, load
from llmexp_tui.scoring.sample import Sample
from llmexp_tui.scoring.settings import Settings

_EMPTY_EXPECTED = Score(None, error="the expected text is empty, which every answer would satisfy")
REGEX_SECONDS = 0.25
"""A pattern that backtracks for longer than this on one answer is stopped; ordinary ones need microseconds."""


def _fold(ignore_case: bool) -> Callable[[str], str]:
    return str.casefold if ignore_case else str


def exact_match(settings: Settings, context: ScorerContext) -> Definition:
    """1 where the answer equals the expected text as strings, white space at both ends aside.

    Case-sensitive unless `ignore_case`. A list of expected texts accepts any of them. `value` is compared instead
    of the row's expected text.
    """
    value, ignore_case = settings.text("value"), settings.flag("ignore_case")
    fold = _fold(ignore_case)

    def against_row(sample: Sample) -> Score:
        answer = fold(sample.text.strip())
        expected = sample.expected
        if type(expected) is str:  # the common case, without building a tuple
            return PASS if fold(expected.strip()) == answer else FAIL
        wanted = references(sample)
        if not wanted:
            return NO_EXPECTED
        return PASS if any(fold(item.strip()) == answer for item in wanted) else FAIL

    def against_value(sample: Sample) -> Score:
        return PASS if fold(sample.text.strip()) == fixed else FAIL

    fixed = fold((value or "").strip())
    return Definition(
        body={"value": value, "ignore_case": ignore_case},
        measure=against_row if value is None else against_value,
        needs_expected=value is None,
    )


def _search(
    settings: Settings, find: Callable[[str, str], bool], prepare: Callable[[str], str]
) -> tuple[Measure, dict[str, Any], bool]:
    """The measure, body and need of a check that looks for one or several texts.

    `value` (a text, or a list that must all be there), `all` and `any` replace the row's expected texts, of which
    any is enough unless `match = "all"`.
    """
    given = {key: settings.texts(key) for key in ("value", "all", "any")}
    match = settings.choice("match", ("any", "all"), "any")
    fixed = {key: texts for key, texts in given.items() if texts is not None}
    if len(fixed) > 1:
        settings.refuse(f"{' and '.join(fixed)} are both set", "keep one of them")
    if any(not text for texts in fixed.values() for text in texts):
        settings.refuse("an empty text is in every answer", "give a text to look for")
    key = next(iter(fixed), None)
    body = {"texts": list(fixed[key]) if key else None, "match": key or match}
    if key is not None:
        needles = tuple(prepare(text) for text in fixed[key])
        quantify: Callable[[Iterable[object]], bool] = any if key == "any" else all

        def against_settings(sample: Sample) -> Score:
            text = prepare(sample.text)
            return PASS if quantify(find(text, needle) for needle in needles) else FAIL

        return against_settings, body, False
    combine: Callable[[Iterable[object]], bool] = all if match == "all" else any

    def against_row(sample: Sample) -> Score:
        wanted = references(sample)
        if not wanted:
            return NO_EXPECTED
        if not all(wanted):
            return _EMPTY_EXPECTED
        text = prepare(sample.text)
        return PASS if combine(find(text, prepare(item)) for item in wanted) else FAIL

    return against_row, body, True


def contains(settings: Settings, context: ScorerContext) -> Definition:
    """1 where the answer holds the text: `value`, all of `all`, any of `any`, or the row's expected text."""
    ignore_case = settings.flag("ignore_case")
    measure, body, needs = _search(settings, str.__contains__, _fold(ignore_case))
    return Definition(body={**body, "ignore_case": ignore_case}, measure=measure, needs_expected=needs)


def starts_with(settings: Settings, context: ScorerContext) -> Definition:
    """1 where the answer, leading white space aside, starts with the text."""
    ignore_case = settings.flag("ignore_case")
    fold = _fold(ignore_case)
    measure, body, needs = _search(settings, str.startswith, lambda text: fold(text.lstrip()))
    return Definition(body={**body, "ignore_case": ignore_case}, measure=measure, needs_expected=needs)


def regex(settings: Settings, context: ScorerContext) -> Definition:
    """1 where the pattern (`value`, or the row's expected text) is found in the answer; `full` asks for all of it.

    `ignore_case`, `multiline` and `dotall` are the usual flags. A search that exceeds `time_limit_s` is an error of
    the scorer, not a mismatch. The engine is the regex package: the standard library's cannot be interrupted.
    """
    engine = load("regex", settings)
    value = settings.text("value")
    full = settings.flag("full")
    names = ("ignore_case", "multiline", "dotall")
    bits = (engine.IGNORECASE, engine.MULTILINE, engine.DOTALL)
    chosen = {name: settings.flag(name) for name in names}
    flags = engine.VERSION0
    for name, bit in zip(names, bits, strict=True):
        flags |= bit if chosen[name] else 0
    limit = settings.number("time_limit_s", low=0.001) or REGEX_SECONDS

    @lru_cache(maxsize=1024)
    def compiled(pattern: str) -> Any:
        return engine.compile(pattern, flags)

    if value is not None:
        try:
            compiled(value)
        except engine.error as error:
            settings.refuse(f"the pattern {value!r} cannot be read: {error}", "escape what is meant literally")

    def measure(sample: Sample) -> Score:
        patterns = references(sample) if value is None else (value,)
        if not patterns:
            return NO_EXPECTED
        try:
            for pattern in patterns:
                search = compiled(pattern).fullmatch if full else compiled(pattern).search
                if search(sample.text, timeout=limit):
                    return PASS
        except TimeoutError:
            return Score(None, error=f"the pattern took longer than {limit:g} s on this answer")
        except engine.error as error:
            return Score(None, error=f"the row's pattern cannot be read: {error}")
        return FAIL

    return Definition(
        body={"value": value, "full": full, **chosen, "library": library_version("regex")},
        measure=measure, needs_expected=value is None,
    )

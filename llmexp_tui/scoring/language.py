"""Whether an answer is in the language that it should be in."""

from __future__ import annotations

from typing import Any

from llmexp_tui.domain.score import Score
from llmexp_tui.domain.text import one_line
from llmexp_tui.scoring.definition import NO_EXPECTED, Definition, ScorerContext, references
from llmexp_tui.scoring.libraries import library_version, load
from llmexp_tui.scoring.sample import Sample
from llmexp_tui.scoring.settings import Settings

_WINDOW = 2000
"""Characters that are looked at; more makes no answer clearer and costs time."""
_DISTANCE = 0.1
"""How far the likeliest language must be ahead of the next; at 0 "yes" is Catalan and "Ja, gerne!" Vietnamese."""


def _code(text: str) -> str:
    """The language of a tag: "de" of "de-CH"."""
    return text.strip().lower().replace("_", "-").split("-")[0]


def _detector(lingua: Any, codes: dict[str, Any], chosen: list[str] | None, accurate: bool) -> Any:
    builder = lingua.LanguageDetectorBuilder
    made = builder.from_all_languages() if chosen is None else builder.from_languages(*(codes[c] for c in chosen))
    made = made.with_minimum_relative_distance(_DISTANCE)
    # All languages at full accuracy take a gigabyte and eight seconds; the small models 60 MB and a third of one.
    return (made if accurate else made.with_low_accuracy_mode()).build()


def language(settings: Settings, context: ScorerContext) -> Definition:
    """1 where lingua takes the answer for the language `value`, or the row's expected one (ISO 639-1: "en", "de").

    `among` narrows the languages it chooses from, which makes short answers safer; `accurate` uses the large
    models, for answers of a few words. An answer that might be in several languages, or is in none, is unscored, and
    so is one whose expected language has no such code.
    """
    lingua = load("lingua", settings, "language")
    codes = {item.iso_code_639_1.name.lower(): item for item in lingua.Language.all()}
    value, among = settings.text("value"), settings.texts("among")
    accurate = settings.flag("accurate")
    value = value and _code(value)
    chosen = None if among is None else sorted({_code(code) for code in (*among, *((value,) if value else ()))})
    for code in (*((value,) if value else ()), *(chosen or ())):
        if code not in codes:
            settings.refuse(f'"{code}" is no language that can be told', f"use one of {', '.join(sorted(codes))}")
    if chosen is not None and len(chosen) < 2:
        settings.refuse("among names fewer than two languages", "give those that it may be taken for")
    detector = _detector(lingua, codes, chosen, accurate)

    def measure(sample: Sample) -> Score:
        wanted = (value,) if value else references(sample)
        if not wanted:
            return NO_EXPECTED
        known = {_code(item) for item in wanted} & codes.keys()
        if not known:
            return Score(None, error=f'the expected "{one_line(wanted[0], 40)}" is no language code such as "en"')
        found = detector.detect_language_of(sample.text[:_WINDOW])
        if found is None:
            return Score(None, error="the language of this answer cannot be told")
        code = found.iso_code_639_1.name.lower()
        return Score(float(code in known), label=code)

    body = {"value": value, "among": chosen, "accurate": accurate, "distance": _DISTANCE,
            "library": library_version("lingua-language-detector")}
    return Definition(body=body, measure=measure, needs_expected=value is None)

"""How long an answer is. Shown, not judged, unless bounds or a direction say what is good."""

from __future__ import annotations

from llmexp_tui.domain.score import Score
from llmexp_tui.scoring.definition import PASS, Definition, ScorerContext
from llmexp_tui.scoring.sample import Sample
from llmexp_tui.scoring.settings import Settings

_UNITS = ("words", "characters")


def _count(text: str, unit: str) -> int:
    return len(text.split()) if unit == "words" else len(text)


def _length(settings: Settings, unit: str) -> Definition:
    low, high = settings.number("min", low=0), settings.number("max", low=0)
    body = {"unit": unit, "min": low, "max": high}
    if low is None and high is None:

        def count(sample: Sample) -> Score:
            return Score(float(_count(sample.text, unit)))

        return Definition(body=body, measure=count, type="unbounded", direction="none", range=None, unit=unit)
    if low is not None and high is not None and low > high:
        settings.refuse(f"min {low:g} is above max {high:g}", "give the smaller bound as min")

    def within(sample: Sample) -> Score:
        size = _count(sample.text, unit)
        good = (low is None or size >= low) and (high is None or size <= high)
        return PASS if good else Score(0.0, reason=f"{size} {unit}")

    return Definition(body=body, measure=within)


def length(settings: Settings, context: ScorerContext) -> Definition:
    """Words (what white space separates) or characters (code points); with `min` or `max` 1 where within."""
    return _length(settings, settings.choice("unit", _UNITS, "words"))


def word_count(settings: Settings, context: ScorerContext) -> Definition:
    """`length` in words."""
    return _length(settings, "words")


def char_count(settings: Settings, context: ScorerContext) -> Definition:
    """`length` in characters."""
    return _length(settings, "characters")

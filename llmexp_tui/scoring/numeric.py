"""Compares the last number of an answer with the expected one, however the two are written."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation, Overflow
from typing import Any

from llmexp_tui.domain.score import Score
from llmexp_tui.domain.text import one_line
from llmexp_tui.scoring.definition import FAIL, PASS, Definition, ScorerContext
from llmexp_tui.scoring.sample import Sample
from llmexp_tui.scoring.settings import Settings

_CURRENCY = "$€£¥₹₩₽"
_MARKER = "####"
_NO_NUMBER = Score(0.0, reason="no number in the answer")


@dataclass(frozen=True, slots=True)
class Number:
    """A number as found in a text; `percent` where a percent sign follows it."""

    value: Decimal
    percent: bool


def _pattern(decimal: str) -> re.Pattern[str]:
    """Digits with or without groups of thousands; every part is bounded by what cannot match, so it is linear.

    A letter, digit or point before it means that the digits belong to a word (H2O, v1.2).
    """
    point = re.escape(decimal)
    comma = "." if decimal == "," else ","
    group = f"[{re.escape(comma)}'’\u00a0\u2009\u202f]"
    sign = rf"(?:(?<![\w)\]%])[-−–+]\s?)?[{_CURRENCY}]?\s?(?:(?<=[{_CURRENCY}])[-−–])?"
    indian = rf"\d{{1,2}}(?:{group}\d{{2}}){{1,8}}{group}\d{{3}}(?!\d)"
    whole = rf"\d{{1,3}}(?:{group}\d{{3}})+(?!\d)|{indian}|\d+"
    body = rf"(?<![A-Za-z_\d.])(?P<number>(?:{whole})(?:{point}\d+)?|{point}\d+)"
    return re.compile(rf"(?P<sign>{sign}){body}(?P<exp>[eE][-+]?\d{{1,4}}(?![\w.]))?(?P<percent>\s?[%％])?")


_PATTERNS = {".": _pattern("."), ",": _pattern(",")}
_SIGNS = "-−–"
_BEFORE_SIGN = "=(:<>≈"
"""What may stand before a minus with a space after it; after a word or a line's start that is a dash, not a sign."""


def _is_negative(match: re.Match[str]) -> bool:
    """Whether the number has a minus: "-7" and "= - 7", but not "8 - 7", "Answer - 7" or a list's "- 7"."""
    sign = match["sign"]
    if not any(mark in sign for mark in _SIGNS):
        return False
    before = match.string[: match.start()].rstrip(" \t")
    return not sign[1:2].isspace() or not before or before[-1] in _BEFORE_SIGN


def _read(match: re.Match[str], decimal: str) -> Number | None:
    digits = match["number"]
    for separator in (",'’\u00a0\u2009\u202f" if decimal == "." else ".'’\u00a0\u2009\u202f"):
        digits = digits.replace(separator, "")
    digits = digits.replace(",", ".") if decimal == "," else digits
    sign = "-" if _is_negative(match) else ""
    try:
        return Number(Decimal(f"{sign}{digits}{match['exp'] or ''}"), match["percent"] is not None)
    except (InvalidOperation, Overflow, ValueError):
        return None


def last_number(text: str, decimal: str = ".") -> Number | None:
    """The last number of a text, or the first after the last "####" where that mark stands. None without one."""
    _, marker, tail = text.rpartition(_MARKER)
    pattern = _PATTERNS[decimal]
    if marker and (match := pattern.search(tail)):
        return _read(match, decimal)
    found = deque(pattern.finditer(text), maxlen=1)
    return _read(found[0], decimal) if found else None


def _of_value(value: Any, decimal: str) -> Number | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        found = Decimal(repr(value))
        return Number(found, False) if found.is_finite() else None
    return last_number(value, decimal) if isinstance(value, str) else None


def _close(answer: Number, wanted: Number, absolute: Decimal, relative: Decimal) -> bool:
    """Within either tolerance. Where only one side has a percent sign, 50 % is both 50 and 0.5."""
    room = max(absolute, relative * abs(wanted.value))
    if abs(answer.value - wanted.value) <= room:
        return True
    if answer.percent == wanted.percent:
        return False
    scaled = answer.value / 100 if answer.percent else answer.value * 100
    return abs(scaled - wanted.value) <= room


def numeric(settings: Settings, context: ScorerContext) -> Definition:
    """1 where the answer's last number equals the expected one within `tolerance` (absolute) or `relative`.

    Thousands separators, currency signs and percent signs are read; `decimal = ","` for 1.234,5. The expected
    value is a number, or a text whose last number counts ("… #### 42" as in GSM8K). `value` replaces it.
    An answer without a number is wrong; an expected value without one is an error. A list accepts any of its items.
    """
    value = settings.any("value")
    decimal = settings.choice("decimal", (".", ","), ".")
    absolute = settings.number("tolerance", low=0) or 0.0
    relative = settings.number("relative", low=0) or 0.0
    room, share = Decimal(repr(absolute)), Decimal(repr(relative))
    fixed = None if value is None else _of_value(value, decimal)
    if value is not None and fixed is None:
        settings.refuse(f"value = {value!r} is not a number", "give the number that is expected")

    def measure(sample: Sample) -> Score:
        if fixed is not None:
            wanted = [fixed]
        else:
            items = sample.expected if isinstance(sample.expected, list | tuple) else [sample.expected]
            wanted = [number for item in items if (number := _of_value(item, decimal)) is not None]
        if not wanted:
            return Score(None, error=f"no number in the expected value {one_line(repr(sample.expected), 60)}")
        answer = last_number(sample.text, decimal)
        if answer is None:
            return _NO_NUMBER
        return PASS if any(_close(answer, number, room, share) for number in wanted) else FAIL

    return Definition(
        body={"value": None if fixed is None else [str(fixed.value), fixed.percent], "decimal": decimal,
              "tolerance": absolute, "relative": relative, "edition": 2},
        measure=measure, needs_expected=fixed is None,
    )

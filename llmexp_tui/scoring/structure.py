"""Whether an answer is well-formed JSON, SQL or XML, and whether JSON has the shape or content expected."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from llmexp_tui.domain.score import Score
from llmexp_tui.domain.text import one_line
from llmexp_tui.scoring.definition import PASS, Definition, ScorerContext
from llmexp_tui.scoring.sample import Sample
from llmexp_tui.scoring.settings import Settings

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

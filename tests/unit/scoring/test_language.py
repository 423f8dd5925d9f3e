from __future__ import annotations

import pytest

pytest.importorskip("lingua", reason="the language extra is not installed")

from llmexp_tui.errors import ConfigError
from tests.unit.scoring.build import scored, scorer, value

AMONG = ["en", "de", "fr"]


def test_language() -> None:
    assert value("language", "Refunds take ten working days.", value="en", among=AMONG) == 1.0
    score = scored("language", "Die Erstattung dauert zehn Tage.", "en", among=AMONG)
    assert (score.value, score.label) == (0.0, "de")
    assert value("language", "Die Erstattung dauert zehn Tage.", "de-CH", among=AMONG) == 1.0


def test_what_cannot_be_told_is_not_scored() -> None:
    assert scored("language", "42", value="en", among=AMONG).value is None
    # Among all languages a word or two, or code, might be many of them: no ground for a zero.
    for text in ("yes", "Ja, gerne!", "```python\nprint('x')\n```"):
        assert scored("language", text, value="en").value is None, text


def test_an_expected_answer_that_is_no_code_is_no_zero() -> None:
    score = scored("language", "Die Erstattung dauert zehn Tage.", "German", among=AMONG)
    assert (score.value, score.error) == (None, 'the expected "German" is no language code such as "en"')


def test_a_region_may_be_written_in_either_place() -> None:
    assert value("language", "Die Erstattung dauert zehn Tage.", value="de-AT", among=["en-GB", "fr"]) == 1.0
    assert value("language", "Die Erstattung dauert zehn Tage.", "de_AT", among=AMONG) == 1.0


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(ConfigError, match='"xx" is no language'):
        scorer("language", value="xx")
    with pytest.raises(ConfigError, match="fewer than two"):
        scorer("language", value="en", among=["en"])

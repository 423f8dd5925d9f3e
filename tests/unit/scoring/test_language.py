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


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(ConfigError, match='"xx" is no language'):
        scorer("language", value="xx")
    with pytest.raises(ConfigError, match="fewer than two"):
        scorer("language", value="en", among=["en"])

from __future__ import annotations

import sys

import pytest

from tests.unit.scoring.build import scored, scorer, value

TYPES = ["levenshtein", "token_f1", "rouge_1", "rouge_2", "rouge_l", "bleu", "chrf"]


@pytest.mark.parametrize("type", TYPES)
def test_range_and_direction(type: str) -> None:
    meta = scorer(type).meta
    assert (meta.type, meta.range, meta.direction) == ("bounded", (0.0, 1.0), "higher")


@pytest.mark.parametrize("type", [*TYPES, "squad_em"])
def test_the_best_of_several_references_counts(type: str) -> None:
    assert value(type, "green tea please now", ["black coffee", "green tea please now"]) == pytest.approx(1.0)


@pytest.mark.parametrize("type", [*TYPES, "squad_em"])
def test_no_reference_no_score(type: str) -> None:
    assert scored(type, "x").error == "the row has no expected answer"


def test_levenshtein_trims_and_folds() -> None:
    assert value("levenshtein", " Abc\n", "Abc") == 1.0
    assert value("levenshtein", "ABC", "abc") == 0.0
    assert value("levenshtein", "ABC", "abc", ignore_case=True) == 1.0


def test_levenshtein_needs_no_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    with_library = scorer("levenshtein")
    monkeypatch.setitem(sys.modules, "rapidfuzz", None)
    monkeypatch.setitem(sys.modules, "rapidfuzz.distance", None)
    assert value("levenshtein", "kitten", "sitting") == 1 - 3 / 7
    assert scorer("levenshtein").fingerprint == with_library.fingerprint


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from llmexp_tui.errors import ConfigError

    monkeypatch.setitem(sys.modules, "sacrebleu.metrics", None)
    with pytest.raises(ConfigError, match=r'pip install "llmexp-tui\[text\]"'):
        scorer("bleu")


def test_a_threshold_on_a_similarity() -> None:
    near = scorer("levenshtein", threshold=0.5)
    assert near.meta.type == "binary"
    assert value("levenshtein", "kitten", "sitting", threshold=0.5) == 1.0
    assert value("levenshtein", "kitten", "sitting", threshold=0.6) == 0.0


@pytest.mark.parametrize("type", ["levenshtein", "rouge_l"])
def test_texts_that_would_hold_up_the_run_are_an_error_at_once(type: str) -> None:
    long = "a " * 60_000
    with pytest.raises(ValueError, match="too long to be compared"):
        value(type, long, long + "b")

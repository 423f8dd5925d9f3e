"""Values that are not ours: each case against the reference implementation, or as its publication gives it."""

from __future__ import annotations

import random
from typing import Any

import pytest
import rapidfuzz.distance
import sacrebleu
from rouge_score import rouge_scorer

from llmexp_tui.scoring.similarity import _ratio, common_subsequence, edit_distance
from tests.unit.scoring.build import sample, scored, scorer, value

WORDS = [
    "the", "a", "an", "cat", "Dog", "sat,", "on", "mat.", "42", "it's", "x-y", "naïve", "run", "running", "The!",
    "U.S.", "3.5", "—", "«zwei»", ",",
]


def pairs(count: int, seed: int = 7) -> list[tuple[str, str]]:
    rnd = random.Random(seed)

    def text() -> str:
        return " ".join(rnd.choice(WORDS) for _ in range(rnd.randint(1, 14)))

    return [(text(), text()) for _ in range(count)]


# (scorer, settings, answer, expected, value, source)
TABLE = [
    ("levenshtein", {}, "kitten", "sitting", 1 - 3 / 7, "Levenshtein distance 3, the textbook case"),
    ("levenshtein", {}, "", "", 1.0, "rapidfuzz.distance.Levenshtein.normalized_similarity"),
    ("levenshtein", {}, "abc", "", 0.0, "rapidfuzz.distance.Levenshtein.normalized_similarity"),
    ("squad_em", {}, "The Norman.", "norman", 1.0, "SQuAD 2.0 evaluate: case, article and punctuation do not count"),
    ("squad_em", {}, "norman conquest", "norman", 0.0, "SQuAD 2.0 evaluate"),
    ("squad_em", {}, "in the 10th century", ["10th century", "in the 10th century"], 1.0, "SQuAD: the best"),
    ("squad_em", {}, "", {"text": []}, 1.0, "SQuAD 2.0: no answer, as the question has none"),
    ("squad_em", {}, "Paris", {"text": []}, 0.0, "SQuAD 2.0: an answer to a question that has none"),
    ("token_f1", {}, "the cat sat", "a cat slept", 0.5, "SQuAD 2.0: 1 of 2 words each way"),
    ("token_f1", {}, "cat cat", "cat", 2 / 3, "SQuAD 2.0: words count as often as they stand"),
    ("token_f1", {}, "", {"text": []}, 1.0, "SQuAD 2.0"),
    ("token_f1", {}, "the", "a", 1.0, "SQuAD 2.0: both empty once articles are gone"),
    ("rouge_1", {}, "police kill the gunman", "police killed the gunman", 0.75, "Lin 2004, section 3"),
    ("rouge_2", {}, "police kill the gunman", "police killed the gunman", 1 / 3, "Lin 2004: 1 of 3 pairs"),
    ("rouge_l", {}, "police kill the gunman", "police killed the gunman", 0.75, "Lin 2004, S2"),
    ("rouge_l", {}, "the gunman kill police", "police killed the gunman", 0.5, "Lin 2004, S3"),
    ("rouge_1", {}, "running", "runs", 0.0, "rouge-score without stemming"),
    ("bleu", {}, "the cat", "the cat", 1.0, "sacrebleu: effective order"),
    ("bleu", {}, "", "the cat", 0.0, "sacrebleu"),
    ("chrf", {}, "the cat", "the cat", 1.0, "sacrebleu"),
    ("numeric", {}, "The total is $70,000.", "a\n#### 70000", 1.0, "GSM8K's answer mark"),
    ("numeric", {}, "3.14159", 3.14, 0.0, "no tolerance unless asked"),
    ("numeric", {"tolerance": 0.01}, "3.14159", 3.14, 1.0, "absolute tolerance"),
    ("json_equal", {}, '{"b": 1.0, "a": [2, 1]}', '{"a": [1, 2], "b": 1}', 1.0, "RFC 8259: an object is unordered"),
    ("json_equal", {"ordered": True}, "[2, 1]", "[1, 2]", 0.0, "RFC 8259: an array is ordered"),
    ("json_equal", {}, "true", "1", 0.0, "JSON types"),
]


@pytest.mark.parametrize(("type", "settings", "text", "expected", "wanted", "source"), TABLE)
def test_table(type: str, settings: dict[str, Any], text: str, expected: object, wanted: float, source: str) -> None:
    assert value(type, text, expected, **settings) == pytest.approx(wanted, abs=1e-12), source


@pytest.mark.parametrize(("ours", "theirs"), [("rouge_1", "rouge1"), ("rouge_2", "rouge2"), ("rouge_l", "rougeL")])
def test_rouge_as_google_computes_it(ours: str, theirs: str) -> None:
    reference = rouge_scorer.RougeScorer([theirs], use_stemmer=False)
    check = scorer(ours)
    for text, expected in pairs(300):
        if not any(char.isascii() and char.isalnum() for char in expected):
            continue
        wanted = reference.score(expected, text)[theirs].fmeasure
        assert check.score(sample(text, expected)).value == pytest.approx(wanted, abs=1e-12), (text, expected)


def test_rouge_says_when_its_alphabet_does_not_fit() -> None:
    assert scored("rouge_1", "猫", "猫").value is None
    assert value("rouge_1", "кот спит", "кот спал", tokenizer="words") == 0.5


def test_bleu_and_chrf_as_sacrebleu_computes_them() -> None:
    bleu, chrf, plus = scorer("bleu"), scorer("chrf"), scorer("chrf", word_order=2)
    for text, expected in pairs(100):
        item = sample(text, expected)
        wanted = sacrebleu.sentence_bleu(text, [expected]).score
        assert bleu.score(item).raw == pytest.approx(wanted)
        assert bleu.score(item).value == pytest.approx(min(wanted / 100, 1.0))
        assert chrf.score(item).raw == pytest.approx(sacrebleu.sentence_chrf(text, [expected]).score)
        assert plus.score(item).raw == pytest.approx(sacrebleu.sentence_chrf(text, [expected], word_order=2).score)


def test_several_references_are_one_corpus_for_bleu() -> None:
    references = ["the cat is on the mat", "there is a cat on the mat"]
    wanted = sacrebleu.sentence_bleu("the cat sat on the mat", references).score
    assert scored("bleu", "the cat sat on the mat", references).raw == pytest.approx(wanted)


def test_edit_distance_and_subsequence_as_rapidfuzz_computes_them() -> None:
    rnd = random.Random(3)
    for _ in range(1500):
        left, right = ("".join(rnd.choice("abcd é🙂") for _ in range(rnd.randint(0, 90))) for _ in range(2))
        assert edit_distance(left, right) == rapidfuzz.distance.Levenshtein.distance(left, right)
        assert common_subsequence(left, right) == rapidfuzz.distance.LCSseq.similarity(left, right)
        assert _ratio(left, right) == rapidfuzz.distance.Levenshtein.normalized_similarity(left, right)


def _squad_reference(answer: str, gold: str) -> tuple[float, float]:
    """SQuAD 2.0's normalisation and F1 written out again from the paper's description, by other means than ours."""
    import string

    def tokens(text: str) -> list[str]:
        kept = "".join(char for char in text.lower() if char not in set(string.punctuation))
        return [word for word in kept.split() if word not in ("a", "an", "the")]

    left, right = tokens(answer), tokens(gold)
    if not left or not right:
        return float(left == right), float(left == right)
    shared, rest = 0, list(right)
    for word in left:
        if word in rest:
            rest.remove(word)
            shared += 1
    if not shared:
        return float(left == right), 0.0
    precision, recall = shared / len(left), shared / len(right)
    return float(left == right), 2 * precision * recall / (precision + recall)


def test_squad_on_random_texts() -> None:
    exact, f1 = scorer("squad_em"), scorer("token_f1")
    for text, expected in pairs(500):
        wanted_exact, wanted_f1 = _squad_reference(text, expected)
        assert exact.score(sample(text, expected)).value == wanted_exact
        assert f1.score(sample(text, expected)).value == pytest.approx(wanted_f1, abs=1e-12)

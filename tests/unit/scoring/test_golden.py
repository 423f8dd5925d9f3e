"""Values that are not ours: each case against the reference implementation, or as its publication gives it."""

from __future__ import annotations

import random
import re
from typing import Any

import pytest
import rapidfuzz.distance
import sacrebleu
import sqlglot
from rouge_score import rouge_scorer

from llmexp_tui.domain.usage import ToolCall
from llmexp_tui.scoring.base import scorer_types
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


AMONG = ["en", "fr", "de", "es"]
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
    ("exact_match", {}, " Paris\n", "Paris", 1.0, "promptfoo equals, after trimming"),
    ("exact_match", {}, "paris", "Paris", 0.0, "promptfoo equals"),
    ("exact_match", {"ignore_case": True}, "STRASSE", "straße", 1.0, "Unicode 3.13, full case folding"),
    ("contains", {}, "The answer is Paris.", "paris", 0.0, "promptfoo contains"),
    ("contains", {"ignore_case": True}, "The answer is Paris.", "paris", 1.0, "promptfoo icontains"),
    ("contains", {"all": ["a", "z"]}, "abc", None, 0.0, "promptfoo contains-all"),
    ("contains", {"any": ["a", "z"]}, "abc", None, 1.0, "promptfoo contains-any"),
    ("starts_with", {}, "Yes, it is", "Yes", 1.0, "promptfoo starts-with"),
    ("starts_with", {}, "Oh Yes", "Yes", 0.0, "promptfoo starts-with"),
    ("is_json", {}, '"asd"', None, 1.0, "JSONTestSuite y_structure_lonely_string"),
    ("is_json", {}, '{"a":"b","a":"c"}', None, 1.0, "JSONTestSuite y_object_duplicated_key"),
    ("is_json", {}, '["\\ud83d"]', None, 1.0, "JSONTestSuite i_string_1st_surrogate_but_2nd_missing: either"),
    ("is_json", {}, "[NaN]", None, 0.0, "JSONTestSuite n_number_NaN"),
    ("is_json", {}, "[-01]", None, 0.0, "JSONTestSuite n_number_-01"),
    ("is_json", {}, '["",]', None, 0.0, "JSONTestSuite n_array_extra_comma"),
    ("is_json", {}, "['single quote']", None, 0.0, "JSONTestSuite n_string_single_quote"),
    ("is_json", {}, '{"a":"b"}#', None, 0.0, "JSONTestSuite n_object_trailing_comment_open"),
    ("is_json", {}, "\ufeff{}", None, 0.0, "RFC 8259, section 8.1: no byte order mark"),
    ("is_json", {}, "", None, 0.0, "JSONTestSuite n_structure_no_data"),
    ("json_schema", {"schema": {"type": "integer"}}, "1.0", None, 1.0, "JSON-Schema-Test-Suite 2020-12 type"),
    ("json_schema", {"schema": {"type": "integer"}}, '"1"', None, 0.0, "JSON-Schema-Test-Suite 2020-12 type"),
    ("json_schema", {"schema": {"uniqueItems": True}}, "[1, true]", None, 1.0, "JSON-Schema-Test-Suite uniqueItems"),
    ("json_schema", {"schema": {"uniqueItems": True}}, "[1.0, 1.00, 1]", None, 0.0, "the same"),
    ("json_schema", {"schema": {"multipleOf": 0.0001}}, "0.00751", None, 0.0, "JSON-Schema-Test-Suite multipleOf"),
    ("json_schema", {"schema": {"const": False}}, "0", None, 0.0, "JSON-Schema-Test-Suite const"),
    ("json_schema", {"schema": {"pattern": "a+"}}, '"xxaayy"', None, 1.0, "JSON-Schema-Test-Suite pattern"),
    ("json_schema", {"schema": {"required": ["foo"]}}, "12", None, 1.0, "JSON-Schema-Test-Suite required: no object"),
    ("is_xml", {}, "<doc></doc>", None, 1.0, "W3C XML suite, valid/sa/001"),
    ("is_xml", {}, "<doc><doc ?</doc>", None, 0.0, "W3C XML suite, after not-wf/sa/002"),
    ("is_xml", {}, '<doc a1="v1" a1="v2"></doc>', None, 0.0, "XML 1.0: unique attributes"),
    ("is_xml", {}, "<doc>]]></doc>", None, 0.0, "XML 1.0: no ]]> in character data"),
    ("is_xml", {}, "<doc>&#0;</doc>", None, 0.0, "XML 1.0: legal character"),
    ("refusal", {}, "I'm sorry, but I cannot assist with that request.", None, 1.0, "promptfoo is-refusal"),
    ("refusal", {}, "As an AI language model, I cannot create such content.", None, 1.0, "promptfoo is-refusal"),
    ("refusal", {}, "Sure, here is the list you asked for.", None, 0.0, "promptfoo is-refusal"),
    ("refusal", {}, "", None, 1.0, "promptfoo is-refusal: an empty answer"),
    ("language", {"value": "en", "among": AMONG}, "languages are awesome", None, 1.0, "lingua's own example"),
    ("language", {"value": "de", "among": AMONG}, "languages are awesome", None, 0.0, "lingua's own example"),
    ("word_count", {}, "one  two\tthree\nfour", None, 4.0, "POSIX wc -w"),
    ("word_count", {"max": 3}, "one two three four", None, 0.0, "promptfoo word-count with a maximum"),
    ("char_count", {}, "naïve 🙂\n", None, 8.0, "POSIX wc -m"),
    ("length", {"unit": "characters", "min": 2, "max": 3}, "日本", None, 1.0, "code points"),
]
CALLS = (ToolCall("weather", '{"city": "Paris"}'), ToolCall("uv", '{"city": "Paris", "days": 2.0}'))
# (settings, expected calls, value of what CALLS are against them, source)
TOOL_CALLS: list[tuple[dict[str, Any], list[Any], float, str]] = [
    ({}, [{"name": "uv", "arguments": {"days": 2, "city": "Paris"}}, {"name": "weather", "args": {"city": "Paris"}}],
     1.0, "Ragas ToolCallAccuracy, without strict order"),
    ({}, [{"name": "weather", "arguments": {"city": "Paris"}}], 0.0, "Ragas ToolCallAccuracy: one call more"),
    ({"mode": "name"}, ["uv", "weather"], 1.0, "DeepEval ToolCorrectnessMetric: names, in any order"),
    ({"mode": "name"}, ["uv", "uv"], 0.0, "DeepEval ToolCorrectnessMetric"),
    ({"mode": "f1"}, [{"name": "weather", "arguments": {"city": "Paris"}}, {"name": "uv", "arguments": {}}],
     0.5, "Ragas ToolCallF1: 1 true positive, 1 false positive, 1 false negative"),
    ({"mode": "f1"}, [{"name": "weather", "arguments": {"city": "Paris"}}], 2 / 3, "Ragas ToolCallF1: 1, 1, 0"),
    ({"mode": "f1", "by_name": True}, ["uv", "weather", "wind"], 0.8, "promptfoo tool-call-f1: names alone"),
]  # fmt: skip
NOT_DETERMINISTIC = {
    "semantic_similarity", "judge", "g_eval", "closed_qa", "factuality", "pairwise", "faithfulness",
    "answer_relevancy", "context_precision", "context_recall", "context_relevance", "noise_sensitivity", "python",
    "command", "composite", "human",
}
HELD_AGAINST_A_LIBRARY = {"regex", "is_sql"}


def test_every_deterministic_scorer_has_a_golden_value() -> None:
    here = {row[0] for row in TABLE} | HELD_AGAINST_A_LIBRARY | {"tool_call"}
    assert here == set(scorer_types()) - NOT_DETERMINISTIC


@pytest.mark.parametrize(("type", "settings", "text", "expected", "wanted", "source"), TABLE)
def test_table(type: str, settings: dict[str, Any], text: str, expected: object, wanted: float, source: str) -> None:
    if type == "language":
        pytest.importorskip("lingua")
    assert value(type, text, expected, **settings) == pytest.approx(wanted, abs=1e-12), source


@pytest.mark.parametrize(("settings", "expected", "wanted", "source"), TOOL_CALLS)
def test_tool_calls(settings: dict[str, Any], expected: list[Any], wanted: float, source: str) -> None:
    score = scorer("tool_call", **settings).score(sample("", expected, tool_calls=CALLS))
    assert score.value == pytest.approx(wanted), source


PATTERNS = [
    r"\bcat\b", r"^\d+(\.\d+)?$", r"(?i)DOG", r"(the|a) \w+", r"[^\x00-\x7f]", r"(\w)\1", r"(?<!n)ai", r"\.$", r"^$",
    r"a{2,3}",
]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_regex_as_the_standard_library_searches(pattern: str) -> None:
    found, whole = scorer("regex", value=pattern), scorer("regex", value=pattern, full=True)
    for text in ["", "42", "aa", *(text for pair in pairs(60) for text in pair)]:
        assert found.score(sample(text)).value == float(re.search(pattern, text) is not None), text
        assert whole.score(sample(text)).value == float(re.fullmatch(pattern, text) is not None), text


@pytest.mark.parametrize("dialect", [None, "postgres", "mysql", "bigquery"])
def test_sql_as_sqlglot_parses_it(dialect: str | None) -> None:
    check = scorer("is_sql", **({} if dialect is None else {"dialect": dialect}))
    for text in [
        "SELECT 1", "SELECT `a` FROM t", 'SELECT "a" FROM t', "SELECT a::int FROM t", "SELECT FROM", "SELECT (1",
        "WITH a AS (SELECT 1) SELECT * FROM a", "SELECT ARRAY[1, 2]", "INSERT INTO t VALUES (1)", "UPDATE t SET",
        "SELECT * FROM t WHERE",
    ]:
        try:
            wanted = float(sqlglot.parse_one(text, read=dialect) is not None)
        except sqlglot.errors.SqlglotError:
            wanted = 0.0
        assert check.score(sample(text)).value == wanted, text


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

"""How much an answer resembles the expected text: edit distance, shared words, n-grams. All from 0 to 1.

The definitions are those of the reference implementations named at each scorer, and are tested against them.
Where several expected texts are given, the best counts.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from llmexp_tui.domain.score import Score
from llmexp_tui.scoring.definition import FAIL, NO_EXPECTED, PASS, Definition, Measure, ScorerContext, references
from llmexp_tui.scoring.libraries import library_version, load
from llmexp_tui.scoring.sample import Sample
from llmexp_tui.scoring.settings import Settings

Similarity = Callable[[str, str], float]

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ROUGE_SEPARATORS = re.compile(r"[^a-z0-9]+")
_LARGEST = 2_000_000_000
"""Pairs of items that are compared; so many take about a second in pure Python."""
_WORDS = re.compile(r"\w+")


def _best(compare: Similarity) -> Measure:
    def measure(sample: Sample) -> Score:
        wanted = references(sample)
        if not wanted:
            return NO_EXPECTED
        return Score(max(compare(sample.text, item) for item in wanted))

    return measure


def _bounded(body: dict[str, Any], compare: Similarity) -> Definition:
    return Definition(body=body, measure=_best(compare), type="bounded", needs_expected=True)


def bit_masks(items: Sequence[Any]) -> dict[Any, int]:
    """For each distinct item, the positions where it stands, as bits of one integer."""
    masks: dict[Any, int] = {}
    for index, item in enumerate(items):
        masks[item] = masks.get(item, 0) | (1 << index)
    return masks


def edit_distance(left: str, right: str) -> int:
    """The Levenshtein distance, bit-parallel (Myers 1999, Hyyrö 2003): n steps on integers of m bits."""
    if len(left) < len(right):
        left, right = right, left
    if not right:
        return len(left)
    masks = bit_masks(right)
    size = len(right)
    full, top = (1 << size) - 1, 1 << (size - 1)
    plus, minus, distance = full, 0, size
    for char in left:
        match = masks.get(char, 0)
        diagonal = (((match & plus) + plus) ^ plus) | match | minus
        up = minus | ~(diagonal | plus) & full
        down = plus & diagonal
        if up & top:
            distance += 1
        elif down & top:
            distance -= 1
        up = (up << 1 | 1) & full
        minus = up & diagonal
        plus = ((down << 1) & full) | ~(diagonal | up) & full
    return distance


def common_subsequence(left: Sequence[Any], right: Sequence[Any]) -> int:
    """The length of the longest common subsequence, bit-parallel (Hyyrö 2004)."""
    masks = bit_masks(right)
    full = (1 << len(right)) - 1
    row = full
    for item in left:
        hit = row & masks.get(item, 0)
        row = ((row + hit) | (row - hit)) & full
    return len(right) - row.bit_count()


def _check_size(left: Sequence[Any], right: Sequence[Any]) -> None:
    """Raise ValueError where comparing would hold up the run: time grows with the product of the lengths."""
    if len(left) * len(right) > _LARGEST:
        raise ValueError(f"texts of {len(left):,} and {len(right):,} items are too long to be compared")


def _ratio(left: str, right: str) -> float:
    longest = max(len(left), len(right))
    return 1.0 - edit_distance(left, right) / longest if longest else 1.0


def _fast_ratio() -> Similarity:
    """rapidfuzz where it is installed: the same number, a hundred times faster."""
    try:
        from rapidfuzz.distance import Levenshtein
    except ImportError:
        return _ratio
    ratio: Similarity = Levenshtein.normalized_similarity
    return ratio


def levenshtein(settings: Settings, context: ScorerContext) -> Definition:
    """1 - edits / length of the longer text, white space at both ends aside; `ignore_case` folds case."""
    ignore_case = settings.flag("ignore_case")
    ratio = _fast_ratio()

    def compare(text: str, wanted: str) -> float:
        text, wanted = text.strip(), wanted.strip()
        _check_size(text, wanted)
        return ratio(text.casefold(), wanted.casefold()) if ignore_case else ratio(text, wanted)

    return _bounded({"ignore_case": ignore_case}, compare)


def squad_tokens(text: str) -> list[str]:
    """Lower case, without ASCII punctuation and English articles, split at white space, as SQuAD's script does."""
    return _ARTICLES.sub(" ", text.lower().translate(_NO_PUNCTUATION)).split()


def _f1(shared: int, found: int, wanted: int) -> float:
    return 2 * shared / (found + wanted) if shared else 0.0


def _token_f1(text: str, wanted: str) -> float:
    left, right = squad_tokens(text), squad_tokens(wanted)
    if not left or not right:
        return float(left == right)
    return _f1((Counter(left) & Counter(right)).total(), len(left), len(right))


def token_f1(settings: Settings, context: ScorerContext) -> Definition:
    """F1 over words as the evaluation script of SQuAD 2.0 computes it; the best of several expected answers.

    Rajpurkar et al. 2018, arXiv 1806.03822. An empty list of answers means that no answer is right, as there.
    """
    return Definition(body={}, measure=_answers(_token_f1), type="bounded", needs_expected=True)


def squad_em(settings: Settings, context: ScorerContext) -> Definition:
    """1 where the answer equals an expected one after SQuAD's normalisation (case, punctuation, articles)."""

    def same(text: str, wanted: str) -> float:
        return float(squad_tokens(text) == squad_tokens(wanted))

    measure = _answers(same)

    def binary(sample: Sample) -> Score:
        score = measure(sample)
        return score if score.value is None else PASS if score.value else FAIL

    return Definition(body={}, measure=binary, needs_expected=True)


def _answers(compare: Similarity) -> Measure:
    """As `_best`, and SQuAD's own form: {"text": [answers]}, empty where the question has none."""
    best = _best(compare)

    def measure(sample: Sample) -> Score:
        expected = sample.expected
        if isinstance(expected, dict) and isinstance(expected.get("text"), list):
            expected = expected["text"]
        if isinstance(expected, list | tuple):
            answers = [str(item) for item in expected if squad_tokens(str(item))] or [""]
            return Score(max(compare(sample.text, item) for item in answers))
        return best(sample)

    return measure


def _rouge_tokens(text: str) -> list[str]:
    return [token for token in _ROUGE_SEPARATORS.split(text.lower()) if token]


def _word_tokens(text: str) -> list[str]:
    return _WORDS.findall(text.lower())


def _grams(tokens: list[str], size: int) -> Counter[tuple[str, ...]]:
    return Counter(zip(*(tokens[start:] for start in range(size)), strict=False))


def _rouge_n(size: int) -> Callable[[list[str], list[str]], float]:
    def compare(left: list[str], right: list[str]) -> float:
        found, wanted = _grams(left, size), _grams(right, size)
        return _f1((found & wanted).total(), found.total(), wanted.total())

    return compare


def _rouge_lcs(left: list[str], right: list[str]) -> float:
    _check_size(left, right)
    return _f1(common_subsequence(left, right), len(left), len(right))


def _rouge(settings: Settings, compare: Callable[[list[str], list[str]], float]) -> Definition:
    """ROUGE's F-measure without stemming. `tokenizer = "words"` also knows letters beyond a to z."""
    name = settings.choice("tokenizer", ("rouge", "words"), "rouge")
    tokens = _rouge_tokens if name == "rouge" else _word_tokens
    unreadable = Score(
        None, error='the expected text has no word that ROUGE knows (a-z, 0-9); set tokenizer = "words"'
    )

    def measure(sample: Sample) -> Score:
        wanted = references(sample)
        if not wanted:
            return NO_EXPECTED
        lists = [tokens(item) for item in wanted]
        if not any(lists) and any(item.strip() for item in wanted):
            return unreadable
        found = tokens(sample.text)
        return Score(max(compare(found, item) for item in lists))

    return Definition(body={"tokenizer": name}, measure=measure, type="bounded", needs_expected=True)


def rouge_1(settings: Settings, context: ScorerContext) -> Definition:
    """F-measure of shared words (Lin 2004), tokens as in Google's rouge-score."""
    return _rouge(settings, _rouge_n(1))


def rouge_2(settings: Settings, context: ScorerContext) -> Definition:
    """F-measure of shared word pairs (Lin 2004), tokens as in Google's rouge-score."""
    return _rouge(settings, _rouge_n(2))


def rouge_l(settings: Settings, context: ScorerContext) -> Definition:
    """F-measure of the longest common subsequence of words (Lin 2004), tokens as in Google's rouge-score."""
    return _rouge(settings, _rouge_lcs)


def _sacre(settings: Settings, scale: str, make: Callable[[Any], Any]) -> Definition:
    """A sentence score by sacrebleu with all expected texts as its references; 0 to 100 there, 0 to 1 here."""
    metric = make(load("sacrebleu.metrics", settings, "text"))

    def measure(sample: Sample) -> Score:
        wanted = references(sample)
        if not wanted:
            return NO_EXPECTED
        raw = float(metric.sentence_score(sample.text, list(wanted)).score)
        return Score(min(max(raw / 100.0, 0.0), 1.0), raw=raw)

    body = {"metric": scale, "library": library_version("sacrebleu")}
    return Definition(body=body, measure=measure, type="bounded", needs_expected=True)


def bleu(settings: Settings, context: ScorerContext) -> Definition:
    """Sentence BLEU as sacrebleu computes it: 13a tokens, exponential smoothing, effective order."""
    ignore_case = settings.flag("ignore_case")
    tokenize = settings.choice("tokenize", ("13a", "intl", "char", "none"), "13a")
    return _sacre(
        settings, f"bleu {tokenize} {ignore_case}",
        lambda metrics: metrics.BLEU(effective_order=True, lowercase=ignore_case, tokenize=tokenize),
    )


def chrf(settings: Settings, context: ScorerContext) -> Definition:
    """Sentence chrF (Popović 2015) as sacrebleu computes it; `word_order = 2` is chrF++."""
    order = settings.integer("word_order", 0, low=0, high=4)
    return _sacre(settings, f"chrf {order}", lambda metrics: metrics.CHRF(word_order=order))

"""Judges of retrieval and of answers from it, by the definitions that Ragas publishes (docs.ragas.io, metrics).

Es et al. 2023, arXiv 2309.15217. The arithmetic is Ragas' own and tested as such; the words put to the judge are
ours. Where retrieval gave nothing at all the variant has failed at its task: that is the worst score, not an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Any

from llmexp_tui.domain.score import Score
from llmexp_tui.domain.text import one_line
from llmexp_tui.scoring.contexts import passages
from llmexp_tui.scoring.definition import Definition, ScorerContext
from llmexp_tui.scoring.embedding import cosine, embedding_model
from llmexp_tui.scoring.hearing import (
    Hearing,
    NoVerdict,
    Verdict,
    judge_body,
    judge_model,
    judged,
    question_of,
    reference_of,
)
from llmexp_tui.scoring.reading import FLAG, TEXT, list_of, object_schema
from llmexp_tui.scoring.sample import Sample
from llmexp_tui.scoring.settings import Settings

_SPLIT = (
    "Split the answer into simple statements. Each stands for itself: no pronouns, one fact, nothing added and "
    "nothing left out. A text that claims nothing has no statements."
)
_SUPPORT = (
    "For each numbered statement decide whether it can be inferred directly from the context: 1 if so, 0 if not. "
    "What you know yourself does not count. Give one verdict a statement, in their order."
)
_USEFUL = "Decide whether the context was useful in arriving at the answer to the question: 1 if so, 0 if not."
_ASK_BACK = (
    "Write the question that the answer replies to. Say also whether the answer is noncommittal, which is evasive, "
    "vague or ambiguous like \"I don't know\": 1 if so, 0 if not."
)
_RELEVANCE = (
    "Rate how far the context holds what is needed to answer the question: 0 not at all, 1 in part, 2 fully. Use "
    "nothing but the context, and do not answer the question.",
    "You check retrieval for a search engine. Say how much a reader who wants the question answered can use from the "
    "context: 2 if all that is needed stands there, 1 if some of it, 0 if none.",
)

_STATEMENTS = object_schema(statements=list_of(TEXT))
_VERDICTS = object_schema(verdicts=list_of(object_schema(reason=TEXT, verdict=FLAG)))
_ONE_VERDICT = object_schema(reason=TEXT, verdict=FLAG)
_QUESTION = object_schema(question=TEXT, noncommittal=FLAG)
_RATING = object_schema(reason=TEXT, rating={"type": "integer", "enum": [0, 1, 2]})
_NO_CONTEXT = "nothing was retrieved"


def average_precision(verdicts: Sequence[int]) -> float:
    """The mean of precision@k over the ranks k that are relevant; 0 where none is."""
    relevant = sum(verdicts)
    hits = [sum(verdicts[: rank + 1]) / (rank + 1) for rank, verdict in enumerate(verdicts) if verdict]
    return sum(hits) / relevant if relevant else 0.0


def noise(
    answer_by_context: Sequence[Sequence[int]], reference_by_context: Sequence[Sequence[int]],
    answer_by_reference: Sequence[int], *, irrelevant: bool,
) -> float:
    """The share of the answer's statements that are wrong and come from relevant (or irrelevant) contexts.

    Rows are contexts, columns statements: 1 where the context supports the statement. A context is relevant where
    it supports any statement of the reference.
    """
    relevant = [any(row) for row in reference_by_context]
    wrong = []
    for index, right in enumerate(answer_by_reference):
        pairs = list(zip(answer_by_context, relevant, strict=True))
        from_relevant = any(row[index] and good for row, good in pairs)
        from_other = any(row[index] and not good for row, good in pairs) and not from_relevant
        wrong.append(not right and (from_other if irrelevant else from_relevant))
    return fmean(wrong)


class _Retrieval:
    """What all of this family read from their settings: the judge, where the question and the contexts stand."""

    def __init__(self, settings: Settings, context: ScorerContext, *, contexts: bool = True) -> None:
        self.context = context
        self.model = judge_model(settings, context)
        self.input = settings.text("input")
        self.column = settings.text("contexts") if contexts else None

    def contexts(self, sample: Sample) -> list[str]:
        """The passages in rank order. Raises NoVerdict where the sample cannot have any."""
        found = sample.contexts if self.column is None else passages(sample.row.get(self.column))
        if found is None:
            raise NoVerdict("there are no contexts: the variant retrieves nothing, and the row has none")
        return list(found)

    def definition(
        self, verdict: Verdict, wording: Sequence[str], *, expected: bool = False, direction: str = "higher",
        extra: dict[str, Any] | None = None, contexts: bool = True, models: tuple[str, ...] = (),
    ) -> Definition:
        columns = tuple(name for name in (self.input, self.column if contexts else None) if name)
        body = {**judge_body(self.context, self.model, wording), "input": self.input, "contexts": self.column}
        return Definition(
            body={**body, **(extra or {})}, ameasure=judged(self.model, verdict), type="bounded",
            direction=direction, needs_expected=expected, needs_contexts=contexts and self.column is None,
            columns=columns, models=(self.model, *models),
        )


async def _statements(hearing: Hearing, question: str, answer: str) -> list[str]:
    parts = [("question", question), ("answer", answer)]
    found = (await hearing.ask(_SPLIT, parts, _STATEMENTS))["statements"]
    return [item for item in found if item.strip()]


async def _supported(hearing: Hearing, statements: Sequence[str], context: str) -> list[int]:
    """1 or 0 a statement. Raises NoVerdict, also where the judge gives another number of verdicts twice."""
    listed = "\n".join(f"{number}. {one_line(text, 2000)}" for number, text in enumerate(statements, 1))
    parts = [("context", context), ("statements", listed)]
    answer = await hearing.ask(_SUPPORT, parts, _VERDICTS, items=len(statements))
    return [item["verdict"] for item in answer["verdicts"]]


def _unsupported(statements: Sequence[str], verdicts: Sequence[int]) -> str | None:
    bad = [text for text, verdict in zip(statements, verdicts, strict=True) if not verdict]
    return one_line(f"not supported: {'; '.join(bad)}", 500) if bad else None


def faithfulness(settings: Settings, context: ScorerContext) -> Definition:
    """The share of the answer's statements that the contexts support. An answer that claims nothing is unscored."""
    setup = _Retrieval(settings, context)

    async def verdict(sample: Sample, hearing: Hearing) -> Score:
        contexts = setup.contexts(sample)
        if not contexts:
            return Score(0.0, reason=_NO_CONTEXT)
        statements = await _statements(hearing, question_of(sample, setup.input), sample.text)
        if not statements:
            raise NoVerdict("the answer holds no statement to check")
        verdicts = await _supported(hearing, statements, "\n".join(contexts))
        return Score(fmean(verdicts), reason=_unsupported(statements, verdicts))

    return setup.definition(verdict, [_SPLIT, _SUPPORT])


def answer_relevancy(settings: Settings, context: ScorerContext) -> Definition:
    """How close the questions that the answer would fit are to the one asked: the mean cosine of their embeddings.

    `strictness` questions (3) are asked back, compared by the model `embedding` (offline `demo/embed` unless set);
    0 where every one finds the answer noncommittal. Below zero counts as zero, raw keeps it.
    """
    setup = _Retrieval(settings, context, contexts=False)
    strictness = settings.integer("strictness", 3, high=10)
    name, identity, offline = embedding_model(settings, context, "embedding")

    async def verdict(sample: Sample, hearing: Hearing) -> Score:
        asked = question_of(sample, setup.input)
        if not asked.strip():
            raise NoVerdict("there is no question to compare with")
        if not sample.text.strip():
            return Score(0.0, reason="the answer is empty")
        parts = [("answer", sample.text)]
        found = [await hearing.ask(_ASK_BACK, parts, _QUESTION, nth=nth, of=strictness) for nth in range(strictness)]
        if all(item["noncommittal"] for item in found):
            return Score(0.0, label="noncommittal")
        first, *rest = await hearing.embed(name, offline, [asked, *(item["question"] for item in found)])
        raw = fmean(cosine(first, other) for other in rest)
        return Score(min(max(raw, 0.0), 1.0), raw=raw, reason=one_line(found[0]["question"], 300))

    return setup.definition(
        verdict, [_ASK_BACK], contexts=False, extra={"strictness": strictness, "embedding": identity},
        models=() if offline else (name,),
    )


def context_precision(settings: Settings, context: ScorerContext) -> Definition:
    """Whether useful contexts rank first: average precision over the judge's verdicts on each context.

    Useful for the expected answer; `against = "answer"` for the answer itself (Ragas' context utilization).
    """
    setup = _Retrieval(settings, context)
    against = settings.choice("against", ("expected", "answer"), "expected")

    async def verdict(sample: Sample, hearing: Hearing) -> Score:
        target = sample.text if against == "answer" else reference_of(sample)
        question = question_of(sample, setup.input)
        verdicts = []
        for passage in setup.contexts(sample):
            parts = [("question", question), ("context", passage), ("answer", target)]
            verdicts.append((await hearing.ask(_USEFUL, parts, _ONE_VERDICT))["verdict"])
        if not verdicts:
            return Score(0.0, reason=_NO_CONTEXT)
        return Score(average_precision(verdicts), reason=f"useful, by rank: {' '.join(map(str, verdicts))}")

    return setup.definition(verdict, [_USEFUL], expected=against == "expected", extra={"against": against})


def context_recall(settings: Settings, context: ScorerContext) -> Definition:
    """The share of the expected answer's statements that the contexts support."""
    setup = _Retrieval(settings, context)

    async def verdict(sample: Sample, hearing: Hearing) -> Score:
        reference = reference_of(sample)
        contexts = setup.contexts(sample)
        if not contexts:
            return Score(0.0, reason=_NO_CONTEXT)
        statements = await _statements(hearing, question_of(sample, setup.input), reference)
        if not statements:
            raise NoVerdict("the expected answer holds no statement to look for")
        verdicts = await _supported(hearing, statements, "\n".join(contexts))
        return Score(fmean(verdicts), reason=_unsupported(statements, verdicts))

    return setup.definition(verdict, [_SPLIT, _SUPPORT], expected=True)


def context_relevance(settings: Settings, context: ScorerContext) -> Definition:
    """How far the contexts together can answer the question: the mean of two ratings 0, 1, 2, asked differently."""
    setup = _Retrieval(settings, context)

    async def verdict(sample: Sample, hearing: Hearing) -> Score:
        contexts = setup.contexts(sample)
        if not contexts:
            return Score(0.0, reason=_NO_CONTEXT)
        parts = [("question", question_of(sample, setup.input)), ("context", "\n".join(contexts))]
        ratings = [await hearing.ask(words, parts, _RATING) for words in _RELEVANCE]
        raw = fmean(item["rating"] for item in ratings)
        return Score(raw / 2, raw=raw, reason=ratings[0]["reason"])

    return setup.definition(verdict, _RELEVANCE)


def noise_sensitivity(settings: Settings, context: ScorerContext) -> Definition:
    """The share of the answer's statements that are wrong and taken from retrieved contexts; lower is better.

    `mode = "relevant"` counts those from contexts that support the expected answer, `"irrelevant"` from the others.
    """
    setup = _Retrieval(settings, context)
    mode = settings.choice("mode", ("relevant", "irrelevant"), "relevant")

    async def verdict(sample: Sample, hearing: Hearing) -> Score:
        reference, question = reference_of(sample), question_of(sample, setup.input)
        contexts = setup.contexts(sample)
        if not contexts:
            return Score(0.0, reason=_NO_CONTEXT)
        wanted = await _statements(hearing, question, reference)
        found = await _statements(hearing, question, sample.text)
        if not found or not wanted:
            raise NoVerdict("there is no statement to check")
        by_answer = [await _supported(hearing, found, passage) for passage in contexts]
        by_reference = [await _supported(hearing, wanted, passage) for passage in contexts]
        right = await _supported(hearing, found, reference)
        return Score(noise(by_answer, by_reference, right, irrelevant=mode == "irrelevant"))

    return setup.definition(verdict, [_SPLIT, _SUPPORT], expected=True, direction="lower", extra={"mode": mode})

"""Judges that read one answer: a rubric on a scale, G-Eval steps, a yes-or-no criterion, factual agreement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from llmexp_tui.domain.score import Score
from llmexp_tui.scoring.definition import Definition, ScorerContext
from llmexp_tui.scoring.hearing import (
    Hearing,
    judge_body,
    judge_model,
    judged,
    question_of,
    reference_of,
)
from llmexp_tui.scoring.reading import TEXT, object_schema
from llmexp_tui.scoring.sample import Sample
from llmexp_tui.scoring.settings import Settings

_RUBRIC = (
    "You grade one answer by a rubric. Read the rubric, then the answer, say in a few sentences what speaks for and "
    "against it, and only then grade it with a whole number from {low} (worst) to {high} (best), or as the rubric "
    "says.\n\nRubric:\n{rubric}"
)
_STEPS = (
    "You grade one answer by criteria. Work through the evaluation steps in their order and write down what each "
    "finds before you grade with a whole number from {low} (worst) to {high} (best).\n\nCriteria:\n{rubric}\n\n"
    "Evaluation steps:\n{steps}"
)
_OWN_STEPS = (
    "You grade one answer by criteria. First write down the evaluation steps that the criteria call for, then work "
    "through them and write down what each finds, and only then grade with a whole number from {low} (worst) to "
    "{high} (best).\n\nCriteria:\n{rubric}"
)
_CLOSED = (
    "You decide whether an answer meets one criterion. Reason step by step about the criterion alone, then decide "
    "Y (it meets the criterion) or N (it does not).\n\nCriterion:\n{rubric}"
)
_FACTS = (
    "You compare the facts in an answer with those in an expert's answer to the same question. Style, grammar and "
    "punctuation do not count. Choose one:\n"
    "A: the answer is a subset of the expert's and fully consistent with it.\n"
    "B: the answer is a superset of the expert's and fully consistent with it.\n"
    "C: the answer holds all the same facts as the expert's.\n"
    "D: the answer and the expert's disagree.\n"
    "E: they differ, but not in what matters for the facts."
)
_FACT_VALUES = {"A": 0.4, "B": 0.6, "C": 1.0, "D": 0.0, "E": 1.0}
_MOST_GRADES = 21


def rubric_text(settings: Settings, context: ScorerContext) -> str:
    """The text of `rubric`, a file of the project, or `criteria`, the words themselves."""
    path, words = settings.text("rubric"), settings.text("criteria")
    if path is not None and words is not None:
        settings.refuse("rubric and criteria are both set", "keep one of them")
    text = words if path is None else context.read_text(path)
    if not (text or "").strip():
        settings.refuse(
            f"{settings.spec.type} needs something to judge by",
            'set rubric = "judges/tone.md", a file, or criteria = "…", the words',
        )
    return (text or "").strip()


def _scale(settings: Settings) -> tuple[int, int]:
    given = settings.any("scale")
    if given is None:
        return 1, 5
    whole = isinstance(given, Sequence) and len(given) == 2 and all(type(item) is int for item in given)
    if not whole or not 1 <= given[1] - given[0] < _MOST_GRADES:
        settings.refuse(f"scale = {given!r} is no scale", "give the worst and the best whole number, such as [1, 5]")
    return given[0], given[1]


def _parts(sample: Sample, column: str | None, with_reference: bool) -> list[tuple[str, str]]:
    parts = [("question", question_of(sample, column))]
    if with_reference:
        parts.append(("reference answer", reference_of(sample)))
    return [*parts, ("answer", sample.text)]


def _graded(settings: Settings, context: ScorerContext, instructions: str, body: Mapping[str, Any]) -> Definition:
    """A grade on a whole-number scale, averaged over `samples` askings; raw as given, value from 0 to 1."""
    model = judge_model(settings, context)
    low, high = _scale(settings)
    column, with_reference = settings.text("input"), settings.flag("reference")
    samples = settings.integer("samples", 1, high=20)
    schema = object_schema(reason=TEXT, score={"type": "integer", "enum": list(range(low, high + 1))})
    words = instructions.replace("{low}", str(low)).replace("{high}", str(high))

    async def verdict(sample: Sample, hearing: Hearing) -> Score:
        parts = _parts(sample, column, with_reference)
        answers = [await hearing.ask(words, parts, schema, nth=nth, of=samples) for nth in range(samples)]
        raw = fmean(answer["score"] for answer in answers)
        return Score((raw - low) / (high - low), raw=raw, reason=answers[0]["reason"])

    return Definition(
        body={**body, **judge_body(context, model, [words]), "scale": [low, high], "input": column,
              "reference": with_reference, "samples": samples},
        ameasure=judged(model, verdict), type="bounded", needs_expected=with_reference,
        columns=(column,) if column else (), models=(model,),
    )


def judge(settings: Settings, context: ScorerContext) -> Definition:
    """A grade by a rubric (`rubric`, a file, or `criteria`) on `scale`, with the judge's reason.

    `reference` shows the expected answer, `input` names the column that was asked instead of the last user message,
    `samples` averages several askings. `choices = {good = 1, bad = 0}` asks for a label instead of a number.
    """
    rubric = rubric_text(settings, context)
    choices = settings.table("choices")
    if choices is None:
        return _graded(settings, context, _RUBRIC.replace("{rubric}", rubric), {"rubric": rubric})
    return _chosen(settings, context, f"You judge one answer by a rubric.\n\nRubric:\n{rubric}", choices, rubric)


def g_eval(settings: Settings, context: ScorerContext) -> Definition:
    """A grade by evaluation `steps`, after G-Eval (Liu et al. 2023, arXiv 2303.16634).

    Steps that are written down are the same for every answer; without them the judge derives its own each time.
    `samples` averages several gradings, which stands for the paper's weighting by token probabilities.
    """
    rubric, steps = rubric_text(settings, context), settings.texts("steps")
    body = {"rubric": rubric, "steps": None if steps is None else list(steps)}
    if steps is None:
        return _graded(settings, context, _OWN_STEPS.replace("{rubric}", rubric), body)
    listed = "\n".join(f"{number}. {step}" for number, step in enumerate(steps, 1))
    return _graded(settings, context, _STEPS.replace("{rubric}", rubric).replace("{steps}", listed), body)


def _choice_values(settings: Settings, choices: Mapping[str, Any]) -> dict[str, float]:
    for label, value in choices.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            settings.refuse(f"choices.{label} = {value!r} is not from 0 to 1", "say what each label is worth")
    if len(choices) < 2:
        settings.refuse("choices holds fewer than two labels", "write choices = {good = 1, bad = 0}")
    return {label: float(value) for label, value in choices.items()}


def _chosen(
    settings: Settings, context: ScorerContext, instructions: str, choices: Mapping[str, Any], rubric: str | None,
    reference: bool | None = None,
) -> Definition:
    """A label out of `choices`, each worth something from 0 to 1; binary where they are worth 0 and 1 only."""
    model = judge_model(settings, context)
    column = settings.text("input")
    with_reference = settings.flag("reference") if reference is None else reference
    values = _choice_values(settings, choices)
    schema = object_schema(reason=TEXT, choice={"type": "string", "enum": list(values)})

    async def verdict(sample: Sample, hearing: Hearing) -> Score:
        answer = await hearing.ask(instructions, _parts(sample, column, with_reference), schema)
        return Score(values[answer["choice"]], label=answer["choice"], reason=answer["reason"])

    return Definition(
        body={"rubric": rubric, **judge_body(context, model, [instructions]), "choices": values, "input": column,
              "reference": with_reference},
        ameasure=judged(model, verdict), type="binary" if set(values.values()) <= {0.0, 1.0} else "bounded",
        needs_expected=with_reference, columns=(column,) if column else (), models=(model,),
    )


def closed_qa(settings: Settings, context: ScorerContext) -> Definition:
    """1 where the judge finds that the answer meets the criterion (`criteria`, or `rubric`, a file)."""
    rubric = rubric_text(settings, context)
    return _chosen(settings, context, _CLOSED.replace("{rubric}", rubric), {"Y": 1, "N": 0}, rubric)


def factuality(settings: Settings, context: ScorerContext) -> Definition:
    """How the answer's facts relate to the expected answer's: A subset, B superset, C same, D disagree, E no matter.

    The classes of OpenAI's evals; their worth (0.4, 0.6, 1, 0, 1) can be set by `choices`.
    """
    given = settings.table("choices")
    if given is not None and set(given) != set(_FACT_VALUES):
        settings.refuse("choices must say what A, B, C, D and E are worth", "write choices = {A = 1, B = 1, …}")
    return _chosen(settings, context, _FACTS, given or _FACT_VALUES, None, reference=True)

"""Which of two answers is better, asked in both orders: a judge that prefers a place must not decide anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from llmexp_tui.domain.score import Score
from llmexp_tui.scoring.definition import Definition, ScorerContext, as_text
from llmexp_tui.scoring.hearing import (
    Hearing,
    judge_body,
    judge_model,
    judged,
    question_of,
    reference_of,
)
from llmexp_tui.scoring.judge import rubric_text
from llmexp_tui.scoring.reading import TEXT, object_schema
from llmexp_tui.scoring.sample import Sample
from llmexp_tui.scoring.settings import Settings

_COMPARE = (
    "You compare two answers to the same question and say which is better by the criteria, or that neither is. The "
    "order in which they stand says nothing about them, nor does their length. Reason first, then choose: first, "
    "second or tie.\n\nCriteria:\n{rubric}"
)
_DEFAULT = "Which answer is more helpful, correct and to the point?"
_SCHEMA = object_schema(reason=TEXT, better={"type": "string", "enum": ["first", "second", "tie"]})
_ORDERS: Mapping[str, tuple[int, int]] = {
    "better": (1, 1), "worse": (-1, -1), "tie": (0, 0), "first place": (1, -1), "second place": (-1, 1),
}
BASELINE = "baseline"
_WORTH: Mapping[str, int] = {"first": 1, "tie": 0, "second": -1}


@dataclass(frozen=True, slots=True)
class Preference:
    """Both orders of one comparison, each +1 where the candidate was preferred, 0 for a tie, -1 for the other.

    `forward` shows the candidate first, `backward` second. These are what statistics on position bias take.
    """

    forward: int
    backward: int
    reason: str

    @property
    def value(self) -> int:
        """+1, 0 or -1; a judge that changes its mind with the order has seen a tie."""
        return self.forward if self.forward == self.backward else 0

    @property
    def place(self) -> str | None:
        """The place that won both times, where the order decided: first, second, or None."""
        if self.forward * self.backward != -1:
            return None
        return "first" if self.forward == 1 else "second"


async def prefer(hearing: Hearing, instructions: str, question: str, candidate: str, other: str) -> Preference:
    """Ask in both orders. Raises NoVerdict."""
    asked = ("question", question)
    parts = [asked, ("first answer", candidate), ("second answer", other)]
    forward = await hearing.ask(instructions, parts, _SCHEMA)
    parts = [asked, ("first answer", other), ("second answer", candidate)]
    backward = await hearing.ask(instructions, parts, _SCHEMA)
    return Preference(_WORTH[forward["better"]], -_WORTH[backward["better"]], forward["reason"])


def against_baseline(candidate: Sample, answer: str) -> Sample:
    """The candidate's sample with the baseline's answer as the one to beat, for a pairwise scorer of two variants."""
    return replace(candidate, expected=answer, expected_present=True)


def orders_of(label: str | None) -> tuple[int, int] | None:
    """The two orders behind a stored label, for statistics on position bias; None for a label of another kind."""
    return _ORDERS.get(label or "")


def pairwise(settings: Settings, context: ScorerContext) -> Definition:
    """Whether the answer is better (1), as good (0.5) or worse (0) than another; raw 1, 0, -1.

    The other is the row's expected answer; with `against = "baseline"`, and where the dataset has no expected
    answers, the baseline's output of the same row and repeat; with `against = "column"` another column, say last
    release's answers. Two calls, one an order (Zheng et al. 2023, arXiv 2306.05685); a judge that contradicts itself
    gives a tie whose label names the place it preferred.
    """
    given = settings.text("rubric") or settings.text("criteria")
    rubric = rubric_text(settings, context) if given else _DEFAULT
    model, column, against = judge_model(settings, context), settings.text("input"), settings.text("against")
    if against is None and settings.any("expected") is None and not context.has_expected:
        against = BASELINE
    by_arm = against == BASELINE
    instructions = _COMPARE.replace("{rubric}", rubric)

    async def verdict(sample: Sample, hearing: Hearing) -> Score:
        given = against is None or by_arm
        other = reference_of(sample) if given else as_text(sample.row.get(str(against)))
        preference = await prefer(hearing, instructions, question_of(sample, column), sample.text, other)
        place = preference.place
        label = f"{place} place" if place else {1: "better", 0: "tie", -1: "worse"}[preference.value]
        return Score((preference.value + 1) / 2, raw=float(preference.value), label=label, reason=preference.reason)

    columns = tuple(name for name in (column, None if by_arm else against) if name)
    return Definition(
        body={"rubric": rubric, **judge_body(context, model, [instructions]), "input": column, "against": against},
        ameasure=judged(model, verdict), type="pairwise" if by_arm else "bounded", needs_expected=against is None,
        columns=columns, models=(model,), needs_baseline=by_arm,
    )

"""Scorers as the engine sees them: the protocol, the registry, the fingerprint and what all scorers share.

Any scorer can be negated, given a threshold, a direction, a weight and another column to expect, and counted as
pass@k over repeats. Nothing here calls a model or knows what a particular scorer checks.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

from llmexp_tui.domain.hashing import content_hash
from llmexp_tui.domain.score import MetricMeta, Score, ScorerSpec
from llmexp_tui.domain.text import one_line
from llmexp_tui.errors import ConfigError, UnknownNameError
from llmexp_tui.scoring.definition import AsyncMeasure, Build, Definition, Measure, ScorerContext, Turn
from llmexp_tui.scoring.repeats import RepeatRule
from llmexp_tui.scoring.sample import JudgeCall, Sample
from llmexp_tui.scoring.settings import Settings

__all__ = [
    "JudgeCall", "RepeatRule", "Sample", "Scorer", "ScorerContext", "build_scorer", "check_columns",
    "check_programs", "scorer_types",
]

_FAMILIES: Mapping[str, str] = {
    "exact_match": "text:exact_match",
    "contains": "text:contains",
    "starts_with": "text:starts_with",
    "regex": "text:regex",
    "is_json": "structure:is_json",
    "json_schema": "structure:json_schema",
    "json_equal": "structure:json_equal",
    "is_sql": "markup:is_sql",
    "is_xml": "markup:is_xml",
    "levenshtein": "similarity:levenshtein",
    "token_f1": "similarity:token_f1",
    "squad_em": "similarity:squad_em",
    "rouge_1": "similarity:rouge_1",
    "rouge_2": "similarity:rouge_2",
    "rouge_l": "similarity:rouge_l",
    "bleu": "similarity:bleu",
    "chrf": "similarity:chrf",
    "numeric": "numeric:numeric",
    "tool_call": "tools:tool_call",
    "language": "language:language",
    "length": "length:length",
    "word_count": "length:word_count",
    "char_count": "length:char_count",
    "refusal": "refusal:refusal",
    "semantic_similarity": "semantic:semantic_similarity",
    "judge": "judge:judge",
    "g_eval": "judge:g_eval",
    "closed_qa": "judge:closed_qa",
    "factuality": "judge:factuality",
    "pairwise": "pairwise:pairwise",
    "faithfulness": "rag:faithfulness",
    "answer_relevancy": "rag:answer_relevancy",
    "context_precision": "rag:context_precision",
    "context_recall": "rag:context_recall",
    "context_relevance": "rag:context_relevance",
    "noise_sensitivity": "rag:noise_sensitivity",
    "python": "own:python",
    "command": "own:command",
    "composite": "composite:composite",
    "human": "human:human",
}
"""Type -> module:builder. Modules are imported when a scorer of theirs is built, so that start-up pays for none."""


class Scorer(Protocol):
    """One metric of an experiment.

    `fingerprint` is 64 hex digits over everything that can change a value, the display name not among it.
    `calls` is True where scores come from `ascore` (a model, a command or a coroutine is awaited), else from
    `score`; `by_people` where nothing here gives them. `needs_baseline`: it compares an output with the baseline's.
    `rejudge` is how often more the baseline's outputs are judged, to learn the judge's own noise. `models` names the
    project's models that it calls, `columns` every column that rows must have, `parts` a composite's scorers.
    `own`: `score` runs the project's code, which takes as long as it likes.
    A scorer may raise; whoever calls it turns that into Score(None, error=…).
    """

    @property
    def meta(self) -> MetricMeta: ...
    @property
    def fingerprint(self) -> str: ...
    @property
    def calls(self) -> bool: ...
    @property
    def by_people(self) -> bool: ...
    @property
    def needs_baseline(self) -> bool: ...
    @property
    def own(self) -> bool: ...
    @property
    def rejudge(self) -> int: ...
    @property
    def needs_expected(self) -> bool: ...
    @property
    def needs_contexts(self) -> bool: ...
    @property
    def columns(self) -> tuple[str, ...]: ...
    @property
    def models(self) -> tuple[str, ...]: ...
    @property
    def parts(self) -> tuple[Scorer, ...]: ...
    @property
    def weight(self) -> float: ...
    @property
    def repeat_rule(self) -> RepeatRule | None: ...
    def body(self) -> Mapping[str, Any]: ...
    def score(self, sample: Sample) -> Score: ...
    def ascore(
        self, sample: Sample, call: JudgeCall, *, seed: int | None = None, repeat: int = 0
    ) -> Awaitable[Score]: ...


@dataclass(frozen=True, slots=True)
class BuiltScorer:
    """A scorer made from one entry of the project file. See `Scorer`."""

    meta: MetricMeta
    definition: Definition
    identity: Mapping[str, Any]
    fingerprint: str
    columns: tuple[str, ...]
    weight: float = 1.0
    repeat_rule: RepeatRule | None = None
    rejudge: int = 0

    @property
    def by_people(self) -> bool:
        """True where scores are given by people alone."""
        return self.definition.measure is None and self.definition.ameasure is None

    @property
    def needs_baseline(self) -> bool:
        """True where an output is compared with the baseline's output of the same row and repeat."""
        return self.definition.needs_baseline

    @property
    def own(self) -> bool:
        """Whether `score` runs the project's code."""
        return self.definition.own

    @property
    def calls(self) -> bool:
        """True where `ascore` must be used."""
        return self.definition.ameasure is not None

    @property
    def needs_expected(self) -> bool:
        """True where rows must have a reference answer."""
        return self.definition.needs_expected

    @property
    def needs_contexts(self) -> bool:
        """True where retrieved passages must be there."""
        return self.definition.needs_contexts

    @property
    def models(self) -> tuple[str, ...]:
        """Names of the project's models that it calls."""
        return self.definition.models

    @property
    def parts(self) -> tuple[Scorer, ...]:
        """What a composite is made of; empty for every other scorer."""
        return self.definition.parts

    def body(self) -> Mapping[str, Any]:
        """The stored record: what the fingerprint is made of, as JSON."""
        return self.identity

    def score(self, sample: Sample) -> Score:
        """The score of one output. Raises what the check raises, TypeError where `ascore` is the way."""
        measure = self.definition.measure
        if measure is None:
            raise TypeError(f"{self.meta.name} {'is scored by people' if self.by_people else 'calls: use ascore'}")
        return measure(sample)

    async def ascore(
        self, sample: Sample, call: JudgeCall, *, seed: int | None = None, repeat: int = 0
    ) -> Score:
        """The score of one output by calls that the engine provides; works for every scorer."""
        ameasure = self.definition.ameasure
        if ameasure is None:
            return self.score(sample)
        return await ameasure(sample, call, Turn(seed, repeat))


def scorer_types() -> tuple[str, ...]:
    """Every type that a project file can name, sorted."""
    return tuple(sorted(_FAMILIES))


def build_scorer(spec: ScorerSpec, context: ScorerContext, *, where: str | None = None) -> Scorer:
    """The scorer of one entry. `where` says where the entry stands, for messages.

    Raises UnknownNameError for a type or setting that is not there, ConfigError for a value that makes no sense
    or a missing extra, TrustError for own code in a project that is not trusted.
    """
    place = where or f'scorer "{spec.name}"'
    if spec.type not in _FAMILIES:
        raise UnknownNameError("scorer type", spec.type, _FAMILIES, where=place)
    module, _, function = _FAMILIES[spec.type].partition(":")
    build = cast(Build, getattr(import_module(f"llmexp_tui.scoring.{module}"), function))
    settings = Settings(spec, place)
    shared = _Shared.read(settings)
    definition = build(settings, context)
    settings.finish()
    return _assemble(spec, settings, shared.apply(definition, settings), shared, context)


def check_columns(scorer: Scorer, columns: Iterable[str]) -> None:
    """Raise ConfigError, before anything is called, where the dataset lacks a column that the scorer reads."""
    present = list(columns)
    for column in scorer.columns:
        if column not in present:
            near = UnknownNameError("column", column, present)
            wanted = scorer.needs_expected and column == scorer.columns[0]
            named = "name the reference column with `expected` in the dataset's table" if wanted else near.mend
            mend = near.mend if near.nearest else named
            raise ConfigError(
                f'needs the column "{column}", which the dataset does not have',
                where=f'scorer "{scorer.meta.name}"', mend=mend,
            )


def check_programs(scorer: Scorer, root: Path) -> None:
    """Raise ConfigError, before anything is called, where a command cannot be started. Stored scores need none."""
    from llmexp_tui.scoring.own_files import missing_program  # brings what only own code needs

    for part in (scorer, *scorer.parts):
        command = part.body()["settings"].get("command")
        missing = missing_program(command, root) if command else None
        if missing is not None:
            raise ConfigError(
                f"there is no program {one_line(missing, 80)} that can be started",
                where=f'scorer "{scorer.meta.name}"',
                mend="install it, or give its path from the project's folder and the right to be executed",
            )


@dataclass(frozen=True, slots=True)
class _Shared:
    """The settings that every scorer has."""

    negate: bool
    threshold: float | None
    direction: str | None
    weight: float
    column: str | None
    repeat_rule: RepeatRule | None
    rejudge: int = 0

    @classmethod
    def read(cls, settings: Settings) -> _Shared:
        at, hat = settings.any("pass_at_k"), settings.any("pass_hat_k")
        if at is not None and hat is not None:
            settings.refuse("pass_at_k and pass_hat_k are both set", "make two scorers of it")
        rule = None
        if at is not None:
            rule = RepeatRule("pass_at_k", settings.integer("pass_at_k", 1))
        elif hat is not None:
            rule = RepeatRule("pass_hat_k", settings.integer("pass_hat_k", 1))
        direction = None
        if settings.any("direction") is not None:
            direction = settings.choice("direction", ("higher", "lower", "none"), "higher")
        weight = settings.number("weight", low=0.0)
        return cls(
            settings.flag("negate"), settings.number("threshold"), direction,
            1.0 if weight is None else weight, settings.text("expected"), rule,
            settings.integer("rejudge", 0, low=0, high=20),
        )

    def apply(self, definition: Definition, settings: Settings) -> Definition:
        """The definition with direction, expected column, threshold and negation applied, in this order.

        The direction is that of the score as the scorer gives it; of what a threshold or a negation makes, more is
        always better.
        """
        self._check(definition, settings)
        if self.direction is not None:
            definition = dataclasses.replace(definition, direction=self.direction)
        if self.column is not None:
            definition = _wrapped(definition, before=_take_expected(self.column))
        if self.threshold is not None:
            definition = _cut(definition, self.threshold, settings)
        if self.negate:
            definition = _negated(definition, settings)
        if self.repeat_rule is not None:
            _check_repeats(definition, self.repeat_rule, settings)
        return definition

    def _check(self, definition: Definition, settings: Settings) -> None:
        """Refuses what makes no sense for preferences, for people's scores, or without a model."""
        changed = self.negate or self.threshold is not None or self.repeat_rule is not None
        by_people = definition.measure is None and definition.ameasure is None
        if changed and (definition.type == "pairwise" or by_people):
            what = "what people gave" if by_people else "a preference against the baseline"
            settings.refuse(f"{what} cannot be negated, cut by a threshold or counted over repeats", "remove it")
        if self.rejudge and (not definition.models or definition.needs_baseline):
            settings.refuse("rejudge is for judges of a single answer", "remove it")

    def identity(self) -> dict[str, Any]:
        """What of this can change a value or its meaning.

        The weight counts only inside a composite; judging again changes no score that is there.
        """
        rule = self.repeat_rule
        return {"negate": self.negate, "threshold": self.threshold, "direction": self.direction,
                "column": self.column, "over_repeats": None if rule is None else [rule.kind, rule.k]}


def _assemble(
    spec: ScorerSpec, settings: Settings, definition: Definition, shared: _Shared, context: ScorerContext
) -> BuiltScorer:
    meta = MetricMeta(spec.name, definition.type, definition.direction, definition.range, definition.unit)
    identity = {"type": spec.type, "settings": dict(definition.body), "shared": shared.identity()}
    try:
        fingerprint = content_hash(identity)
    except (TypeError, ValueError) as error:
        settings.refuse(f"a setting is not plain data: {error}", "use strings, numbers, lists and tables")
    expected = (shared.column or context.expected_column,) if definition.needs_expected else ()
    columns = tuple(dict.fromkeys((*expected, *definition.columns)))
    return BuiltScorer(
        meta, _finite(definition), identity, fingerprint, columns, shared.weight, shared.repeat_rule, shared.rejudge
    )


def _wrapped(
    definition: Definition,
    before: Callable[[Sample], Sample] | None = None,
    after: Callable[[Score], Score] | None = None,
) -> Definition:
    """The definition with something done to its sample or its score, whichever way it scores."""
    measure, ameasure = definition.measure, definition.ameasure
    new: Measure | None = None
    anew: AsyncMeasure | None = None
    if measure is not None:
        inner = measure

        def new(sample: Sample) -> Score:
            score = inner(before(sample) if before else sample)
            return after(score) if after else score

    if ameasure is not None:
        ainner = ameasure

        async def anew(sample: Sample, call: JudgeCall, turn: Turn) -> Score:
            score = await ainner(before(sample) if before else sample, call, turn)
            return after(score) if after else score

    return dataclasses.replace(definition, measure=new, ameasure=anew)


def _take_expected(column: str) -> Callable[[Sample], Sample]:
    def take(sample: Sample) -> Sample:
        return dataclasses.replace(sample, expected=sample.row.get(column), expected_present=column in sample.row)

    return take


def _cut(definition: Definition, threshold: float, settings: Settings) -> Definition:
    """1 where a score is at least as good as the threshold, else 0; the score itself is kept as raw."""
    if definition.direction == "none":
        settings.refuse("a threshold needs to know which side is good", 'set direction = "higher" or "lower"')
    if definition.range is not None and not definition.range[0] <= threshold <= definition.range[1]:
        low, high = definition.range
        settings.refuse(f"threshold = {threshold:g} is out of range", f"give one from {low:g} to {high:g}")
    lower = definition.direction == "lower"

    def cut(score: Score) -> Score:
        if score.value is None or not math.isfinite(score.value):
            return score
        passes = score.value <= threshold if lower else score.value >= threshold
        raw = score.value if score.raw is None else score.raw
        return dataclasses.replace(score, value=1.0 if passes else 0.0, raw=raw)

    wrapped = _wrapped(definition, after=cut)
    return dataclasses.replace(wrapped, type="binary", direction="higher", range=(0.0, 1.0), unit="")


def _check_repeats(definition: Definition, rule: RepeatRule, settings: Settings) -> None:
    if definition.type != "binary":
        settings.refuse(f"{rule.kind} needs a binary score", "set a threshold")
    if definition.direction != "higher":
        settings.refuse(f"{rule.kind} counts passes, and 1 is no pass here", "set negate = true")


def _negated(definition: Definition, settings: Settings) -> Definition:
    """High becomes low, and what was asked for is the opposite: of a negated score more is better."""
    if definition.range is None:
        settings.refuse("a score without bounds cannot be negated", "set a threshold, or turn its direction")
    total = definition.range[0] + definition.range[1]

    def flip(score: Score) -> Score:
        return score if score.value is None else dataclasses.replace(score, value=total - score.value)

    return dataclasses.replace(_wrapped(definition, after=flip), direction="higher")


def _finite(definition: Definition) -> Definition:
    """A score that is not a number counts as a failed scorer; it must never reach an average."""

    def check(score: Score) -> Score:
        if score.value is None or math.isfinite(score.value):
            return score
        return dataclasses.replace(score, value=None, raw=None, error=f"the score is {score.value}, not a number")

    return _wrapped(definition, after=check)

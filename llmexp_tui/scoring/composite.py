"""One metric out of several: the weighted mean of parts that each score the same output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from llmexp_tui.domain.score import Score, ScorerSpec
from llmexp_tui.scoring.base import Scorer, build_scorer
from llmexp_tui.scoring.definition import Definition, ScorerContext, Turn
from llmexp_tui.scoring.sample import JudgeCall, Sample
from llmexp_tui.scoring.settings import Settings


def weighted_mean(parts: Sequence[tuple[float, float]]) -> float:
    """The mean of (value, weight) pairs. Raises ValueError where the weights add up to nothing."""
    total = sum(weight for _, weight in parts)
    if total <= 0:
        raise ValueError("the weights add up to nothing")
    return sum(value * weight for value, weight in parts) / total


def on_unit(value: float, scorer: Scorer) -> float:
    """A part's value from 0 (worst) to 1 (best), by its range and direction."""
    low, high = scorer.meta.range or (0.0, 1.0)
    share = (value - low) / (high - low)
    return 1.0 - share if scorer.meta.direction == "lower" else share


def _part(item: Any, settings: Settings, context: ScorerContext) -> tuple[ScorerSpec, str]:
    """One entry of `parts`: a sibling's name, a type's bare name, or a table as for any scorer."""
    if isinstance(item, str):
        spec = context.siblings.get(item, ScorerSpec(item, item))
    elif isinstance(item, Mapping):
        kind = item.get("type") or next((key for key in ("python", "command") if key in item), None)
        if not isinstance(kind, str):
            settings.refuse("a part has no type", 'write parts = ["exact_match", { type = "contains", weight = 2 }]')
        own = {key: value for key, value in item.items() if key not in ("type", "name")}
        spec = ScorerSpec(kind, str(item.get("name") or kind), own)
    else:
        settings.refuse(f"part {item!r} is no scorer", "name a scorer, or write a table")
    if spec.type == "composite":
        settings.refuse("a composite cannot be a part", "list its parts instead")
    return spec, f"{settings.where}, part {spec.name}"


def _parts(settings: Settings, context: ScorerContext) -> list[Scorer]:
    given = settings.any("parts")
    if not isinstance(given, list | tuple) or not given:
        settings.refuse("composite needs parts", 'write parts = ["exact_match", { type = "rouge_l", weight = 0.5 }]')
    built = []
    for item in given:
        spec, where = _part(item, settings, context)
        scorer = build_scorer(spec, context, where=where)
        if scorer.meta.range is None or scorer.meta.direction == "none":
            settings.refuse(f"{spec.name} has no bounds or no good side", "give it a min and max, or a threshold")
        if scorer.needs_baseline or scorer.by_people:
            settings.refuse(f"{spec.name} does not score an answer by itself", "leave it out, and gate it on its own")
        if scorer.repeat_rule is not None:
            settings.refuse(f"{spec.name} counts over repeats", "put pass_at_k on the composite, with a threshold")
        built.append(scorer)
    if sum(scorer.weight for scorer in built) <= 0:
        settings.refuse("the weights of the parts add up to nothing", "give one of them a weight above 0")
    return built


def _combined(parts: Sequence[Scorer], scores: Sequence[Score]) -> Score:
    """The weighted mean. One part without a score leaves the whole unscored: a mean of the rest is another metric."""
    costs = [score.cost_usd for part, score in zip(parts, scores, strict=True) if part.models]
    cost = None if not costs or None in costs else sum(item for item in costs if item is not None)
    models = ", ".join(dict.fromkeys(score.model_returned for score in scores if score.model_returned)) or None
    pairs = []
    for part, score in zip(parts, scores, strict=True):
        if score.value is None:
            error = f"{part.meta.name}: {score.error or 'no score'}"
            return Score(None, error=error, cost_usd=cost, model_returned=models)
        pairs.append((on_unit(score.value, part), part.weight))
    said = ", ".join(f"{part.meta.name} {value:.3g}" for part, (value, _) in zip(parts, pairs, strict=True))
    return Score(weighted_mean(pairs), reason=said, cost_usd=cost, model_returned=models)


def composite(settings: Settings, context: ScorerContext) -> Definition:
    """The weighted mean of `parts`, each brought to 0 (worst) to 1 (best) by its own range and direction.

    A part is the name of another scorer of the experiment, a type's bare name, or a table with a `weight`.
    """
    parts = _parts(settings, context)

    def measure(sample: Sample) -> Score:
        return _combined(parts, [part.score(sample) for part in parts])

    async def ameasure(sample: Sample, call: JudgeCall, turn: Turn) -> Score:
        scores = [await part.ascore(sample, call, seed=turn.seed, repeat=turn.repeat) for part in parts]
        return _combined(parts, scores)

    waits = any(part.calls for part in parts)
    expected = any(part.needs_expected for part in parts)
    columns = dict.fromkeys(column for part in parts for column in part.columns)
    definition = Definition(
        # Their bodies and not only their fingerprints: it can be said in what two composites differ.
        body={"parts": {str(place): {"weight": p.weight, **p.body()} for place, p in enumerate(parts, 1)}},
        measure=None if waits else measure, ameasure=ameasure if waits else None, type="bounded",
        needs_contexts=any(part.needs_contexts for part in parts), columns=tuple(columns),
        models=tuple(dict.fromkeys(name for part in parts for name in part.models)), parts=tuple(parts),
        own=any(part.own for part in parts),
    )
    return replace(definition, needs_expected=expected and context.expected_column in columns)

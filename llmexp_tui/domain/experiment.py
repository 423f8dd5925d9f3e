"""Experiments as declared in the project file, and the registration that freezes one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from llmexp_tui.domain.gate import Gate, Plan
from llmexp_tui.domain.hashing import content_hash
from llmexp_tui.domain.score import ScorerSpec
from llmexp_tui.domain.variant import Variant


@dataclass(frozen=True, slots=True)
class VariantSource:
    """A variant as the project file writes it: references by name, resolved when a run is planned."""

    name: str
    prompt: str | None = None
    model: str | None = None
    retriever: Mapping[str, Any] | None = None
    chain: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Experiment:
    """A question with two or more variants, a dataset, scorers and gates chosen beforehand."""

    name: str
    question: str
    dataset: str
    axis: str
    baseline: str
    scorers: tuple[ScorerSpec, ...]
    variants: Mapping[str, VariantSource]
    gates: tuple[Gate, ...] = ()
    repeats: int = 1
    plan: Plan = field(default_factory=Plan)

    @property
    def candidates(self) -> tuple[str, ...]:
        """Variant names other than the baseline, in the file's order."""
        return tuple(name for name in self.variants if name != self.baseline)


@dataclass(frozen=True, slots=True)
class Registration:
    """What was promised before the first call. `body` is canonical; `hash` is its SHA-256.

    `rules` is the hash without the variants: gates, their scorers, dataset and plan.
    """

    experiment: str
    body: Mapping[str, Any]

    @property
    def hash(self) -> str:
        """64 hex digits over everything that is registered."""
        return content_hash(self.body)

    @property
    def rules(self) -> str:
        """64 hex digits over everything but the variants.

        Another name for the same commit makes no other rules: of a baseline `NAME@REF` only NAME counts.
        """
        rules = {k: v for k, v in self.body.items() if k != "variants"}
        return content_hash({**rules, "baseline": str(rules.get("baseline", "")).partition("@")[0]})


def register(
    experiment: Experiment,
    variants: Mapping[str, Variant],
    dataset_hash: str,
    dataset_roles: Mapping[str, Any],
    scorer_fingerprints: Mapping[str, str],
) -> Registration:
    """The registration of an experiment. `scorer_fingerprints` maps every scorer's name to its fingerprint;

    only those that a gate names are registered, so that adding a scorer that gates nothing changes no verdict.
    """
    gated = {gate.metric for gate in experiment.gates}
    body = {
        "experiment": experiment.name,
        "dataset": {"hash": dataset_hash, **dataset_roles},
        "baseline": experiment.baseline,
        "axis": experiment.axis,
        "variants": {name: variant.hash for name, variant in variants.items()},
        "scorers": {name: fp for name, fp in scorer_fingerprints.items() if name in gated},
        "gates": [gate.record() for gate in experiment.gates],
        "repeats": experiment.repeats,
        "plan": experiment.plan.record(),
    }
    return Registration(experiment.name, body)

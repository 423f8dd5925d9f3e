"""Which scorer a metric's name stands for: the project file's as it is now, else the one that the run had.

A scorer that is added or changed after a run scores its stored outputs when they are compared next; the run's record
does not know it. Where the project is not trusted, or its file cannot be read, only the record speaks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from llmexp_tui.domain.run import RunRecord
from llmexp_tui.domain.score import PEOPLE, against
from llmexp_tui.errors import LlmexpError, UnknownNameError
from llmexp_tui.scoring.human import GRADES, PREFERENCE
from llmexp_tui.store import datasets, experiments
from llmexp_tui.workflows.columns import OUTPUT_FIELDS
from llmexp_tui.workflows.human import human_fingerprint
from llmexp_tui.workflows.session import Session


@dataclass(frozen=True, slots=True)
class Kept:
    """How the store keeps a metric: its name there, who gave the values, whether they are preferences of a pair.

    `over`: which rule makes one value of a row's repeats, and its k; None for their mean.
    """

    metric: str
    by: str = ""
    preference: bool = False
    over: tuple[str, int] | None = None


def declared_scorers(session: Session, experiment: str, dataset: str, dataset_hash: str) -> Mapping[str, str]:
    """Metric name → fingerprint, as the project file has it. Raises LlmexpError where it cannot be told."""
    from llmexp_tui.workflows.prepare import build_scorers, find_experiment
    from llmexp_tui.workflows.versions import dataset_source

    session.require_trust()
    declared = find_experiment(session.project, experiment)
    columns = datasets.resolve_version(session.store, dataset, dataset_hash).columns
    built = build_scorers(session, declared, dataset_source(session, dataset), columns)
    return {name: scorer.fingerprint for name, scorer in built.items()}


def scorers_of(session: Session, record: RunRecord) -> Mapping[str, str]:
    """Metric name → fingerprint for everything that may have scored a run."""
    recorded: dict[str, str] = record.environment.get("scorers", {})
    try:
        return {**recorded, **declared_scorers(session, record.experiment, record.dataset, record.dataset_hash)}
    except LlmexpError:
        return recorded


def metric_of(scorers: Mapping[str, str], metric: str) -> str:
    """A metric as the store names it: a scorer's fingerprint, or a figure of the calls."""
    return scorers.get(metric) or OUTPUT_FIELDS.get(metric, metric)


def kept_of(
    session: Session, scorers: Mapping[str, str], metric: str, baseline: RunRecord, candidate: RunRecord
) -> Kept:
    """Where a metric's values of two runs are: people's under their own fingerprint, a preference by opponent."""
    name = metric_of(scorers, metric)
    try:
        body = experiments.scorer(session.store, name)
    except UnknownNameError:
        return Kept(name)
    settings = body.get("settings", {})
    if body.get("type") == "human":
        preference = settings.get("kind") == "preference"
        kind = PREFERENCE if preference else GRADES
        return Kept(human_fingerprint(kind, baseline, candidate), PEOPLE, preference)
    if body.get("type") == "pairwise" and settings.get("against") == "baseline":
        return Kept(name, against(baseline.id), preference=True)
    over = body.get("shared", {}).get("over_repeats")
    return Kept(name, over=(str(over[0]), int(over[1])) if over else None)


def range_of(session: Session, fingerprint: str) -> tuple[float, float]:
    """Lowest and highest value of a scorer: 0 and 1, but for own code that says otherwise."""
    try:
        body = experiments.scorer(session.store, fingerprint)
    except UnknownNameError:
        return 0.0, 1.0
    own = body.get("settings", {}).get("range")
    if not isinstance(own, list) or len(own) != 2 or body.get("shared", {}).get("threshold") is not None:
        return 0.0, 1.0
    return float(own[0]), float(own[1])

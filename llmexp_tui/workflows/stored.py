"""Prepares an experiment as its runs were started: stored prompt contents, the stored dataset version.

Only what says how to reach a model (key variable, lane, concurrency) and the scorers come from the project file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from llmexp_tui.domain.experiment import Experiment
from llmexp_tui.domain.prompt import Prompt
from llmexp_tui.domain.run import RunRecord
from llmexp_tui.domain.variant import Variant
from llmexp_tui.errors import ConfigError
from llmexp_tui.project.prompts import compile_prompt
from llmexp_tui.store import datasets, experiments, prompts
from llmexp_tui.workflows.prepare import Prepared, build_scorers, build_variant, find_experiment
from llmexp_tui.workflows.session import Session
from llmexp_tui.workflows.versions import dataset_source


def prepare_stored(session: Session, records: Sequence[RunRecord]) -> Prepared:
    """What the runs need to go on. All records belong to one group.

    Raises ConfigError where the project file no longer describes what the runs were started with.
    """
    session.require_trust()
    first = records[0]
    experiment = find_experiment(session.project, first.experiment)
    experiment = replace(
        experiment, repeats=first.repeats, plan=replace(experiment.plan, seed=first.seed)
    )
    found = {record.variant: _variant(session, experiment, record) for record in records}
    source = dataset_source(session, first.dataset)
    version = datasets.resolve_version(session.store, first.dataset, first.dataset_hash)
    return Prepared(
        experiment=experiment,
        source=source,
        dataset=version,
        variants={name: variant for name, (variant, _) in found.items()},
        prompts={name: compile_prompt(prompt) for name, (_, prompt) in found.items()},
        scorers=build_scorers(session, experiment, source, version.columns),
        registration=experiments.registration(session.store, first.registration),
    )


def _variant(session: Session, experiment: Experiment, record: RunRecord) -> tuple[Variant, Prompt]:
    where = f"run {record.id}"
    declared = experiment.variants.get(record.variant.partition("@")[0])
    if declared is None:
        raise ConfigError(
            f'variant "{record.variant}" is no longer in the project file', where=where, mend="start a new run"
        )
    stored = experiments.variant(session.store, record.variant_hash)
    name = (declared.prompt or "").partition("@")[0]
    prompt = prompts.resolve(session.store, name, stored["prompt"]["hash"]).prompt
    variant = replace(build_variant(session.project, experiment, declared, prompt), name=record.variant)
    if variant.hash != record.variant_hash:
        raise ConfigError(
            f'variant "{record.variant}" has changed in the project file since the run was started',
            where=where,
            mend="undo the change, or start a new run",
        )
    return variant, prompt

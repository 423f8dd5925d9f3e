"""The `[experiments.NAME]` sections: question, dataset, variants, and what is registered about them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from llmexp_tui.domain.dataset import DatasetSource
from llmexp_tui.domain.experiment import Experiment, VariantSource
from llmexp_tui.domain.text import one_line
from llmexp_tui.domain.variant import AXES
from llmexp_tui.errors import UnknownNameError
from llmexp_tui.project.gates import read_gates, read_plan, read_scorers
from llmexp_tui.project.sections import Section, dotted

EXPERIMENT_KEYS = (
    "question", "dataset", "axis", "baseline", "scorers", "repeats", "variants", "gates", "plan",
)  # fmt: skip
VARIANT_KEYS = ("prompt", "model", "retriever", "chain")
MAX_REPEATS = 1_000


def read_experiment(
    name: str,
    section: Section,
    datasets: Mapping[str, DatasetSource],
    prompts: Collection[str],
    models: Collection[str],
) -> Experiment:
    """The experiment of one section, every name in it known. Raises ConfigError with file, line and key."""
    section.require("dataset", '"tickets"')
    dataset = _reference(section, "dataset", "dataset", datasets)
    variants = _variants(section, prompts, models)
    scorers = read_scorers(section)
    gates = read_gates(section, scorers, datasets[dataset.partition("@")[0]])
    return Experiment(
        name=name,
        question=section.text_or_none("question") or "",
        dataset=dataset,
        axis=section.choice("axis", "prompt", (*AXES, "any")),
        baseline=_baseline(section, variants),
        scorers=scorers,
        variants=variants,
        gates=gates,
        repeats=section.whole("repeats", 1, 1, MAX_REPEATS),
        plan=read_plan(section, gates),
    )


def _reference(section: Section, key: str, kind: str, known: Collection[str]) -> str:
    """`NAME` or `NAME@VERSION` with a name that is declared."""
    value = section.text(key)
    name, at, version = value.partition("@")
    if name not in known:
        raise UnknownNameError(kind, one_line(name, 60), known, where=section.place(key))
    if at and not version.strip():
        section.refuse(key, f'"{one_line(value, 60)}" names no version', f'write "{name}" or "{name}@VERSION"')
    return value


def _variants(section: Section, prompts: Collection[str], models: Collection[str]) -> dict[str, VariantSource]:
    variants = {}
    for name, table in section.sections("variants", VARIANT_KEYS):
        variants[name] = VariantSource(
            name=name,
            prompt=_reference(table, "prompt", "prompt", prompts) if table.has("prompt") else None,
            model=_model(table, models) if table.has("model") else None,
            retriever=_part(table, "retriever"),
            chain=_part(table, "chain"),
        )
    if not variants:
        mend = f"add [{dotted(section.path)}.variants.NAME] with a prompt and a model"
        section.refuse(None, "has no variants", mend)
    return variants


def _model(table: Section, models: Collection[str]) -> str:
    name = table.text("model")
    if name not in models:
        raise UnknownNameError("model", one_line(name, 60), models, where=table.place("model"))
    return name


def _part(table: Section, key: str) -> Mapping[str, Any] | None:
    """A retriever or chain as written; its own settings are checked where it is built."""
    if not table.has(key):
        return None
    part = table.section(key, None)
    return {name: part.plain(name, value) for name, value in part.values.items()}


def _baseline(section: Section, variants: Mapping[str, VariantSource]) -> str:
    if not section.has("baseline") and len(variants) == 1:
        return next(iter(variants))
    section.require("baseline", f'"{next(iter(variants))}"')
    name = section.text("baseline")
    if name not in variants:
        raise UnknownNameError("variant", one_line(name, 60), variants, where=section.place("baseline"))
    return name

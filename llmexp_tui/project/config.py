"""llmexp.toml: one strict reading of the whole file, or one error that names file, line, key and remedy.

Reading it calls nothing, opens no other file and trusts nothing: what needs trust is found by the trust module.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from llmexp_tui.domain.dataset import DatasetSource
from llmexp_tui.domain.experiment import Experiment
from llmexp_tui.domain.hashing import text_hash
from llmexp_tui.domain.variant import Model
from llmexp_tui.errors import ConfigError
from llmexp_tui.project.experiments import EXPERIMENT_KEYS, read_experiment
from llmexp_tui.project.files import FileSource, safe_relpath
from llmexp_tui.project.locate import PROJECT_FILE
from llmexp_tui.project.models import MODEL_KEYS, read_model
from llmexp_tui.project.sections import Document, Section

TOP_KEYS = ("datasets", "prompts", "models", "experiments", "budget")
DATASET_KEYS = ("path", "id", "expected", "cluster", "slices", "split")
PROMPT_KEYS = ("path",)
BUDGET_KEYS = ("max_cost_usd",)


@dataclass(frozen=True, slots=True)
class Project:
    """Everything a project file declares, in the file's order. `hash` is that of the file's text (64 hex digits).

    `datasets` and `prompts` hold paths relative to `root`, inside it; `max_cost_usd` caps what all its runs cost.
    """

    root: Path
    datasets: Mapping[str, DatasetSource]
    prompts: Mapping[str, str]
    models: Mapping[str, Model]
    experiments: Mapping[str, Experiment]
    max_cost_usd: float | None
    hash: str


def load_project(files: FileSource, root: Path) -> Project:
    """The project that `files` hold. Raises ConfigError, for whatever the file contains (GitError at a commit)."""
    text = files.read_text(PROJECT_FILE)
    document = Document(text, files.describe(PROJECT_FILE))
    try:
        return _read(document, root)
    except RecursionError:
        raise ConfigError("nested too deeply", where=document.shown, mend="make it flatter") from None


def _read(document: Document, root: Path) -> Project:
    top = document.root(TOP_KEYS)
    datasets = {name: _dataset(name, section) for name, section in top.sections("datasets", DATASET_KEYS)}
    prompts = {name: _path(section, '"prompts/triage.md"') for name, section in top.sections("prompts", PROMPT_KEYS)}
    models = {name: read_model(name, section) for name, section in top.sections("models", MODEL_KEYS)}
    experiments = {
        name: read_experiment(name, section, datasets, prompts, models)
        for name, section in top.sections("experiments", EXPERIMENT_KEYS)
    }
    return Project(
        root=root,
        datasets=datasets,
        prompts=prompts,
        models=models,
        experiments=experiments,
        max_cost_usd=top.section("budget", BUDGET_KEYS).number_or_none("max_cost_usd", 0),
        hash=text_hash(document.text),
    )


def _dataset(name: str, section: Section) -> DatasetSource:
    return DatasetSource(
        name=name,
        path=_path(section, '"datasets/rows.csv"'),
        id=section.text_or_none("id"),
        expected=section.text_or_none("expected"),
        cluster=section.text_or_none("cluster"),
        slices=section.texts("slices"),
        split=section.text_or_none("split"),
    )


def _path(section: Section, example: str) -> str:
    """A path inside the project. Datasets are no exception: what they hold is sent to a provider."""
    section.require("path", example)
    return safe_relpath(section.text("path"), where=section.place("path"))

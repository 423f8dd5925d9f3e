"""Records what is on disk now as versions: datasets and prompts, with who, when and at which commit."""

from __future__ import annotations

from llmexp_tui.domain.dataset import DatasetSource, DatasetVersion
from llmexp_tui.domain.prompt import Prompt, PromptVersion
from llmexp_tui.errors import UnknownNameError
from llmexp_tui.project.datasets import columns_of, file_stamp, read_rows
from llmexp_tui.project.files import FileSource
from llmexp_tui.project.git_ref import GitTree, resolve_commit
from llmexp_tui.project.identity import git_state
from llmexp_tui.project.prompts import load_prompt
from llmexp_tui.store import datasets, prompts
from llmexp_tui.workflows.session import Session


def dataset_source(session: Session, name: str) -> DatasetSource:
    """The dataset's entry in the project file. Raises UnknownNameError."""
    try:
        return session.project.datasets[name]
    except KeyError:
        raise UnknownNameError("dataset", name, session.project.datasets) from None


def record_dataset(
    session: Session, name: str, *, tag: str | None = None, changelog: str | None = None
) -> DatasetVersion:
    """The version that the dataset's file holds now; stored if it is new. Raises DatasetError."""
    source = dataset_source(session, name)
    path = session.root / source.path
    stamp = file_stamp(path, source)
    known = datasets.version_of_stamp(session.store, name, stamp)
    if known is not None and tag is None:
        return known
    version, created = datasets.add_version(
        session.store,
        name,
        read_rows(path, source),
        columns=columns_of(path, source),
        author=session.who,
        at=session.at(),
        changelog=changelog,
        tag=tag,
        stamp=stamp,
    )
    if created:
        session.audit("dataset.version", f"{name}@{version.label}", {"hash": version.hash, "rows": version.rows})
    return version


def resolve_dataset(session: Session, ref: str) -> tuple[DatasetSource, DatasetVersion]:
    """`NAME` (what is on disk now), `NAME@tag` or `NAME@<hash prefix>`."""
    name, _, version = ref.partition("@")
    source = dataset_source(session, name)
    if not version:
        return source, record_dataset(session, name)
    return source, datasets.resolve_version(session.store, name, version)


def record(session: Session, prompt: Prompt) -> PromptVersion:
    """Stores a prompt's content as a version if it is new."""
    state = git_state(session.root)
    version, created = prompts.record(
        session.store, prompt, author=session.who, at=session.at(), commit=state.commit, dirty=state.dirty
    )
    if created:
        session.audit("prompt.version", f"{prompt.name}@{version.hash[:12]}", {"commit": state.commit})
    return version


def record_prompt(session: Session, name: str) -> PromptVersion:
    """The version that the prompt's working file holds now; stored if it is new. Raises PromptError."""
    return record(session, _load(session, session.files, name))


def resolve_prompt(session: Session, ref: str) -> Prompt:
    """`NAME` (the working file), `NAME@label`, `NAME@<hash prefix>` or `NAME@git:REF`."""
    name, _, version = ref.partition("@")
    if name not in session.project.prompts:
        raise UnknownNameError("prompt", name, session.project.prompts)
    if not version:
        return _load(session, session.files, name)
    if version.startswith("git:"):
        commit = resolve_commit(session.root, version.removeprefix("git:"))
        return _load(session, GitTree(session.root, commit), name)
    return prompts.resolve(session.store, name, version).prompt


def _load(session: Session, files: FileSource, name: str) -> Prompt:
    if name not in session.project.prompts:
        raise UnknownNameError("prompt", name, session.project.prompts)
    return load_prompt(files, name, session.project.prompts[name])

"""`doctor`: looks at everything that a run would need and says what is missing or broken. Calls and mends nothing."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from llmexp_tui.domain.variant import Model
from llmexp_tui.errors import DatasetError, PromptError
from llmexp_tui.project.prompts import compile_prompt
from llmexp_tui.project.trust import is_trusted, powers
from llmexp_tui.providers.base import key_env_of, key_of
from llmexp_tui.store import health
from llmexp_tui.workflows.session import Session
from llmexp_tui.workflows.versions import record_dataset, resolve_prompt

PACKAGES = ("llmexp-tui", "textual", "sqlmodel", "litellm", "scipy", "numpy", "rich", "aiohttp")
BUILT_IN = "demo/"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """`facts` are (what, how it is); `problems` a sentence each, empty where a run has all it needs."""

    facts: tuple[tuple[str, str], ...]
    problems: tuple[str, ...]


def diagnose(session: Session) -> Diagnosis:
    """Reads the project and the whole store. Slow where the store is large: every row is hashed."""
    found = powers(session.project, session.root)
    trusted = session.flag_trust or is_trusted(session.root, found)
    facts = [("project", str(session.root)), *_store_facts(session), ("python", platform.python_version())]
    facts += [(name, _version(name)) for name in PACKAGES]
    facts += [(f"model {model.name}", _key(session, model)) for model in session.project.models.values()]
    facts += [("power", f"{power.kind} {power.detail} in {power.holder}") for power in found]
    facts.append(("trusted", "not needed" if not found else "yes" if trusted else "no"))
    problems = [*health.problems(session.store), *_broken_files(session), *_missing_keys(session)]
    if found and not trusted:
        problems.append("the project uses powers and is not trusted: open the app to decide, or say --trust")
    return Diagnosis(tuple(facts), tuple(problems))


def _store_facts(session: Session) -> list[tuple[str, str]]:
    found = health.facts(session.store)
    facts = [
        ("store", str(session.store.path)),
        ("size", f"{found.size / 1e6:.1f} MB, log {found.log_size / 1e6:.1f} MB"),
        ("schema", str(found.schema)),
        ("journal", found.journal),
        ("sqlite", found.sqlite + (" (checkpoints guarded by our own lock)" if found.exposed else "")),
    ]
    return [*facts, *(("note", note) for note in found.notes)]


def _broken_files(session: Session) -> list[str]:
    found = []
    for name in session.project.datasets:
        try:
            record_dataset(session, name)
        except DatasetError as error:
            found.append(error.sentence)
    for name in session.project.prompts:
        try:
            compile_prompt(resolve_prompt(session, name))
        except PromptError as error:
            found.append(error.sentence)
    return found


def _missing_keys(session: Session) -> list[str]:
    return [
        f"models.{model.name}: the variable {key_env_of(model)} with the key is not set"
        for model in session.project.models.values()
        if _needs_key(model) and not key_of(model, session.env)
    ]


def _needs_key(model: Model) -> bool:
    """A key is needed unless the model is built in, or served by an address of one's own without one named."""
    if model.model.startswith(BUILT_IN) or key_env_of(model) is None:
        return False
    return model.api_base is None or model.api_key_env is not None


def _key(session: Session, model: Model) -> str:
    if not _needs_key(model):
        return f"{model.model}, no key needed"
    return f"{model.model}, key in {key_env_of(model)}" + ("" if key_of(model, session.env) else " (not set)")


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"

"""Powers: what a project may only do where a person said so, because a stranger may have written it.

A power is code, a command, an address that is not the provider's own. It is remembered by the hash of what holds
it, in the user's own folder outside every project: change the code and the question comes back.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs
import tomli_w

from llmexp_tui.domain.experiment import Experiment
from llmexp_tui.domain.hashing import content_hash
from llmexp_tui.domain.text import one_line
from llmexp_tui.domain.variant import Model
from llmexp_tui.errors import ConfigError, TrustError
from llmexp_tui.project.config import Project
from llmexp_tui.project.files import WorkTree
from llmexp_tui.providers.addresses import is_own_base

TRUST_VARIABLE = "LLMEXP_TRUST"
_POWER_KEYS = ("python", "command", "http", "url", "api_base")
_MAX_DEPTH = 20
_MAX_CODE_FILES = 500
_SKIPPED = frozenset({"node_modules", "__pycache__", "site-packages", "venv"})


@dataclass(frozen=True, slots=True)
class Power:
    """`kind` is api_base, python, command or http, `detail` what it reaches, `holder` the place that declares it.

    `hash` changes whenever what holds the power does, a code file's content included.
    """

    kind: str
    detail: str
    holder: str
    hash: str


def powers(project: Project, root: Path) -> tuple[Power, ...]:
    """Every power the project declares, in the file's order. Reads code files to hash them, runs nothing."""
    tree = WorkTree(root)
    found = [power for model in project.models.values() for power in _of_model(model)]
    for experiment in project.experiments.values():
        found += _of_experiment(experiment, tree)
    return tuple(dict.fromkeys(found))


def _of_model(model: Model) -> Iterator[Power]:
    if not is_own_base(model):  # any other address, the loopback included, would be handed the provider's key
        yield _power("api_base", model.api_base or "", f"models.{model.name}", [model.model, model.api_key_env])


def _of_experiment(experiment: Experiment, tree: WorkTree) -> Iterator[Power]:
    where = f"experiments.{experiment.name}"
    for scorer in experiment.scorers:
        yield from _of_table({**scorer.settings}, f"{where}.scorers.{scorer.name}", tree)
    for variant in experiment.variants.values():
        for part, table in (("retriever", variant.retriever), ("chain", variant.chain)):
            if table is not None:
                yield from _of_table(table, f"{where}.variants.{variant.name}.{part}", tree)


def _of_table(value: Any, holder: str, tree: WorkTree, depth: int = 0) -> Iterator[Power]:
    """Powers anywhere inside a table."""
    if depth > _MAX_DEPTH:
        return
    if isinstance(value, list):
        for item in value:
            yield from _of_table(item, holder, tree, depth + 1)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if key in _POWER_KEYS:
                kind = "http" if key == "url" else key
                yield _power(kind, _shown(item), holder, [item, _code(kind, item, tree)])
            else:
                yield from _of_table(item, holder, tree, depth + 1)


def _shown(item: Any) -> str:
    return " ".join(map(str, item)) if isinstance(item, list) else str(item)


def _power(kind: str, detail: str, holder: str, content: Any) -> Power:
    return Power(kind, one_line(detail, 160), holder, content_hash([kind, detail, content]))


def _code(kind: str, item: Any, tree: WorkTree) -> list[list[str]]:
    """(path, hash) of the files that a power runs: the one it names and, for Python, what that could import."""
    if kind == "python" and isinstance(item, str):
        named = item.rpartition(":")[0] or item
        return _hashes([named, *_python_files(tree.root)], tree)
    if kind == "command":
        words = [str(word) for word in (item if isinstance(item, list) else str(item).split())]
        imports = any(word.endswith(".py") or word == "-m" for word in words)
        return _hashes([*words, *(_python_files(tree.root) if imports else ())], tree)
    return []


def _python_files(root: Path) -> list[str]:
    paths: list[str] = []
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(f for f in folders if not f.startswith(".") and f not in _SKIPPED)
        paths += [os.path.relpath(os.path.join(folder, n), root) for n in sorted(names) if n.endswith(".py")]
        if len(paths) > _MAX_CODE_FILES:
            break
    return [path.replace(os.sep, "/") for path in paths[:_MAX_CODE_FILES]]


def _hashes(paths: Iterable[str], tree: WorkTree) -> list[list[str]]:
    found = []
    for path in dict.fromkeys(paths):
        try:
            data = tree.read_bytes(path)
        except ConfigError:
            continue
        found.append([path, content_hash(data.hex())])
    return found


def trust_file() -> Path:
    """Where trust is remembered: the user's own settings folder, never the project."""
    return Path(platformdirs.user_config_path("llmexp-tui")) / "trust.toml"


def is_trusted(root: Path, found: Iterable[Power]) -> bool:
    """True where each of these powers was trusted in this folder, as it is now."""
    known = {(entry.get("root"), entry.get("hash")) for entry in _entries(root)}
    return all((str(root.resolve()), power.hash) in known for power in found)


def remember_trust(root: Path, found: Iterable[Power], at: str) -> None:
    """Remembers that a person trusts these powers in this folder; `at` is RFC 3339. Raises TrustError."""
    here, new = str(root.resolve()), list(found)
    hashes = {power.hash for power in new}
    entries = [e for e in _entries(root) if (e.get("root"), e.get("hash")) not in {(here, h) for h in hashes}]
    entries += [
        {"root": here, "hash": p.hash, "kind": p.kind, "detail": p.detail, "holder": p.holder, "at": at} for p in new
    ]
    file = trust_file()
    if _inside(file, root):
        raise TrustError("the settings folder lies inside the project", where=str(file), mend="set XDG_CONFIG_HOME")
    temporary = file.with_name(f"{file.name}.{os.getpid()}")
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as out:
            out.write(tomli_w.dumps({"trusted": entries}).encode())
        temporary.replace(file)
    except OSError as error:
        raise TrustError(f"trust cannot be remembered: {error.strerror}", where=str(file)) from None


def _entries(root: Path) -> list[dict[str, Any]]:
    """What is remembered. A file inside the project could be anybody's, so it does not count."""
    file = trust_file()
    if _inside(file, root):
        return []
    try:
        entries = tomllib.loads(file.read_text("utf-8")).get("trusted", [])
    except (OSError, ValueError):
        return []
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


def _inside(file: Path, root: Path) -> bool:
    return file.resolve().is_relative_to(root.resolve())


def require_trust(project: Project, root: Path, *, flag: bool, env: Mapping[str, str]) -> None:
    """Raises TrustError, naming the powers, where the project has some and nobody said that it may.

    Nobody can say so for a fork's pull request in a job that holds secrets.
    """
    found = powers(project, root)
    if not found:
        return
    first = found[0]
    used = f"{first.holder} uses {first.kind} = {first.detail}"
    if len(found) > 1:
        used += f" and {len(found) - 1} more"
    if _is_strangers_pull_request(env):
        raise TrustError(
            f"this job holds secrets and checks a fork's pull request, and {used}",
            mend="run the check on `pull_request`, where a fork gets no secrets",
        )
    if not flag and env.get(TRUST_VARIABLE) != "1" and not is_trusted(root, found):
        raise TrustError(
            f"this project is not trusted, and {used}",
            mend=f"read what it does, then pass --trust or set {TRUST_VARIABLE}=1, or trust it once in the app",
        )


def _is_strangers_pull_request(env: Mapping[str, str]) -> bool:
    """True in a GitHub job that runs with the base's secrets over the tree of a fork, or of who knows whom."""
    if env.get("GITHUB_EVENT_NAME") != "pull_request_target":
        return False
    try:
        event = json.loads(Path(env["GITHUB_EVENT_PATH"]).read_bytes())["pull_request"]
        return bool(event["head"]["repo"]["full_name"] != event["base"]["repo"]["full_name"])
    except (OSError, ValueError, LookupError, TypeError):
        return True

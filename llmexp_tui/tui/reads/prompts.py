"""Prompt versions, labels, who used what; and the few things the app changes about prompts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from llmexp_tui.domain.prompt import LabelMove, PromptVersion
from llmexp_tui.errors import LlmexpError, UnknownNameError
from llmexp_tui.project.prompts import compile_prompt
from llmexp_tui.store import prompts, runs
from llmexp_tui.tui.reads.runs import group_lines
from llmexp_tui.tui.state.format import plural, short_hash
from llmexp_tui.tui.state.runs import GroupLine
from llmexp_tui.tui.state.versions import PromptLine, Recorded, version_key
from llmexp_tui.workflows.label import move_label, roll_back
from llmexp_tui.workflows.session import Session
from llmexp_tui.workflows.versions import record_prompt, resolve_prompt

_RUNS = 2_000


@dataclass(frozen=True, slots=True)
class LabelRequest:
    """Which label goes to which version, and why."""

    prompt: str
    label: str
    hash: str
    reason: str = ""


def read_prompts(session: Session) -> tuple[PromptLine, ...]:
    """Every version of every prompt, newest first under each name, with the number of runs that used it."""
    used = Counter(
        digest
        for record in runs.find_runs(session.store, limit=_RUNS)
        if (digest := record.environment.get("prompts", {}).get(record.variant))
    )
    lines = []
    for name in prompts.names(session.store):
        on_disk = _hash_on_disk(session, name)
        for version in prompts.versions(session.store, name):
            lines.append(PromptLine(version, used[version.hash], version.hash == on_disk))
    return tuple(lines)


def _hash_on_disk(session: Session, name: str) -> str | None:
    try:
        return resolve_prompt(session, name).hash
    except LlmexpError:
        return None


def set_label(request: LabelRequest, session: Session) -> LabelMove:
    """Move a label."""
    return move_label(session, request.prompt, request.label, request.hash, request.reason)


def take_back(prompt: str, label: str, session: Session) -> LabelMove:
    """Put a label back where it was."""
    return roll_back(session, prompt, label)


def read_moves(prompt: str, session: Session) -> list[LabelMove]:
    """Every move of the prompt's labels, newest first."""
    return prompts.label_history(session.store, prompt)


def read_runs_of(digest: str, session: Session) -> tuple[GroupLine, ...]:
    """The groups of runs that used a version, newest first."""
    records = [
        record
        for record in runs.find_runs(session.store, limit=_RUNS)
        if record.environment.get("prompts", {}).get(record.variant) == digest
    ]
    return group_lines(session, records)


def record_prompts(session: Session) -> Recorded:
    """Record what every prompt file holds now; says what is new, and what is wrong with it."""
    known = {
        version.hash for name in prompts.names(session.store) for version in prompts.versions(session.store, name)
    }
    found = [record_prompt(session, name) for name in session.project.prompts]
    new = [version for version in found if version.hash not in known]
    if not new:
        return Recorded("Nothing new: every file holds what is recorded")
    named = ", ".join(f"{version.prompt.name} {short_hash(version.hash)}" for version in new)
    words = ". ".join((f"{plural(len(new), 'new version')}: {named}", *(_faults(new))))
    return Recorded(words, tuple(version_key(version.prompt.name, version.hash) for version in new))


def _faults(versions: Sequence[PromptVersion]) -> Iterator[str]:
    """Why a version cannot be run, as its reader knows without any data."""
    for version in versions:
        try:
            compile_prompt(version.prompt)
        except LlmexpError as error:
            yield f"It cannot be run: {error.sentence}"


def prompt_path(name: str, session: Session) -> str:
    """The prompt's file. Raises UnknownNameError where the project no longer has it."""
    path = session.project.prompts.get(name)
    if path is None:
        raise UnknownNameError("prompt", name, session.project.prompts, where="llmexp.toml")
    return str(session.root / path)

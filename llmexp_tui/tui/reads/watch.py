"""What a saved file means: which versions are new, which experiments it touches, which runs are obsolete."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from llmexp_tui.domain.experiment import Experiment
from llmexp_tui.domain.prompt import PromptVersion
from llmexp_tui.domain.run import SLOT_MAIN, RunRecord, RunStatus
from llmexp_tui.errors import LlmexpError
from llmexp_tui.project.config import Project, load_project
from llmexp_tui.project.locate import PROJECT_FILE
from llmexp_tui.reports.record import ExperimentReport
from llmexp_tui.scoring.own_files import imported_files
from llmexp_tui.store import comparisons, prompts, runs
from llmexp_tui.tui.reads.decode import report_of
from llmexp_tui.tui.reads.runs import read_active, stop_group
from llmexp_tui.tui.state.format import plural
from llmexp_tui.tui.state.rows import RowQuery
from llmexp_tui.workflows.session import Session
from llmexp_tui.workflows.versions import record_dataset, record_prompt, resolve_prompt

_JUDGEABLE = (RunStatus.COMPLETE, RunStatus.STOPPED_EARLY)


@dataclass(frozen=True, slots=True)
class Reaction:
    """What was made of a change: (version before, version now) of prompts, experiments queued, the project since."""

    paths: tuple[str, ...]
    project: Project
    prompts: tuple[tuple[PromptVersion | None, PromptVersion], ...] = ()
    experiments: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """One sentence for the toast."""
        what = self.paths[0] if len(self.paths) == 1 else plural(len(self.paths), "file")
        if not self.experiments:
            return f"{what} changed; no experiment uses it"
        return f"{what} changed; running {', '.join(self.experiments)}"


def watched_paths(session: Session) -> tuple[Path, ...]:
    """Every file that a run depends on: the project file, prompts with all they pull in, datasets, scorers'

    code, rubrics and schemas; relative.
    """
    paths = {Path(PROJECT_FILE)}
    paths.update(Path(source.path) for source in session.project.datasets.values())
    for name, path in session.project.prompts.items():
        paths.add(Path(path))
        paths.update(_pulled_in(session, name, Path(path).parent))
    for experiment in session.project.experiments.values():
        paths.update(_named_files(session, experiment))
    return tuple(sorted(paths))


def _named_files(session: Session, experiment: Experiment) -> Iterable[Path]:
    """Files that an experiment's scorers, chains and retrievers name, and what Python scripts among them import:

    any setting that is a file of the project.
    """
    tables: list[Any] = [scorer.settings for scorer in experiment.scorers]
    tables += [part for variant in experiment.variants.values() for part in (variant.retriever, variant.chain)]
    for words in _texts(tables):
        for candidate in (words, words.rpartition(":")[0]):
            if candidate and "\0" not in candidate and (session.root / candidate).is_file():
                yield Path(candidate)
                yield from _imported(session.root / candidate, session.root)


def _imported(script: Path, root: Path) -> Iterator[Path]:
    """What a script imports from the project, where it is one: it is part of the scorer's fingerprint."""
    if script.suffix == ".py":
        for file in imported_files(script, script.read_text("utf-8", "replace")):
            if file.is_relative_to(root):
                yield file.relative_to(root)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from _texts(list(value.values()))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)


def _pulled_in(session: Session, name: str, folder: Path) -> Iterable[Path]:
    """Files are written in a prompt relative to itself or to the project; whichever exists is watched."""
    try:
        files = resolve_prompt(session, name).files
    except LlmexpError:
        return
    for written in files:
        for candidate in (folder / written, Path(written)):
            if (session.root / candidate).is_file():
                yield candidate


def react(changed: frozenset[Path], session: Session, before: Project) -> Reaction:
    """Record the new versions, stop what became obsolete, queue what is touched. Raises LlmexpError.

    `before` is the project of the last reaction: the session's own may have been read anew since, by who follows it.
    """
    now = before
    if Path(PROJECT_FILE) in changed:
        now = session.project = load_project(session.files, session.root)
    names = [name for name, path in session.project.prompts.items() if _touches(session, name, path, changed)]
    pairs = tuple(_recorded(session, name) for name in names)
    data = [name for name, source in session.project.datasets.items() if Path(source.path) in changed]
    for name in data:
        record_dataset(session, name)
    touched = tuple(
        name
        for name, experiment in session.project.experiments.items()
        if _uses(session, name, set(names), set(data))
        or any(file in changed for file in _named_files(session, experiment))
        or _described(now, name) != _described(before, name)
    )
    if not touched:  # a file that is gone may belong to a prompt that cannot be read without it, which says so here
        for name in session.project.prompts:
            resolve_prompt(session, name)
    _run_again(session, touched)
    return Reaction(tuple(sorted(str(path) for path in changed)), now, pairs, touched)


def _touches(session: Session, name: str, path: str, changed: frozenset[Path]) -> bool:
    return Path(path) in changed or any(file in changed for file in _pulled_in(session, name, Path(path).parent))


def _recorded(session: Session, name: str) -> tuple[PromptVersion | None, PromptVersion]:
    known = prompts.versions(session.store, name)
    version = record_prompt(session, name)
    before = next((item for item in known if item.hash != version.hash), None)
    return before, version


def _uses(session: Session, experiment: str, prompt_names: set[str], dataset_names: set[str]) -> bool:
    declared = session.project.experiments[experiment]
    return declared.dataset in dataset_names or any(
        variant.prompt in prompt_names for variant in declared.variants.values()
    )


def _described(project: Project, name: str) -> tuple[Any, ...] | None:
    """All that the project file says of what an experiment runs; its question is only for people."""
    declared = project.experiments.get(name)
    if declared is None:
        return None
    used = {variant.model or "" for variant in declared.variants.values()}
    used |= set(_texts([scorer.settings for scorer in declared.scorers]))
    prompts_used = {(variant.prompt or "").partition("@")[0] for variant in declared.variants.values()}
    return (
        replace(declared, question=""),
        project.datasets.get(declared.dataset.partition("@")[0]),
        {model: project.models[model] for model in used if model in project.models},
        {prompt: project.prompts[prompt] for prompt in prompts_used if prompt in project.prompts},
    )


def _run_again(session: Session, experiments: Iterable[str]) -> None:
    from llmexp_tui.workflows.start import queue_run

    wanted = set(experiments)
    for group in read_active(session):
        if group.experiment in wanted:
            stop_group(group.group, "drain", session)
    for name in experiments:
        kind = "check" if session.project.experiments[name].gates else "run"
        queue_run(session, kind, name, {})


@dataclass(frozen=True, slots=True)
class WatchedRun:
    """What a save came to: the experiment's report, and which rows answer otherwise than before the save."""

    experiment: str
    variant: str
    report: ExperimentReport | None
    asked: RowQuery | None


def _holds(record: RunRecord, reaction: Reaction) -> bool:
    """Whether a run used what was saved, if that was its prompt: the run of an earlier save is not its outcome."""
    used = record.environment.get("prompts", {}).get(record.variant)
    return not reaction.prompts or used in {version.hash for _, version in reaction.prompts}


def read_watched(reaction: Reaction, session: Session) -> WatchedRun | None:
    """The newest results of the first experiment that the save touched; None where it touched none."""
    if not reaction.experiments:
        return None
    name = reaction.experiments[0]
    declared = session.project.experiments[name]
    changed = {version.prompt.name for _, version in reaction.prompts}
    variant = next((v for v, source in declared.variants.items() if source.prompt in changed), declared.baseline)
    stored = comparisons.latest(session.store, name)
    report = report_of(stored[0].body) if stored else None
    done = runs.find_runs(session.store, experiment=name, slot=SLOT_MAIN, statuses=_JUDGEABLE)
    own = [record for record in done if record.variant == variant]
    now = own[0] if own and _holds(own[0], reaction) else None
    before = next((record for record in own[1:] if now and record.variant_hash != now.variant_hash), None)
    if before is None and now is not None:
        before = next((r for r in done if r.group == now.group and r.variant == declared.baseline), None)
    asked = None
    if now is not None and before is not None and before.id != now.id and declared.scorers:
        metric = declared.scorers[0].name
        direction = (
            next((m.direction for m in report.metrics if m.metric == metric), "higher") if report else "higher"
        )
        asked = RowQuery(before.id, now.id, metric, direction, filter="flipped", sort="change")
    return WatchedRun(name, variant, report, asked)

"""What Home shows: newest stored comparisons, and which files are not what the newest runs used."""

from __future__ import annotations

from collections.abc import Container, Mapping
from difflib import SequenceMatcher

from llmexp_tui.domain.experiment import Experiment
from llmexp_tui.domain.run import SLOT_AA, SLOT_MAIN, RunRecord, RunStatus
from llmexp_tui.errors import LlmexpError
from llmexp_tui.project.datasets import file_stamp
from llmexp_tui.project.locate import PROJECT_FILE
from llmexp_tui.reports.record import ExperimentReport
from llmexp_tui.store import comparisons, datasets, overview, prompts, runs
from llmexp_tui.store.comparisons import Comparison
from llmexp_tui.tui.reads.decode import metric_of, report_of
from llmexp_tui.tui.reads.results import knows_of
from llmexp_tui.tui.state.format import plural
from llmexp_tui.tui.state.home import ChangedFile, ExperimentLine, HomeView, headline
from llmexp_tui.tui.state.runs import RESUME_KEY, why_stopped
from llmexp_tui.workflows.prepare import build_variant
from llmexp_tui.workflows.session import Session
from llmexp_tui.workflows.versions import resolve_prompt

_TREND = 12
_RECENT = 40
_JUDGED = (RunStatus.COMPLETE, RunStatus.STOPPED_EARLY)
_BUSY = (RunStatus.QUEUED, RunStatus.RUNNING)


def read_home(session: Session) -> HomeView:
    """Every experiment of the project file in its order, then what changed."""
    newest = {item.experiment: item for item in comparisons.latest(session.store)}
    records = {name: _newest_run(session, name) for name in session.project.experiments}
    dead = {record.id for record in overview.dead_runs(session.store, session.now())}
    going = runs.find_runs(session.store, statuses=_BUSY, limit=_RECENT)
    busy = {record.experiment for record in going if record.id not in dead}
    changed = _changed(session, records)
    touched = {name for item in changed for name in item.experiments}
    lines = []
    for name, experiment in session.project.experiments.items():
        found = newest.get(name)
        record = records[name]
        report = report_of(found.body) if found else None
        lines.append(
            ExperimentLine(
                name=name,
                question=experiment.question,
                report=report,
                compared_at=found.at if found else None,
                trend=_trend(session, name) if found else (),
                stale=name in touched or bool(found and record and record.group != found.group),
                running=name in busy,
                uncompared=_uncompared(session, name, found),
                floor_at=_floor_at(session, name, report),
                broken=_broken(record, dead) if record is not None and report is None else None,
            )
        )
    return HomeView(session.root.name, tuple(lines), changed, ran=any(records.values()))


def _newest_run(session: Session, name: str) -> RunRecord | None:
    found = runs.find_runs(session.store, experiment=name, slot=SLOT_MAIN, limit=1)
    return found[0] if found else None


def _broken(newest: RunRecord, dead: Container[str]) -> tuple[str, str] | None:
    """How the newest run ended and why, where it did not come to its end."""
    if newest.id in dead:
        return RunStatus.INTERRUPTED.value, f"its process is gone; {RESUME_KEY}"
    ended_badly = newest.status not in (*_JUDGED, *_BUSY)
    return (newest.status.value, why_stopped(newest)) if ended_badly else None


def _uncompared(session: Session, name: str, newest: Comparison | None) -> str | None:
    """The group of the newest complete runs, where there are two sides and no comparison knows of it."""
    done = runs.find_runs(session.store, experiment=name, slot=SLOT_MAIN, statuses=_JUDGED, limit=_RECENT)
    ran = {record.variant for record in done}
    experiment = session.project.experiments[name]
    if experiment.baseline not in ran or not ran.intersection(experiment.candidates):
        return None
    return None if newest is not None and knows_of(newest, done[0]) else done[0].group


def _floor_at(session: Session, name: str, report: ExperimentReport | None) -> str | None:
    """When the baseline last ran against itself to the end, whichever experiment measured it."""
    if report is None or report.baseline is None:
        found = runs.find_runs(session.store, experiment=name, slot=SLOT_AA, statuses=_JUDGED, limit=1)
    else:
        baseline = runs.get_run(session.store, report.baseline.id)
        found = runs.find_runs(
            session.store, variant_hash=baseline.variant_hash, dataset_hash=baseline.dataset_hash,
            slot=SLOT_AA, statuses=_JUDGED, limit=1,
        )  # fmt: skip
    return found[0].ended_at if found else None


def _trend(session: Session, name: str) -> tuple[float, ...]:
    """The deciding metric's candidate value over the newest runs that were compared, oldest first."""
    newest = {item.group: item for item in reversed(comparisons.history(session.store, name, limit=_RECENT))}
    history = sorted(newest.values(), key=lambda item: item.no, reverse=True)[:_TREND]
    if len(history) < 2:
        return ()
    head = headline(report_of(history[0].body))
    if head is None:
        return ()
    values = []
    for item in reversed(history):
        for entry in item.body["metrics"]:
            same = (entry["candidate"], entry["metric"], entry["statistic"]) == (
                head.candidate, head.metric, head.statistic)  # fmt: skip
            if same and (value := metric_of(entry).candidate_value) is not None:
                values.append(value)
                break
    return tuple(values)


def _changed(session: Session, records: Mapping[str, RunRecord | None]) -> tuple[ChangedFile, ...]:
    """Files, and variants of the project file, that differ from what the newest run of an experiment used."""
    found: dict[str, tuple[str, set[str]]] = {}
    for name, record in records.items():
        if record is None:
            continue
        experiment = session.project.experiments[name]
        changes = (
            *_prompt_changes(session, experiment, record),
            *_dataset_changes(session, record),
            *_settings_changes(session, experiment, record),
        )
        for path, what in changes:
            found.setdefault(path, (what, set()))[1].add(name)
    return tuple(ChangedFile(path, what, tuple(sorted(names))) for path, (what, names) in found.items())


def _prompt_changes(session: Session, experiment: Experiment, record: RunRecord) -> list[tuple[str, str]]:
    used: Mapping[str, str] = record.environment.get("prompts", {})
    changes = []
    for name, variant in experiment.variants.items():
        old = used.get(name)
        if old is None or variant.prompt is None or "@" in variant.prompt:
            continue
        try:
            now = resolve_prompt(session, variant.prompt)
        except LlmexpError as error:
            changes.append((session.project.prompts.get(variant.prompt, variant.prompt), error.what))
            continue
        if now.hash != old:
            changes.append((now.path, _lines(session, variant.prompt, old, now.text)))
    return changes


def _settings_changes(session: Session, experiment: Experiment, record: RunRecord) -> list[tuple[str, str]]:
    """Variants whose prompt is what was run, and their model or another setting is not."""
    names = []
    for run in runs.find_runs(session.store, group=record.group, slot=SLOT_MAIN):
        source = experiment.variants.get(run.variant)
        if source is None or source.prompt is None:
            continue
        try:
            now = build_variant(session.project, experiment, source, resolve_prompt(session, source.prompt))
        except LlmexpError:
            continue  # what keeps it from being run is said before a run
        if now.hash != run.variant_hash and now.prompt_hash == run.environment.get("prompts", {}).get(run.variant):
            names.append(run.variant)
    return [(PROJECT_FILE, f"settings of {', '.join(sorted(names))}")] if names else []


def _lines(session: Session, name: str, old: str, text: str) -> str:
    """How many lines differ from the version that was run."""
    try:
        before = prompts.resolve(session.store, name, old).prompt.text.splitlines()
    except LlmexpError:
        return "changed"
    after = text.splitlines()
    codes = SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    differing = sum(max(i2 - i1, j2 - j1) for tag, i1, i2, j1, j2 in codes if tag != "equal")
    return plural(differing, "line") if differing else "a file it pulls in"


def _dataset_changes(session: Session, record: RunRecord) -> list[tuple[str, str]]:
    source = session.project.datasets.get(record.dataset)
    if source is None or "@" in session.project.experiments[record.experiment].dataset:
        return []
    try:
        stamp = file_stamp(session.root / source.path, source)
    except (LlmexpError, OSError):
        return [(source.path, "cannot be read")]
    version = datasets.version_of_stamp(session.store, source.name, stamp)
    if version is None:
        return [(source.path, "changed")]
    return [] if version.hash == record.dataset_hash else [(source.path, f"now {version.label}")]

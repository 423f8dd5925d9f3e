"""What every forge is told and what it answers, and how the one that runs the gate is found.

A forge posts what the reports made. It judges nothing; what it refuses becomes a notice, never a failed gate.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from llmexp_tui.reports import figures
from llmexp_tui.reports.explain import explain
from llmexp_tui.reports.record import CheckReport


@dataclass(frozen=True, slots=True)
class Mark:
    """One finding to be pinned to a file. `level` is error, warning or notice; `path` is relative to the checkout."""

    path: str
    level: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Posted:
    """What came of posting: lines for the job's log that the forge reads, and notices for people."""

    log_lines: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()


class Forge(Protocol):
    """A place that shows results beside the change they belong to."""

    name: str

    def refusal(self) -> str | None:
        """Why the gate must not run in this job at all, None where it may."""
        ...

    def publish(self, report: CheckReport, marks: Sequence[Mark]) -> Posted:
        """Posts the report. Never raises for what the forge refuses."""
        ...


def find_forge(
    choice: str, env: Mapping[str, str], project: Path, experiments: Sequence[str] = ()
) -> Forge | None:
    """The chosen forge; for `auto` the one whose marks are in the environment, None where there is none.

    experiments: those that the job was told to check. Jobs that share the rest, as a matrix does, differ in them.
    """
    name = _detected(env) if choice == "auto" else choice
    if name == "github":
        from llmexp_tui.forges.github import GitHub

        return GitHub(env, project, experiments)
    if name == "gitlab":
        from llmexp_tui.forges.gitlab import GitLab

        return GitLab(env, project, experiments)
    if name == "buildkite":
        from llmexp_tui.forges.buildkite import Buildkite

        return Buildkite(env, project, experiments)
    return None


def _detected(env: Mapping[str, str]) -> str:
    if env.get("GITHUB_ACTIONS") == "true":
        return "github"
    if env.get("GITLAB_CI") == "true":
        return "gitlab"
    return "buildkite" if env.get("BUILDKITE") == "true" else "none"


def marks_of(report: CheckReport, prompt_paths: Mapping[tuple[str, str], str]) -> list[Mark]:
    """A mark for every registered metric that did not pass. `prompt_paths`: (experiment, variant) → prompt file."""
    levels = {"fail": "error", "inconclusive": "warning"}
    found = []
    for experiment in report.experiments:
        for metric in experiment.metrics:
            path = prompt_paths.get((experiment.name, metric.candidate))
            if path is None or metric.gate not in levels:
                continue
            title = f"{experiment.name}: {figures.metric_title(metric)} {figures.verdict_badge(metric).word}"
            found.append(Mark(path, levels[metric.gate], title, " ".join(explain(metric))))
    return sorted(found, key=lambda mark: mark.level)


def sticky_key(*parts: str) -> str:
    """What tells this job's comment from those of other jobs on the same change; the same on every run."""
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:16]


def marker(key: str) -> str:
    """The first line of a sticky comment. Readers do not see it."""
    return f"<!-- llmexp:{key} -->"


def within(folder: str | None, path: Path) -> str:
    """The path relative to the checkout's folder; "." or the path itself where it lies elsewhere."""
    if not folder:
        return str(path)
    try:
        return path.resolve().relative_to(Path(folder).resolve()).as_posix()
    except ValueError:
        return str(path)

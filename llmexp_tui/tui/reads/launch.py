"""Before and at the start of a run: the plan, the differences, the queue."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from llmexp_tui.domain.variant import FieldDiff, Variant, diff_variants
from llmexp_tui.errors import LlmexpError
from llmexp_tui.project.locate import PROJECT_FILE
from llmexp_tui.tui.state.format import short_hash
from llmexp_tui.tui.state.launch import LaunchChoice, Preflight
from llmexp_tui.workflows.session import Session


def read_preflight(experiment: str, session: Session) -> Preflight:
    """What a run takes and could show. Raises ConfigError and its like where it cannot be run as it is."""
    from llmexp_tui.workflows.plan import plan_experiment
    from llmexp_tui.workflows.prepare import prepare

    plan = plan_experiment(session, experiment)
    prepared = prepare(session, experiment)
    baseline = prepared.variants[prepared.baseline]
    differences = tuple(
        (name, tuple(named_prompts(diff_variants(baseline, variant), baseline, variant)))
        for name in prepared.candidates
        for variant in (prepared.variants[name],)
    )
    return Preflight(plan, differences, prepared.experiment.axis, gated=bool(prepared.experiment.gates))


def named_prompts(fields: Iterable[FieldDiff], left: Variant, right: Variant) -> Iterable[FieldDiff]:
    """The fields, prompts by their names too: a hash alone tells nobody which prompt it is."""
    for field in fields:
        if field.path != "prompt.hash":
            yield field
            continue
        yield replace(field, path="prompt", left=_prompt(left), right=_prompt(right))


def _prompt(variant: Variant) -> str:
    return f"{variant.prompt_ref or variant.prompt_name} {short_hash(variant.prompt_hash)}"


def file_of(error: LlmexpError, root: Path) -> str:
    """The file to mend, relative to the project: the one that the error names, else llmexp.toml."""
    path = (error.where or "").partition(":")[0]
    return path if path and (root / path).is_file() else PROJECT_FILE


def start_run(experiment: str, choice: LaunchChoice, session: Session) -> str:
    """Queue the run; a worker process takes it. The group's id."""
    from llmexp_tui.workflows.start import queue_run

    wanted: dict[str, Any] = {"fresh": choice.fresh or None}
    if choice.sized:
        wanted |= {"rows": choice.rows, "repeats": choice.repeats}
    options = {name: value for name, value in wanted.items() if value is not None}
    return queue_run(session, choice.kind, experiment, options)


def trust_project(session: Session) -> None:
    """Remember that the user trusts what the project may do as it is now. Raises TrustError."""
    from llmexp_tui.project.trust import powers, remember_trust

    found = powers(session.project, session.root)
    remember_trust(session.root, found, session.at())
    session.audit("trust", str(session.root), {"powers": [f"{power.kind} {power.detail}" for power in found]})

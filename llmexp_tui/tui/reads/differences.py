"""In what two variants of a comparison differ, from the stored records: what was run, not what is on disk now."""

from __future__ import annotations

from dataclasses import dataclass

from llmexp_tui.domain.prompt import PromptVersion
from llmexp_tui.domain.variant import FieldDiff, Variant, diff_variants
from llmexp_tui.reports.record import ExperimentReport
from llmexp_tui.store import experiments, prompts, runs
from llmexp_tui.tui.reads.launch import named_prompts
from llmexp_tui.workflows.session import Session


@dataclass(frozen=True, slots=True)
class Differences:
    """Fields that differ, and both prompts where they do."""

    fields: tuple[FieldDiff, ...]
    prompts: tuple[PromptVersion, PromptVersion] | None


def read_differences(report: ExperimentReport, candidate: str, session: Session) -> Differences:
    """The two variants' records side by side."""
    arm = next(arm for arm in report.candidates if arm.variant == candidate)
    left, right = (_variant(session, run) for run in (report.baseline.id if report.baseline else "", arm.id))
    fields = tuple(named_prompts(diff_variants(left, right), left, right))
    if left.prompt_hash == right.prompt_hash:
        return Differences(fields, None)
    both = tuple(prompts.resolve(session.store, side.prompt_name, side.prompt_hash) for side in (left, right))
    return Differences(fields, (both[0], both[1]))


def _variant(session: Session, run: str) -> Variant:
    return experiments.load_variant(session.store, runs.get_run(session.store, run).variant_hash)

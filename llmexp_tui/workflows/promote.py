"""Moves a label to what passed its gate, with the verdict as the reason."""

from __future__ import annotations

from dataclasses import replace

from llmexp_tui.reports.record import ExperimentReport
from llmexp_tui.store import prompts
from llmexp_tui.workflows.label import move_label
from llmexp_tui.workflows.prepare import Prepared
from llmexp_tui.workflows.session import Session


def label_on_pass(session: Session, prepared: Prepared, report: ExperimentReport, label: str) -> ExperimentReport:
    """The report with a note of what moved. Nothing moves unless the gate passed and there is one candidate."""
    if report.status != "pass" or not report.has_gates:
        return report
    if len(prepared.candidates) != 1:
        warning = f'label "{label}" was not moved: there are {len(prepared.candidates)} candidates'
        return replace(report, warnings=(*report.warnings, warning))
    variant = prepared.variants[prepared.candidates[0]]
    history = prompts.label_history(session.store, variant.prompt_name, label)
    if history and history[0].new_hash == variant.prompt_hash:  # moved again, it would have no earlier place
        note = f'label "{label}" of prompt "{variant.prompt_name}" is on {variant.prompt_hash[:12]} already'
        return replace(report, notes=(*report.notes, note))
    reason = f"gate of {report.name} passed, registration {report.registration[:12]}"
    move_label(session, variant.prompt_name, label, variant.prompt_hash, reason)
    note = f'label "{label}" of prompt "{variant.prompt_name}" is now on {variant.prompt_hash[:12]}'
    return replace(report, notes=(*report.notes, note))

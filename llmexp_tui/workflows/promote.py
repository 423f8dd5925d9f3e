"""Moves a label to what passed its gate, with the verdict as the reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from llmexp_tui.reports.record import ExperimentReport
from llmexp_tui.store import prompts
from llmexp_tui.workflows.label import move_label
from llmexp_tui.workflows.prepare import Prepared
from llmexp_tui.workflows.session import Session

_PASSED = "gate of "
"""How the reason of every move begins that a gate made."""


def label_on_pass(
    session: Session, judged: Iterable[Prepared], reports: Sequence[ExperimentReport], label: str
) -> list[ExperimentReport]:
    """The reports of one check with notes of what moved. A version moves only if all that judged it let it pass.

    judged: the experiments that were run, each with its report among `reports`.
    """
    prepared = {one.experiment.name: one for one in judged}
    refused = {
        version: report.name
        for report in reports
        if report.status != "pass" and report.name in prepared
        for version in _versions(prepared[report.name])
    }
    return [
        _labelled(session, prepared[report.name], report, label, refused) if report.name in prepared else report
        for report in reports
    ]


def _versions(prepared: Prepared) -> set[tuple[str, str]]:
    """The prompts' names and versions that are candidates."""
    return {(prepared.variants[c].prompt_name, prepared.variants[c].prompt_hash) for c in prepared.candidates}


def _labelled(
    session: Session,
    prepared: Prepared,
    report: ExperimentReport,
    label: str,
    refused: Mapping[tuple[str, str], str],
) -> ExperimentReport:
    """The report with a note of what moved. Nothing moves unless the gate passed and there is one candidate.

    Nor does the label return to a version that a person took it off, for a rollback is newer than the verdict that
    it answers: checked again, the same version passes again.
    """
    if report.status != "pass" or not report.has_gates:
        return report
    if len(prepared.candidates) != 1:
        return _warned(report, f'label "{label}" was not moved: there are {len(prepared.candidates)} candidates')
    variant = prepared.variants[prepared.candidates[0]]
    prompt, version = variant.prompt_name, variant.prompt_hash
    which = f'label "{label}" of prompt "{prompt}"'
    if (prompt, version) in refused:
        return _warned(report, f'{which} was not moved: "{refused[prompt, version]}" did not pass it')
    history = prompts.label_history(session.store, prompt, label)
    if history and history[0].new_hash == version:  # moved again, it would have no earlier place
        return replace(report, notes=(*report.notes, f"{which} is on {version[:12]} already"))
    left = next((move for move in history if move.old_hash == version), None)
    if left is not None and not left.reason.startswith(_PASSED):
        who, _, _ = left.who.partition(" <")  # an address does not belong into a comment that everybody reads
        why = f"{who} took it off {version[:12]} on {left.at[:10]}" + (f" ({left.reason})" if left.reason else "")
        mend = "`llmexp-tui prompts label` puts it back"
        return _warned(report, f"{which} stays on {history[0].new_hash[:12]}: {why}; {mend}")
    reason = f"{_PASSED}{report.name} passed, registration {report.registration[:12]}"
    move_label(session, prompt, label, version, reason)
    return replace(report, notes=(*report.notes, f"{which} is now on {version[:12]}"))


def _warned(report: ExperimentReport, warning: str) -> ExperimentReport:
    return replace(report, warnings=(*report.warnings, warning))

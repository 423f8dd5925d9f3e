"""Moves labels of prompts, and takes a move back; every move is kept, with who, when and why."""

from __future__ import annotations

from llmexp_tui.domain.prompt import LabelMove
from llmexp_tui.errors import UsageError
from llmexp_tui.store import prompts
from llmexp_tui.workflows.session import Session
from llmexp_tui.workflows.versions import record, resolve_prompt


def require_label(label: str) -> None:
    """Raises UsageError for what is no label."""
    if not label or "@" in label or ":" in label or label != label.strip():
        raise UsageError(f'"{label}" is no label', mend="use letters, digits, dots and dashes")


def move_label(session: Session, prompt: str, label: str, ref: str = "", reason: str = "") -> LabelMove:
    """Puts the label on a version: a hash prefix, another label, `git:REF`, or the working file if empty."""
    require_label(label)
    content = resolve_prompt(session, f"{prompt}@{ref}" if ref else prompt)
    record(session, content)
    return _move(session, prompt, label, content.hash, reason)


def roll_back(session: Session, prompt: str, label: str, reason: str = "rolled back") -> LabelMove:
    """Puts the label back where it was before its last move. Raises UsageError where there is nothing before."""
    history = prompts.label_history(session.store, prompt, label)
    if not history or history[0].old_hash is None:
        raise UsageError(f'label "{label}" of prompt "{prompt}" has no earlier place')
    return _move(session, prompt, label, history[0].old_hash, reason)


def _move(session: Session, prompt: str, label: str, new_hash: str, reason: str) -> LabelMove:
    move = prompts.move_label(
        session.store, prompt, label, new_hash, who=session.who, at=session.at(), reason=reason
    )
    detail = {"from": move.old_hash, "to": move.new_hash, "reason": reason}
    session.audit("label", f"{prompt}@{label}", detail)
    return move

"""`prompts`: what versions there are, what one says, how two differ, and where labels stand."""

from __future__ import annotations

from collections.abc import Callable
from difflib import unified_diff
from typing import TYPE_CHECKING, Annotated, Any

import typer

from llmexp_tui.cli import diagnostics, output
from llmexp_tui.cli.commands.families import AsJson, family, plain, short_author
from llmexp_tui.cli.commands.session import opened
from llmexp_tui.cli.exit_codes import ExitCode
from llmexp_tui.cli.options import RootOptions
from llmexp_tui.errors import PromptError

if TYPE_CHECKING:
    from llmexp_tui.domain.prompt import LabelMove, Prompt, PromptVersion

_REFS = "NAME (the working file), NAME@LABEL, NAME@HASH or NAME@git:REF"
Ref = Annotated[str, typer.Argument(metavar="NAME[@REF]", show_default=False, help=_REFS)]


def commands(settings: dict[str, Any], epilog: str) -> typer.Typer:
    """The family as the parser knows it."""
    members: dict[str, Callable[..., int]] = {
        "list": list_versions,
        "show": show,
        "diff": diff,
        "label": label,
        "rollback": rollback,
    }
    return family("Prompt versions: list, show, diff, label.", list_versions, members, settings, epilog)


def list_versions(context: typer.Context, as_json: AsJson = False) -> int:
    """List every version of every prompt, newest first; a changed file becomes a version first."""
    from llmexp_tui.store import prompts
    from llmexp_tui.workflows.versions import record_prompt

    options: RootOptions = context.obj
    code = ExitCode.PASS
    with opened(options) as session:
        for name in session.project.prompts:
            try:
                record_prompt(session, name)
            except PromptError as error:
                # One broken file hides no other prompt; the exit code still tells.
                diagnostics.say_error(error, debug=options.debug)
                code = ExitCode.USAGE
        names = prompts.names(session.store)
        found = [version for name in names for version in prompts.versions(session.store, name)]
    if as_json:
        output.write_json([{"name": v.prompt.name, "path": v.prompt.path, **plain(v)} for v in found])
    else:
        output.write_table(
            ("PROMPT", "VERSION", "LABELS", "CREATED", "BY", "COMMIT"),
            [_cells(version) for version in found],
            "No prompt has a version yet: name one in llmexp.toml under [prompts.NAME].",
        )
    return code


def show(context: typer.Context, ref: Ref, as_json: AsJson = False) -> int:
    """Show what a version says, with every file it pulls in."""
    prompt = _resolved(context.obj, ref)[0]
    if as_json:
        output.write_json({"hash": prompt.hash, **plain(prompt)})
        return ExitCode.PASS
    output.write(f"{prompt.name} {prompt.hash[:12]} · {prompt.path}\n\n{prompt.text.rstrip()}")
    for path, text in prompt.files.items():
        output.write(f"\n{path}\n\n{text.rstrip()}")
    return ExitCode.PASS


def diff(
    context: typer.Context,
    old: Annotated[str, typer.Argument(metavar="OLD", show_default=False, help=_REFS)],
    new: Annotated[str, typer.Argument(metavar="NEW", show_default=False, help=_REFS)],
) -> int:
    """Show the lines in which two versions differ, in every file they pull in."""
    before, after = _resolved(context.obj, old, new)
    if before.hash == after.hash:
        output.write(f"{old} and {new} are the same version {before.hash[:12]}")
        return ExitCode.PASS
    texts = [((before.path, before.text), (after.path, after.text))]
    for path in dict.fromkeys((*before.files, *after.files)):
        texts.append(((path, before.files.get(path, "")), (path, after.files.get(path, ""))))
    for (left_path, left), (right_path, right) in texts:
        names = (f"{left_path} ({old})", f"{right_path} ({new})")
        lines = "\n".join(unified_diff(left.splitlines(), right.splitlines(), *names, lineterm=""))
        if lines:
            output.write(lines)
    return ExitCode.PASS


def label(
    context: typer.Context,
    ref: Ref,
    name: Annotated[str, typer.Argument(metavar="LABEL", show_default=False)],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Kept with the move.")] = "",
) -> int:
    """Put a label on a version; where it stood before is kept."""
    from llmexp_tui.workflows.label import move_label

    prompt, _, version = ref.partition("@")
    with opened(context.obj) as session:
        return _said(move_label(session, prompt, name, version, reason))


def rollback(
    context: typer.Context,
    prompt: Annotated[str, typer.Argument(metavar="NAME", show_default=False)],
    name: Annotated[str, typer.Argument(metavar="LABEL", show_default=False)],
) -> int:
    """Put a label back where it stood before its last move."""
    from llmexp_tui.workflows.label import roll_back

    with opened(context.obj) as session:
        return _said(roll_back(session, prompt, name))


def _said(move: LabelMove) -> int:
    before = f" (before: {move.old_hash[:12]})" if move.old_hash else ""
    output.write(f"{move.prompt}@{move.label} is {move.new_hash[:12]}{before}")
    return ExitCode.PASS


def _resolved(options: RootOptions, *refs: str) -> list[Prompt]:
    from llmexp_tui.workflows.versions import resolve_prompt

    with opened(options) as session:
        return [resolve_prompt(session, ref) for ref in refs]


def _cells(version: PromptVersion) -> tuple[str, ...]:
    commit = "" if version.commit is None else version.commit[:10] + (" (changed)" if version.dirty else "")
    labels, author = ", ".join(version.labels), short_author(version.author)
    return version.prompt.name, version.hash[:12], labels, version.created_at[:16], author, commit

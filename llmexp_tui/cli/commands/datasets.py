"""`datasets`: what versions there are, what is in one, how two differ, and what a version is called."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from llmexp_tui.cli import diagnostics, output
from llmexp_tui.cli.commands.families import AsJson, family, plain, short_author, split_ref
from llmexp_tui.cli.commands.session import opened
from llmexp_tui.cli.exit_codes import ExitCode
from llmexp_tui.cli.options import RootOptions
from llmexp_tui.errors import DatasetError

if TYPE_CHECKING:
    from llmexp_tui.domain.dataset import DatasetVersion
    from llmexp_tui.workflows.session import Session

SHOWN_ROWS = 5
Ref = Annotated[str, typer.Argument(metavar="NAME[@VERSION]", show_default=False)]


def commands(settings: dict[str, Any], epilog: str) -> typer.Typer:
    """The family as the parser knows it."""
    members: dict[str, Callable[..., int]] = {"list": list_versions, "show": show, "diff": diff, "label": label}
    return family("Dataset versions: list, show, diff, label.", list_versions, members, settings, epilog)


def list_versions(context: typer.Context, as_json: AsJson = False) -> int:
    """List every version of every dataset, newest first; a changed file becomes a version first."""
    from llmexp_tui.store import datasets
    from llmexp_tui.workflows.versions import record_dataset

    options: RootOptions = context.obj
    code = ExitCode.PASS
    with opened(options) as session:
        for name in session.project.datasets:
            try:
                record_dataset(session, name)
            except DatasetError as error:
                # One broken file hides no other dataset; the exit code still tells.
                diagnostics.say_error(error, debug=options.debug)
                code = ExitCode.USAGE
        found = datasets.versions(session.store)
    if as_json:
        output.write_json([plain(version) for version in found])
    else:
        output.write_table(
            ("DATASET", "VERSION", "HASH", "ROWS", "CREATED", "BY", "CHANGES"),
            [_cells(version) for version in found],
            "No dataset has a version yet: name one in llmexp.toml under [datasets.NAME].",
        )
    return code


def show(
    context: typer.Context,
    ref: Ref,
    rows: Annotated[int, typer.Option("--rows", metavar="N", min=0, help="How many rows to show.")] = SHOWN_ROWS,
    as_json: AsJson = False,
) -> int:
    """Show a version and its first rows."""
    from llmexp_tui.store import datasets

    with opened(context.obj) as session:
        version = _version(session, ref)
        page = datasets.iter_rows(session.store, version.hash, 0, rows)
        first = [dict(row.values) | {"_row": row.key} for row in page]
    if as_json:
        output.write_json({**plain(version), "first_rows": first})
        return ExitCode.PASS
    output.write(f"{version.name} {version.label} · {version.rows:,} rows · {len(version.columns)} columns")
    output.write(f"hash {version.hash}\nby {version.author}, {version.created_at[:16]}\n{version.changelog}\n")
    columns = ("_row", *version.columns)
    cells = [[row.get(column, "") for column in columns] for row in first]
    output.write_table(("ROW", *version.columns), cells, "No row is shown.")
    return ExitCode.PASS


def diff(
    context: typer.Context,
    old: Annotated[str, typer.Argument(metavar="OLD", show_default=False)],
    new: Annotated[str, typer.Argument(metavar="NEW", show_default=False)],
    as_json: AsJson = False,
) -> int:
    """Show which rows were added, removed and changed between two versions (NAME@VERSION; NAME is the file now)."""
    from llmexp_tui.store import datasets

    with opened(context.obj) as session:
        before, after = _version(session, old), _version(session, new)
        found = datasets.diff(session.store, before.hash, after.hash)
    if as_json:
        output.write_json({"old": plain(before), "new": plain(after), **plain(found)})
        return ExitCode.PASS
    output.write(
        f"{before.name} {before.label} → {after.name} {after.label}: {len(found.added):,} added, "
        f"{len(found.removed):,} removed, {len(found.changed):,} changed"
    )
    for sign, keys in (("+", found.added), ("-", found.removed), ("~", found.changed)):
        for key in keys:
            output.write(f"{sign} {key}")
    return ExitCode.PASS


def label(
    context: typer.Context, ref: Ref, tag: Annotated[str, typer.Argument(metavar="TAG", show_default=False)]
) -> int:
    """Give a version a tag to go by, like 2.0.0; a tag in use never moves."""
    from llmexp_tui.store import datasets

    with opened(context.obj) as session:
        version = _version(session, ref)
        datasets.set_tag(session.store, version.name, version.hash, tag)
        session.audit("dataset.tag", f"{version.name}@{tag}", {"hash": version.hash})
    output.write(f"{version.name} {version.hash[:12]} is {tag}")
    return ExitCode.PASS


def _cells(version: DatasetVersion) -> tuple[object, ...]:
    author = short_author(version.author)
    return (
        version.name, version.tag or "", version.hash[:12], version.rows, version.created_at[:16], author,
        version.changelog,
    )  # fmt: skip


def _version(session: Session, ref: str) -> DatasetVersion:
    from llmexp_tui.store import datasets
    from llmexp_tui.workflows.versions import record_dataset

    name, version = split_ref(ref)
    if version is None:
        return record_dataset(session, name)
    return datasets.resolve_version(session.store, name, version)

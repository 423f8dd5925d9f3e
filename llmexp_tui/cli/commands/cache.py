"""`cache`: the answers that later runs may be served, how much they take, and forgetting them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from typing import Annotated, Any

import typer

from llmexp_tui.cli import output
from llmexp_tui.cli.commands.families import AsJson, family
from llmexp_tui.cli.commands.session import opened
from llmexp_tui.cli.exit_codes import ExitCode
from llmexp_tui.errors import UsageError

LISTED = 50
_MB = 1_000_000


def commands(settings: dict[str, Any], epilog: str) -> typer.Typer:
    """The family as the parser knows it."""
    members: dict[str, Callable[..., int]] = {"list": list_answers, "size": size, "prune": prune}
    return family("Cached answers: list, size, prune.", list_answers, members, settings, epilog)


def list_answers(
    context: typer.Context,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="At most so many.")] = LISTED,
    as_json: AsJson = False,
) -> int:
    """List cached answers, newest first."""
    from llmexp_tui.reports import figures
    from llmexp_tui.store import cache

    with opened(context.obj) as session:
        found = cache.list_entries(session.store, limit=limit)
    if as_json:
        output.write_json([{**asdict(entry), "key": entry.key.hex()} for entry in found])
        return ExitCode.PASS
    output.write_table(
        ("KEY", "CREATED", "MODEL", "BYTES", "COST", "ANSWER"),
        [
            (
                entry.key.hex()[:12],
                entry.created_at[:16],
                entry.model or "",
                entry.size,
                figures.money(entry.cost_usd),
                entry.start,
            )
            for entry in found
        ],
        "Nothing is cached: what a run answers is.",
    )
    return ExitCode.PASS


def size(context: typer.Context, as_json: AsJson = False) -> int:
    """Say how many answers are cached and how much text they are."""
    from llmexp_tui.store import cache

    with opened(context.obj) as session:
        found = cache.size(session.store)
    if as_json:
        output.write_json({"entries": found.entries, "bytes": found.size})
    else:
        output.write(f"{found.entries:,} answers, {found.size / _MB:.1f} MB of text")
    return ExitCode.PASS


def prune(
    context: typer.Context,
    older_than: Annotated[
        float | None, typer.Option("--older-than", metavar="DAYS", min=0.0, help="Forget what is older.")
    ] = None,
    keep: Annotated[
        float | None, typer.Option("--keep", metavar="MB", min=0.0, help="Keep so much text, the newest of it.")
    ] = None,
) -> int:
    """Forget cached answers: what was the same call is made again. Runs keep their answers."""
    from llmexp_tui.store import cache

    if older_than is None and keep is None:
        raise UsageError("what should be forgotten?", mend="say --older-than DAYS, --keep MB, or both")
    with opened(context.obj) as session:
        before = None if older_than is None else (session.now() - timedelta(days=older_than)).isoformat()
        forgotten = cache.prune(session.store, older_than=before, max_bytes=None if keep is None else int(keep * _MB))
        session.audit("cache.prune", "cache", {"older_than": before, "keep_mb": keep, "forgotten": forgotten})
    output.write(f"{forgotten:,} answers forgotten")
    return ExitCode.PASS

"""What `datasets`, `prompts`, `runs` and `cache` share: a list when nothing more is said, and `--json`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Annotated, Any

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]


def family(
    summary: str,
    listing: Callable[..., int],
    members: Mapping[str, Callable[..., int]],
    settings: dict[str, Any],
    epilog: str,
) -> typer.Typer:
    """Commands that go by one noun; the noun alone lists."""
    app = typer.Typer(help=summary, **settings)

    def alone(context: typer.Context, as_json: AsJson = False) -> int | None:
        return listing(context, as_json=as_json) if context.invoked_subcommand is None else None

    app.callback(invoke_without_command=True, help=summary)(alone)
    for name, command in members.items():
        app.command(name, epilog=epilog, context_settings=settings["context_settings"])(command)
    return app


def plain(record: Any) -> dict[str, Any]:
    """A record's fields as JSON values."""
    return asdict(record)


def short_author(author: str) -> str:
    """An author without the address, for a list."""
    return author.partition(" <")[0]


def split_ref(ref: str) -> tuple[str, str | None]:
    """`NAME@VERSION` as its two parts; None for what is there now."""
    name, _, version = ref.partition("@")
    return name, version or None

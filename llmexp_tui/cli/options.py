"""The root options as one record, and how they may be written.

Root options mean the same before and after a command's name: `hoist` moves them in front, so that each is declared
once. It must not know what any command does with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from llmexp_tui.errors import UsageError

REPORT_ENDINGS = (".json", ".md", ".xml", ".html")
FORGES = ("auto", "github", "gitlab", "buildkite", "none")

_FLAGS = frozenset({"--offline", "--fresh", "--trust", "--debug", "--version", "--check"})
_VALUED = frozenset(
    {
        "-C",
        "--project",
        "--db",
        "-e",
        "--experiment",
        "--base",
        "--report",
        "--max-cost",
        "--forge",
        "--cache",
        "--label-on-pass",
        "--seed",
    }
)


@dataclass(frozen=True, slots=True)
class RootOptions:
    """What stands beside every command. `trust` already includes the environment's word."""

    project: Path | None = None
    db: Path | None = None
    experiments: tuple[str, ...] = ()
    base: str | None = None
    reports: tuple[Path, ...] = ()
    max_cost: float | None = None
    offline: bool = False
    fresh: bool = False
    trust: bool = False
    forge: str = "auto"
    cache: Path | None = None
    label_on_pass: str | None = None
    seed: int | None = None
    debug: bool = False
    check: bool = False


def hoist(argv: Sequence[str]) -> list[str]:
    """The arguments with every root option in front, in order; what follows `--` stays where it is."""
    root: list[str] = []
    rest: list[str] = []
    words = iter(argv)
    for word in words:
        if word == "--":
            rest += [word, *words]
            break
        if word in _VALUED:
            # A missing value is left to the parser, which knows how to say so.
            root += [word, *(value for value in [next(words, None)] if value is not None)]
        elif _is_root(word):
            root.append(word)
        else:
            rest.append(word)
    return root + rest


def _is_root(word: str) -> bool:
    """True for a flag, for `--name=value` and for a short option with its value attached (`-Cdir`)."""
    if word in _FLAGS:
        return True
    name, equals, _ = word.partition("=")
    if name.startswith("--"):
        return bool(equals) and name in _VALUED
    return len(word) > 2 and word[:2] in _VALUED


def checked_options(options: RootOptions) -> RootOptions:
    """The options, or UsageError where a value makes no sense: said before anything is read or called."""
    if options.forge not in FORGES:
        raise UsageError(f'unknown forge "{options.forge}"', where="--forge", mend=f"use one of {', '.join(FORGES)}")
    for path in options.reports:
        if path.suffix.lower() not in REPORT_ENDINGS:
            raise UsageError(
                f"{path} has no ending that names a kind of report",
                where="--report",
                mend=f"end it in {', '.join(REPORT_ENDINGS)}",
            )
    if options.max_cost is not None and not options.max_cost >= 0:
        raise UsageError(f"{options.max_cost} is not an amount of USD", where="--max-cost", mend="give 0 or more")
    if options.project is not None and not options.project.is_dir():
        raise UsageError(
            f"there is no folder {options.project}", where="--project", mend="give the folder that holds llmexp.toml"
        )
    return options

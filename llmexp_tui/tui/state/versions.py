"""Versions of datasets and prompts as lists, newest first under each name. Reads nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from llmexp_tui.domain.dataset import DatasetVersion
from llmexp_tui.domain.prompt import LabelMove, PromptVersion
from llmexp_tui.tui.state.cells import Line, line
from llmexp_tui.tui.state.format import age, count, person, plural, short_hash, when
from llmexp_tui.tui.state.paging import Column, TableRow

_SEPARATOR = "\x1f"


def version_key(name: str, digest: str) -> str:
    """The table key of a version."""
    return f"{name}{_SEPARATOR}{digest}"


def split_key(key: str) -> tuple[str, str]:
    """(name, hash) of a table key."""
    name, _, digest = key.partition(_SEPARATOR)
    return name, digest


def place_of(versions: Iterable[tuple[str, str]], wanted: str) -> int | None:
    """Where the version with this key stands among (name, hash), or the first with this name."""
    for at, (name, digest) in enumerate(versions):
        if wanted in (name, version_key(name, digest)):
            return at
    return None


class Recorded(NamedTuple):
    """What looking at the files came to: words on it, and the table keys of the versions that are new."""

    words: str
    keys: tuple[str, ...] = ()

    def nearest(self, cursor_key: str | None) -> str | None:
        """The new version to go to: of what the cursor is on, else the first; None where nothing is new."""
        name = split_key(cursor_key or "")[0]
        return next((key for key in self.keys if split_key(key)[0] == name), self.keys[0] if self.keys else None)


DATASET_COLUMNS = (
    Column("name", "Dataset", 16),
    Column("version", "Version", 12),
    Column("rows", "Rows", 9, "right", drop_below=50),
    Column("changelog", "What changed", drop_below=44),
    Column("author", "Author", 18, drop_below=100),
    Column("age", "Age", 6, "right", drop_below=50),
)

PROMPT_COLUMNS = (
    Column("name", "Prompt", 16),
    Column("version", "Version", 9),
    Column("labels", "Labels", 0),
    Column("author", "Author", 12, drop_below=70),
    Column("commit", "Commit", 9, drop_below=90),
    Column("runs", "Runs", 5, "right", drop_below=50),
    Column("age", "Age", 6, "right", drop_below=50),
)


def dataset_rows(versions: Sequence[DatasetVersion], now: datetime) -> list[TableRow]:
    """A row a version; the name only where it changes."""
    rows, last = [], None
    for version in versions:
        name = version.name if version.name != last else ""
        last = version.name
        cells = (
            line((name, "strong")),
            line(version.label),
            line(count(version.rows)),
            line((version.changelog.splitlines()[0] if version.changelog else "", "muted")),
            line((person(version.author), "muted")),
            line((age(version.created_at, now), "muted")),
        )
        rows.append(TableRow(version_key(version.name, version.hash), cells))
    return rows


def dataset_facts(version: DatasetVersion) -> list[Line]:
    """What is known of one version."""
    facts = [
        line(
            (f"{version.name} {version.label}", "strong"),
            (f"  {short_hash(version.hash)}", "muted"),
            f"  {plural(version.rows, 'row')} · {plural(len(version.columns), 'column')}",
        ),
        line(
            (f"{when(version.created_at)} by {person(version.author)}", "muted"),
            (f" · after {short_hash(version.parent)}" if version.parent else " · first version", "muted"),
        ),
        line(("columns  ", "muted"), ", ".join(version.columns)),
    ]
    facts += [line(text) for text in version.changelog.splitlines()[:20]]
    return facts


@dataclass(frozen=True, slots=True)
class PromptLine:
    """A prompt version with how many runs used it; `on_disk` where the working file holds it now."""

    version: PromptVersion
    runs: int = 0
    on_disk: bool = False


def prompt_rows(items: Sequence[PromptLine], now: datetime) -> list[TableRow]:
    """A row a version; the name only where it changes."""
    rows, last = [], None
    for item in items:
        version = item.version
        name = version.prompt.name if version.prompt.name != last else ""
        last = version.prompt.name
        labels: list[tuple[str, str]] = [(f"{label} ", "good") for label in version.labels]
        if item.on_disk:
            labels.append(("on disk", "muted"))
        cells = (
            line((name, "strong")),
            line(short_hash(version.hash)),
            line(*labels),
            line((person(version.author), "muted")),
            line((f"{(version.commit or '–')[:7]}{'+' if version.dirty else ''}", "muted")),
            line(str(item.runs)),
            line((age(version.created_at, now), "muted")),
        )
        rows.append(TableRow(version_key(version.prompt.name, version.hash), cells))
    return rows


def prompt_text(version: PromptVersion) -> str:
    """The prompt with everything it pulls in, as one text to compare."""
    parts = [version.prompt.text]
    parts += [f"\n══ {path}\n{text}" for path, text in sorted(version.prompt.files.items())]
    return "\n".join(parts)


def previous_of(items: Sequence[PromptLine], key: str) -> PromptVersion | None:
    """The version of the same prompt before the one of a key."""
    name, digest = split_key(key)
    same = [item.version for item in items if item.version.prompt.name == name]
    hashes = [version.hash for version in same]
    place = hashes.index(digest) if digest in hashes else -1
    return same[place + 1] if 0 <= place < len(same) - 1 else None


def move_lines(moves: Sequence[LabelMove], now: datetime) -> list[Line]:
    """The history of labels, newest first."""
    return [
        line(
            (move.label, "good"),
            f"  {short_hash(move.old_hash)} → {short_hash(move.new_hash)}",
            (f"  {age(move.at, now)} · {person(move.who)}{' · ' + move.reason if move.reason else ''}", "muted"),
        )
        for move in moves
    ]


def ways_back(version: PromptVersion, moves: Sequence[LabelMove]) -> list[LabelMove]:
    """Of the labels on a version the moves (newest first) that brought them there from another."""
    last: dict[str, LabelMove] = {}
    for move in moves:
        last.setdefault(move.label, move)
    return [last[label] for label in version.labels if last[label].old_hash is not None]


def labels_of(items: Sequence[PromptLine], name: str) -> Mapping[str, str]:
    """Where each label of a prompt stands: label → hash."""
    return {
        label: item.version.hash
        for item in items
        if item.version.prompt.name == name
        for label in item.version.labels
    }

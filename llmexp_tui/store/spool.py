"""Answers on their way into the database, kept where the end of the process cannot take them.

A commit waits for the disk, and a call's successor does not wait for the commit: a killed process would lose the
answers between the two. So each is first appended to a small file beside the database, which costs 20 µs, and
which whoever next holds the experiment reads back. Files of stored answers are deleted. Nothing else reads them.
"""

from __future__ import annotations

import glob
import json
import os
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from llmexp_tui.domain.usage import Failure, FailureKind
from llmexp_tui.errors import LlmexpError
from llmexp_tui.store import runs
from llmexp_tui.store.cells import CellWrite, write_cells
from llmexp_tui.store.engine import Store
from llmexp_tui.store.mapping import COMPLETION_FIELDS, completion_of, completion_values, failure_values

SEGMENT = 1000
"""Answers a file; the space of a long run's answers comes back file by file."""


@dataclass(slots=True)
class _Segment:
    """A file and how many answers were added to it; `after` counts all that were added up to its end."""

    path: Path
    fd: int
    answers: int = 0
    after: int = 0


class Spool:
    """The answers of one experiment's run in progress; its process holds the experiment."""

    def __init__(self, store: Store, experiment: str) -> None:
        self._stem = _stem(store.path, experiment)
        self._segments: deque[_Segment] = deque()
        self._made = self._added = self._stored = 0

    def add(self, cell: CellWrite) -> None:
        """Keeps a called cell. A file that cannot be written is no reason to stop: the commit will say why."""
        line = json.dumps(_body(cell), separators=(",", ":")) + "\n"
        self._added += 1
        with suppress(OSError):
            segment = self._segment()
            os.write(segment.fd, line.encode())
            segment.answers += 1
            segment.after = self._added

    def stored(self, cells: Sequence[CellWrite]) -> None:
        """These are committed; they come in the order in which they were added."""
        self._stored += sum(1 for cell in cells if cell.cached_completion_no is None)
        while len(self._segments) > 1 and self._segments[0].after <= self._stored:
            self._drop()

    def close(self) -> None:
        """Deletes the files whose answers are stored; others wait for whoever runs the experiment next."""
        while self._segments and self._segments[0].after <= self._stored:
            self._drop()
        while self._segments:
            os.close(self._segments.popleft().fd)

    def _segment(self) -> _Segment:
        if not self._segments or self._segments[-1].answers >= SEGMENT:
            self._made += 1
            path = Path(f"{self._stem}{os.getpid()}-{self._made}")
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            self._segments.append(_Segment(path, os.open(path, flags, 0o600)))
        return self._segments[-1]

    def _drop(self) -> None:
        segment = self._segments.popleft()
        os.close(segment.fd)
        with suppress(OSError):
            segment.path.unlink()


def recover(store: Store, experiment: str) -> int:
    """Stores what a process that is gone left behind; how many cells that were. The caller holds the experiment."""
    stem = _stem(store.path, experiment)
    found = 0
    for path in sorted(stem.parent.glob(f"{glob.escape(stem.name)}*")):
        known: dict[str, bool] = {}
        cells = [cell for cell in _read(path) if _is_known(store, cell.run_id, known)]
        found += write_cells(store, cells)
        path.unlink(missing_ok=True)
    return found


def _is_known(store: Store, run: str, known: dict[str, bool]) -> bool:
    """Whether the database has the run: it may have been replaced by another one."""
    if run not in known:
        try:
            known[run] = runs.get_run(store, run).id == run
        except LlmexpError:
            known[run] = False
    return known[run]


def _stem(db: Path, experiment: str) -> Path:
    name = sha256(experiment.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return db.with_name(f"{db.name}.answers-{name}-")


def _body(cell: CellWrite) -> dict[str, Any]:
    if cell.completion is not None:
        values = completion_values(cell.completion)
    else:
        assert cell.failure is not None
        values = failure_values(cell.failure)
    body = {name: value for name, value in values.items() if value is not None}
    body.update(
        run=cell.run_id, row=cell.row_no, repeat=cell.repeat, attempts=cell.attempts, rules=cell.rules, at=cell.at
    )
    if cell.cache_key is not None:
        body["cache_key"] = cell.cache_key.hex()
    return body


def _read(path: Path) -> Iterator[CellWrite]:
    """The cells of a file. Its last line may have been cut off."""
    for line in path.read_bytes().split(b"\n"):
        with suppress(ValueError, KeyError, TypeError):
            yield _cell(json.loads(line))


def _cell(body: Mapping[str, Any]) -> CellWrite:
    values = {**dict.fromkeys(COMPLETION_FIELDS), **body}
    failure = None
    if values["error_kind"] is not None:
        failure = Failure(
            FailureKind(values["error_kind"]), values["error"], retryable=False, status=values["http_status"],
            billed=values["billed"], latency_ms=values["latency_ms"] or 0.0,
        )  # fmt: skip
    key = values["cache_key"]
    return CellWrite(
        run_id=body["run"],
        row_no=body["row"],
        repeat=body["repeat"],
        cache_key=None if key is None else bytes.fromhex(key),
        completion=completion_of(values) if failure is None else None,
        failure=failure,
        attempts=body["attempts"],
        cached_completion_no=None,
        rules=body["rules"],
        at=body["at"],
    )

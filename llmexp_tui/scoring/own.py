"""A project's own scorers: a Python function or a command. Both are powers and exist only in a trusted project."""

from __future__ import annotations

import asyncio
import inspect
import json
import math
import os
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from types import ModuleType
from typing import Any, SupportsFloat, cast
from weakref import WeakKeyDictionary

from llmexp_tui.domain.hashing import text_hash
from llmexp_tui.domain.score import Score
from llmexp_tui.domain.text import one_line
from llmexp_tui.errors import TrustError
from llmexp_tui.scoring.aside import ASIDE
from llmexp_tui.scoring.definition import Definition, ScorerContext, Turn
from llmexp_tui.scoring.own_files import command_files, file_hashes, imported_files
from llmexp_tui.scoring.sample import JudgeCall, Sample
from llmexp_tui.scoring.settings import Settings

_KINDS = ("binary", "bounded", "unbounded")
_KEYS = ("value", "label", "reason", "error")
_OUTPUT_LIMIT = 1_000_000
"""Bytes that are read of what a command writes; one that writes more is stopped."""
_TIME_LIMIT_S = 30.0
_AT_ONCE = max(2, os.cpu_count() or 1)
"""Commands that run beside each other; more would only take each other's time, and each has a limit of its own."""


def _require_trust(settings: Settings, context: ScorerContext, what: str) -> None:
    if not context.trusted:
        raise TrustError(
            f"{what} runs code of this project, which is not trusted", where=settings.where,
            mend="look at it, then trust the project in the app, or pass --trust",
        )


def _meaning(settings: Settings) -> tuple[str, tuple[float, float] | None]:
    """Type and range of the values, from `values` and `range`."""
    kind = settings.choice("values", _KINDS, "bounded")
    given = settings.any("range")
    if kind == "unbounded":
        if given is not None:
            settings.refuse("values without bounds have no range", 'set values = "bounded"')
        return kind, None
    if given is None:
        return kind, (0.0, 1.0)
    numbers = isinstance(given, list | tuple) and len(given) == 2 and all(
        isinstance(item, int | float) and not isinstance(item, bool) for item in given
    )
    if kind == "binary" or not numbers or not given[0] < given[1]:
        settings.refuse(f"range = {given!r} is no range", "give the lowest and the highest value, such as [0, 10]")
    return kind, (float(given[0]), float(given[1]))


def read_result(result: Any, kind: str, bounds: tuple[float, float] | None) -> Score:
    """What own code returned, as a score: a number, true or false, or a mapping with value, label, reason, error.

    Anything else, and a value outside the range, is an error of the scorer.
    """
    fields: Mapping[str, Any] = result if isinstance(result, Mapping) else {"value": result}
    unknown = [key for key in fields if key not in _KEYS]
    if unknown:
        return Score(None, error=f'the result has an unknown key "{one_line(str(unknown[0]), 40)}"')
    said = Score(None, label=_text(fields.get("label")), reason=_text(fields.get("reason")))
    if fields.get("error"):
        return replace(said, error=one_line(str(fields["error"]), 500))
    value = fields.get("value")
    if isinstance(value, SupportsFloat) and not isinstance(value, int | float):  # numpy's scalars, decimals
        value = float(value)
    if not isinstance(value, int | float):
        return replace(said, error=f"the result is {one_line(repr(result), 80)}, not a number")
    number = float(value)
    outside = bounds is not None and not bounds[0] <= number <= bounds[1]
    if not math.isfinite(number) or outside or (kind == "binary" and number not in (0.0, 1.0)):
        wanted = "0 or 1" if kind == "binary" else "a finite number" if bounds is None else f"in {list(bounds)}"
        return replace(said, error=f"the value {number:g} is not {wanted}")
    return replace(said, value=number)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _forget(files: Collection[Path]) -> None:
    """Has the next import of these files read them again."""
    known = {str(file.resolve()) for file in files}
    for name, module in list(sys.modules.items()):
        if known and getattr(module, "__file__", None) in known:
            del sys.modules[name]


@contextmanager
def _no_bytecode() -> Iterator[None]:
    """An edit within the same second and of the same length would leave what Python keeps of a file looking valid."""
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        yield
    finally:
        sys.dont_write_bytecode = before


def _load(
    settings: Settings, root: Path, path: str, name: str, code: str, neighbours: Collection[Path]
) -> Callable[..., Any]:
    """The function of a file, run from the very text that is fingerprinted: no stale bytecode, none left behind.

    The file's folder goes last on the import path, so that it can import its neighbours and shadow nothing. They
    are read anew too: a worker outlives an edit. Raises ConfigError for whatever the file raises.
    """
    file = root / path
    _forget(neighbours)
    module = ModuleType(f"llmexp_own_{text_hash(code)[:12]}")
    module.__file__ = str(file)
    sys.modules[module.__name__] = module  # dataclasses and pickling look it up
    if str(file.parent.resolve()) not in sys.path:
        sys.path.append(str(file.parent.resolve()))
    try:
        with ASIDE, _no_bytecode():
            exec(compile(code, str(file), "exec"), module.__dict__)
    except (Exception, SystemExit) as error:  # own code may raise anything, and all of it is a wrong setting
        said = f"{type(error).__name__}: {one_line(str(error), 200)}"
        settings.refuse(f"{path} cannot be loaded: {said}", "mend the file")
    function = getattr(module, name, None)
    if not callable(function):
        settings.refuse(f"{path} has no function {name}", 'write python = "scorers.py:my_score"')
    return cast(Callable[..., Any], function)


def python(settings: Settings, context: ScorerContext) -> Definition:
    """`python = "scorers.py:my_score"`: called with the row (a dict) and the output (a string), sync or async.

    A parameter named `sample` receives the whole sample as well. `values` says what it returns: bounded (default,
    in `range`), binary or unbounded. The file and what it imports from its folder are part of the fingerprint.
    `time_limit_s` (30) is for an async function: one that never waits cannot be interrupted, a command can.
    """
    reference = settings.required_text("python", 'write python = "scorers.py:my_score"')
    path, _, name = reference.rpartition(":")
    if not path or not name.isidentifier():
        settings.refuse(f"python = {reference!r} names no function", 'write python = "scorers.py:my_score"')
    kind, bounds = _meaning(settings)
    _require_trust(settings, context, reference)
    code = context.read_text(path)
    neighbours = imported_files(context.root / path, code)
    function = _load(settings, context.root, path, name, code, neighbours)
    wants_sample = "sample" in inspect.signature(function).parameters
    waits = inspect.iscoroutinefunction(function)
    if not waits and settings.any("time_limit_s") is not None:
        settings.refuse("only an async function can have a time limit", "make it async, or a command")
    limit = settings.number("time_limit_s", low=0.01) or _TIME_LIMIT_S
    body = {"python": reference, "code": text_hash(code), "values": kind, "range": bounds and list(bounds),
            **_hashed("imports", neighbours, context.root)}

    def start(sample: Sample) -> Any:
        extra = {"sample": sample} if wants_sample else {}
        return function(dict(sample.row), sample.text, **extra)

    def measure(sample: Sample) -> Score:
        try:
            with ASIDE:
                return read_result(start(sample), kind, bounds)
        except SystemExit as error:
            return _left(error)

    async def finished(sample: Sample) -> Score:
        try:
            return read_result(await start(sample), kind, bounds)
        except SystemExit as error:  # once out of its task it would end the program, with the gate's exit code
            return _left(error)

    async def ameasure(sample: Sample, call: JudgeCall, turn: Turn) -> Score:
        try:
            with ASIDE:
                return await asyncio.wait_for(finished(sample), limit)
        except TimeoutError:
            return Score(None, error=f"the function took longer than {limit:g} s")

    return Definition(
        body=body, measure=None if waits else measure, ameasure=ameasure if waits else None, type=kind, range=bounds,
        own=not waits,
    )


def _hashed(key: str, files: Collection[Path], root: Path) -> dict[str, Any]:
    return {key: file_hashes(files, root)} if files else {}


def _left(error: SystemExit) -> Score:
    """A row's fault like any exception: own code must not end the run."""
    return Score(None, error=f"the function called exit({error.code!r})")


def _payload(sample: Sample) -> bytes:
    data = {
        "row_key": sample.row_key, "row": dict(sample.row), "output": sample.text, "expected": sample.expected,
        "tool_calls": [asdict(call) for call in sample.tool_calls],
        "messages": [asdict(message) for message in sample.messages],
        "contexts": None if sample.contexts is None else list(sample.contexts),
    }
    return json.dumps(data, ensure_ascii=True).encode()


async def _run(argv: tuple[str, ...], root: Path, data: bytes, limit: float) -> tuple[int, bytes, bytes]:
    """Exit code, stdout and stderr of a command in the project's folder.

    Raises TimeoutError, OSError, and OverflowError where it writes too much.
    """
    process = await asyncio.create_subprocess_exec(
        *argv, cwd=root, stdin=PIPE, stdout=PIPE, stderr=PIPE, start_new_session=True
    )
    assert process.stdin and process.stdout and process.stderr
    try:
        async with asyncio.timeout(limit):
            _, out, err = await asyncio.gather(
                _feed(process.stdin, data), _bounded(process.stdout), _bounded(process.stderr)
            )
            await process.wait()
    finally:
        if process.returncode is None:  # too slow, or the run was stopped: its children go with it
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            # Its end is told only once its pipes have ended, which a pipe that nobody reads from never does.
            process._transport.close()  # type: ignore[attr-defined]
            await process.wait()
    return process.returncode or 0, out, err


_waiting: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


def _turns() -> asyncio.Semaphore:
    """Lets a few commands run at a time, whichever scorers they are of; waiting is not counted as their time."""
    return _waiting.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(_AT_ONCE))


async def _feed(stdin: asyncio.StreamWriter, data: bytes) -> None:
    with suppress(BrokenPipeError, ConnectionResetError):  # it need not read what it is given
        stdin.write(data)
        await stdin.drain()
        stdin.close()


async def _bounded(stream: asyncio.StreamReader) -> bytes:
    """All that comes. Raises OverflowError beyond the limit: no answer of the kind that is asked for is so long."""
    parts: list[bytes] = []
    while part := await stream.read(65_536):
        parts.append(part)
        if len(parts) * 65_536 > _OUTPUT_LIMIT and sum(map(len, parts)) > _OUTPUT_LIMIT:
            raise OverflowError(f"the command wrote more than {_OUTPUT_LIMIT:,} bytes")
    return b"".join(parts)


def command(settings: Settings, context: ScorerContext) -> Definition:
    """`command = ["python", "score.py"]`: JSON on its standard input, JSON on its standard output, one run an answer.

    In: row_key, row, output, expected, tool_calls, messages, contexts. Out: a number, true or false, or an object
    with value, label, reason. `time_limit_s` is 30. The project's files that the command names are part of the
    fingerprint, with what a Python script imports from its folder; `files` names further ones.
    """
    argv = settings.texts("command")
    if argv is None:
        settings.refuse("command is not set", 'write command = ["python", "score.py"]')
    limit = settings.number("time_limit_s", low=0.01) or _TIME_LIMIT_S
    files = settings.texts("files") or ()
    kind, bounds = _meaning(settings)
    _require_trust(settings, context, f"the command {one_line(' '.join(argv), 80)}")
    body = {"command": list(argv), "files": {path: text_hash(context.read_text(path)) for path in files},
            "values": kind, "range": bounds and list(bounds),
            **_hashed("code", command_files(argv, context.root), context.root)}

    async def ameasure(sample: Sample, call: JudgeCall, turn: Turn) -> Score:
        try:
            async with _turns():
                code, out, err = await _run(argv, context.root, _payload(sample), limit)
        except TimeoutError:
            return Score(None, error=f"the command took longer than {limit:g} s")
        except OverflowError as error:
            return Score(None, error=str(error))
        except OSError as error:
            return Score(None, error=f"the command cannot be started: {one_line(str(error), 200)}")
        if code != 0:
            said = one_line(err.decode("utf-8", "replace"), 200)
            return Score(None, error=f"the command ended with exit code {code}: {said}")
        try:
            result = json.loads(out)
        except (ValueError, RecursionError):
            said = one_line(out[:200].decode("utf-8", "replace"), 80)
            return Score(None, error=f"the command wrote no JSON: {said}")
        return read_result(result, kind, bounds)

    return Definition(body=body, ameasure=ameasure, type=kind, range=bounds)

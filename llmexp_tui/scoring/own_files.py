"""Which files of the project own code is made of: what a script imports from its own folder, and so on from there.

Found by reading the text, never by running it, so that the answer does not hang on what was imported before. What
code opens or imports by a name made at run time stays unknown.
"""

from __future__ import annotations

import ast
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path

_INTERPRETERS = ("python", "sh", "bash", "node", "ruby", "perl")


def imported_files(script: Path, code: str) -> tuple[Path, ...]:
    """The files beside `script` that its text imports, and those that they import; sorted, without the script.

    A name that no file answers to belongs to an installed package. Text that does not parse imports nothing.
    """
    folder, found = script.parent, {script}
    waiting = [(script, code)]
    while waiting:
        file, text = waiting.pop()
        for new in sorted(set(_direct(file, text, folder)) - found):
            found.add(new)
            waiting.append((new, new.read_text("utf-8", "replace")))
    return tuple(sorted(found - {script}))


def command_files(argv: Sequence[str], root: Path) -> tuple[Path, ...]:
    """The project's files that a command's words name, and what the Python scripts among them import; sorted."""
    named = {root / word for word in argv if _is_file(root / word) and not Path(word).is_absolute()}
    scripts = [file for file in sorted(named) if file.suffix == ".py"]
    more = (imported_files(script, script.read_text("utf-8", "replace")) for script in scripts)
    return tuple(sorted(named.union(*more)))


def missing_program(command: Sequence[str], root: Path) -> str | None:
    """The word of a command that names nothing to run, its program or an interpreter's script; None if all is there.

    A program is on the PATH, or a path as seen from the project's folder.
    """
    program, *words = command
    there = os.access(root / program, os.X_OK) and _is_file(root / program) if os.sep in program else None
    if not (shutil.which(program) if there is None else there):
        return program
    if Path(program).name.rstrip("0123456789.") in _INTERPRETERS and words and not words[0].startswith("-"):
        return None if _is_file(root / words[0]) else words[0]
    return None


def file_hashes(files: Iterable[Path], root: Path) -> dict[str, str]:
    """Path from the project's folder -> hash of the content, for a fingerprint."""
    return {file.relative_to(root).as_posix(): sha256(file.read_bytes()).hexdigest() for file in files}


def _direct(file: Path, text: str, folder: Path) -> Iterator[Path]:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield from _along(folder, name.name.split("."))
        elif isinstance(node, ast.ImportFrom):
            start = file.parents[node.level - 1] if 0 < node.level <= len(file.parents) else folder
            if not start.is_relative_to(folder):
                continue
            module = node.module.split(".") if node.module else []
            for name in node.names:
                yield from _along(start, [*module, name.name])


def _along(start: Path, names: Sequence[str]) -> Iterator[Path]:
    """The files that importing a dotted name runs: each package's `__init__.py`, and the module."""
    for depth in range(1, len(names) + 1):
        base = start.joinpath(*names[:depth])
        yield from (file for file in (base.with_name(f"{base.name}.py"), base / "__init__.py") if _is_file(file))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # too long a word for a path, or one with a NUL
        return False

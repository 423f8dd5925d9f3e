"""Runs a function in a process that file modes apply to, also where the tests run as root."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

_NOBODY = 65534


def run_unprivileged(function: Callable[[str], str], argument: str) -> str:
    """What the function returns in a forked process without root's powers."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(theirs, function, argument))
    process.start()
    theirs.close()
    try:
        return str(ours.recv())
    finally:
        process.join()


def _child(pipe: Connection, function: Callable[[str], str], argument: str) -> None:
    if os.geteuid() == 0:
        for parent in _parents(argument):
            parent.chmod(parent.stat().st_mode | 0o011)
        os.setgroups([])
        os.setgid(_NOBODY)
        os.setuid(_NOBODY)
    try:
        pipe.send(function(argument))
    except BaseException as error:
        pipe.send(f"raised {error!r}")


def _parents(path: str) -> list[Path]:
    """The folders above a test's own that are closed to others."""
    return [folder for folder in Path(path).parents[1:] if not folder.stat().st_mode & 0o001]

"""The one way to a project's files: from the work tree here, from a commit in git_ref.

A project may come from a stranger's branch, so a path in it never leads outside its folder: not absolute, not by
`..`, not through a symbolic link, not by a link that is swapped in between the check and the opening.
"""

from __future__ import annotations

import io
import os
import stat
from difflib import get_close_matches
from pathlib import Path, PurePosixPath
from typing import Protocol

from llmexp_tui.domain.text import one_line
from llmexp_tui.errors import ConfigError

MAX_BYTES = 8 << 20
"""Largest project, prompt, example, schema or tools file. Datasets are streamed and have limits of their own."""
_MAX_PARTS = 64
_CLOSE_ON_EXEC = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_NO_BLOCK = getattr(os, "O_NONBLOCK", 0)  # opening a named pipe must not hang


class FileSource(Protocol):
    """A tree of files. Paths are relative to the project, with forward slashes."""

    def read_bytes(self, relpath: str) -> bytes:
        """The file's content. Raises ConfigError (GitError for a commit) when it is not to be had."""
        ...

    def read_text(self, relpath: str) -> str:
        """The file as UTF-8 text without byte order mark, line ends as LF, so that check-outs hash alike."""
        ...

    def exists(self, relpath: str) -> bool:
        """True for a regular file inside the project."""
        ...

    def describe(self, relpath: str) -> str:
        """How messages name the file."""
        ...


def safe_relpath(relpath: str, *, where: str | None = None) -> str:
    """The path in normal form. Raises ConfigError for an absolute path and for one that leaves the project."""
    shown = one_line(relpath, 80)
    if not relpath.strip() or "\0" in relpath or len(relpath) > 1024:
        raise ConfigError(f'"{shown}" is no file path', where=where, mend="give a path relative to the project")
    path = PurePosixPath(relpath.replace("\\", "/"))
    if path.is_absolute() or (len(relpath) > 1 and relpath[1] == ":"):
        raise ConfigError(f'"{shown}" is an absolute path', where=where, mend="give a path relative to the project")
    parts: list[str] = []
    for part in path.parts:
        if part != "..":
            parts.append(part)
        elif parts:
            parts.pop()
        else:
            raise ConfigError(f'"{shown}" leads out of the project', where=where, mend="move the file inside it")
    if not parts or len(parts) > _MAX_PARTS:
        raise ConfigError(f'"{shown}" names no file', where=where, mend="give a path relative to the project")
    return "/".join(parts)


def decode_text(data: bytes, shown: str) -> str:
    """UTF-8 text without byte order mark and with LF line ends. Raises ConfigError with the line of a bad byte."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            f"byte 0x{data[error.start]:02x} is not UTF-8", where=f"{shown}:{line}", mend="save the file as UTF-8"
        ) from None
    return text.replace("\r\n", "\n")


class WorkTree:
    """The files on disk under `root`. Links inside the tree are followed, links out of it are refused."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()

    def describe(self, relpath: str) -> str:
        """The path as the project writes it."""
        return one_line(relpath, 120)

    def exists(self, relpath: str) -> bool:
        """True for a regular file inside the project."""
        try:
            return self.path(relpath).is_file()
        except (ConfigError, OSError):
            return False

    def path(self, relpath: str) -> Path:
        """The real path. Raises ConfigError where it lies outside the project."""
        relpath = safe_relpath(relpath)
        try:
            real = (self.root / relpath).resolve()
        except (OSError, RuntimeError):  # a loop of links
            raise ConfigError("a link that leads nowhere", where=self.describe(relpath)) from None
        if not real.is_relative_to(self.root) or real == self.root:
            raise ConfigError(
                "leads out of the project through a link", where=self.describe(relpath), mend="copy the file inside"
            )
        return real

    def open(self, relpath: str) -> io.BufferedReader:
        """The file opened for reading. Raises ConfigError where it is missing, outside or not a regular file."""
        shown = self.describe(relpath)
        real = self.path(relpath)
        try:
            descriptor = self._open_beneath(real.relative_to(self.root).parts)
        except FileNotFoundError:
            raise ConfigError("no such file", where=shown, mend=self._nearest(relpath)) from None
        except OSError as error:
            raise ConfigError(f"cannot be read: {error.strerror}", where=shown) from None
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise ConfigError("not a regular file", where=shown, mend="give the path of a file")
        return os.fdopen(descriptor, "rb")

    def _open_beneath(self, parts: tuple[str, ...]) -> int:
        """Opens step by step without following links: what was checked is what is opened."""
        if os.open not in os.supports_dir_fd:
            return os.open(self.root.joinpath(*parts), os.O_RDONLY | _CLOSE_ON_EXEC)
        folder = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | _CLOSE_ON_EXEC)
        try:
            for part in parts[:-1]:
                flags = os.O_RDONLY | os.O_DIRECTORY | _NO_FOLLOW | _CLOSE_ON_EXEC
                deeper = os.open(part, flags, dir_fd=folder)
                os.close(folder)
                folder = deeper
            return os.open(parts[-1], os.O_RDONLY | _NO_FOLLOW | _NO_BLOCK | _CLOSE_ON_EXEC, dir_fd=folder)
        finally:
            os.close(folder)

    def _nearest(self, relpath: str) -> str | None:
        """A file beside the missing one with nearly its name."""
        folder = (self.root / relpath).parent
        try:
            names = [entry.name for entry in os.scandir(folder) if entry.is_file()][:1000]
        except OSError:
            return None
        near = get_close_matches(Path(relpath).name, names, n=1)
        return f'did you mean "{(Path(relpath).parent / near[0]).as_posix()}"?' if near else None

    def read_bytes(self, relpath: str) -> bytes:
        """The file's content, at most MAX_BYTES. Raises ConfigError."""
        with self.open(relpath) as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise ConfigError(f"larger than {MAX_BYTES >> 20} MB", where=self.describe(relpath))
        return data

    def read_text(self, relpath: str) -> str:
        """The file as text: see FileSource. Raises ConfigError."""
        return decode_text(self.read_bytes(relpath), self.describe(relpath))

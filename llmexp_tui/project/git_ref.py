"""Files as they were at a commit, read through git's own objects: the work tree and the index are never touched."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from llmexp_tui.domain.text import one_line
from llmexp_tui.errors import GitError
from llmexp_tui.project.files import MAX_BYTES, decode_text, safe_relpath
from llmexp_tui.project.git import git, git_bytes

_MAX_REF = 250
_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_BLOB_MODES = ("100644", "100755")


class _Entry(NamedTuple):
    mode: str
    kind: str
    oid: str


def resolve_commit(root: Path, ref: str) -> str:
    """The full hash of the commit that `ref` names.

    Raises GitError, naming the ref and the command that fetches it, where there is none.
    """
    _refuse_odd(ref)
    _require_repository(root)
    try:
        return git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}").strip()
    except GitError:
        raise GitError(f'no commit called "{one_line(ref, 80)}" here', mend=_fetch_command(root, ref)) from None


def merge_base(root: Path, ref: str) -> str:
    """The newest commit that `ref` and HEAD share.

    Raises GitError, with the command that mends it, for: no repository, no such ref, a shallow clone (what it
    lacks could hold a later common commit), no common commit.
    """
    _refuse_odd(ref)
    _require_repository(root)
    if _is_shallow(root):
        raise GitError(
            f'this clone is shallow, so what HEAD shares with "{one_line(ref, 80)}" cannot be known',
            mend=f"{_fetch_command(root, ref)} (in a workflow: fetch-depth: 0)",
        )
    if not _knows(root, "HEAD"):
        raise GitError("HEAD has no commit yet", mend="make the first commit, past a hook by --no-verify")
    commit = resolve_commit(root, ref)
    try:
        return git(root, "merge-base", "--end-of-options", commit, "HEAD").split()[0]
    except (GitError, IndexError):
        raise GitError(
            f'"{one_line(ref, 80)}" and HEAD share no commit',
            mend=f"{_fetch_command(root, ref)}, or name a ref that this branch started from",
        ) from None


def tracked(root: Path, paths: Sequence[Path]) -> list[Path]:
    """Those of the files that are part of the repository that `root` lies in. Raises GitError."""
    inside = Path(git(root, "rev-parse", "--show-toplevel").rstrip("\n"))
    there = [path for path in paths if path.resolve().is_relative_to(inside)]
    return [path for path in there if git(root, "--literal-pathspecs", "ls-files", "--", str(path.resolve()))]


class GitTree:
    """The project's files at a commit (FileSource). `root` is the project folder, which may lie below the top."""

    def __init__(self, root: Path, commit: str) -> None:
        self.root = root
        self.commit = commit
        self._entries: dict[str, _Entry] | None = None

    def describe(self, relpath: str) -> str:
        """The path with the start of the commit's hash."""
        return f"{one_line(relpath, 120)}@{self.commit[:12]}"

    def exists(self, relpath: str) -> bool:
        """True for a regular file at that commit."""
        entry = self._listing().get(safe_relpath(relpath))
        return entry is not None and entry.mode in _BLOB_MODES

    def read_bytes(self, relpath: str) -> bytes:
        """The file's content. Raises GitError where it is missing, a link, in a submodule or too large."""
        entry = self._entry(safe_relpath(relpath))
        size = git(self.root, "cat-file", "-s", entry.oid).strip()
        if int(size) > MAX_BYTES:
            raise GitError(f"larger than {MAX_BYTES >> 20} MB", where=self.describe(relpath))
        return git_bytes(self.root, "cat-file", "blob", entry.oid)

    def read_text(self, relpath: str) -> str:
        """The file as text: see FileSource. Raises GitError, ConfigError for a byte that is not UTF-8."""
        return decode_text(self.read_bytes(relpath), self.describe(relpath))

    def differing(self, relpaths: Sequence[str]) -> list[str]:
        """Those of the files that are not in the work tree as they were at that commit. Raises GitError."""
        if not relpaths:
            return []
        words = ("diff", "--name-only", "-z", "--no-renames", "--relative", self.commit, "--", *relpaths)
        changed = set(git(self.root, "--literal-pathspecs", *words).split("\0"))
        return [path for path in relpaths if path in changed or not self.exists(path)]

    def _entry(self, path: str) -> _Entry:
        entries = self._listing()
        entry = entries.get(path)
        if entry is not None and entry.mode in _BLOB_MODES:
            return entry
        shown = self.describe(path)
        if entry is not None and entry.mode == "120000":
            raise GitError("is a symbolic link at that commit", where=shown, mend="commit the file itself")
        for folder in (path, *map(str, PurePosixPath(path).parents)):
            above = entries.get(folder)
            if above is not None and above.kind == "commit":
                raise GitError(
                    f'lies in the submodule "{one_line(folder, 80)}", whose files are not part of this repository',
                    where=shown, mend="move the file into the repository, or run the check inside the submodule",
                )  # fmt: skip
        raise GitError("no such file at that commit", where=shown, mend="it may be new or renamed since")

    def _listing(self) -> dict[str, _Entry]:
        """Path -> entry of everything below the project at the commit; one git call, made when first needed."""
        if self._entries is None:
            _require_repository(self.root)
            prefix = git(self.root, "rev-parse", "--show-prefix").rstrip("\n")
            scope = ["--", prefix] if prefix else []
            listed = git_bytes(self.root, "ls-tree", "-r", "-z", "--full-tree", self.commit, *scope)
            self._entries = {}
            for line in listed.split(b"\0"):
                about, tab, path = line.partition(b"\t")
                if tab:
                    entry = _Entry(*about.decode("ascii").split())
                    self._entries[path.decode("utf-8", "surrogateescape").removeprefix(prefix)] = entry
        return self._entries


def _refuse_odd(ref: str) -> None:
    empty = not ref.strip() or ref.endswith("/")
    odd = empty or ref.startswith("-") or len(ref) > _MAX_REF or not ref.isprintable() or " " in ref
    if odd or ":" in ref:
        raise GitError(
            f'"{one_line(ref, 80)}" is no ref',
            mend="name a branch, tag or commit, such as origin/main"
            + ("; a variable that should name it is empty in this job" if empty else ""),
        )


def _require_repository(root: Path) -> None:
    try:
        inside = git(root, "rev-parse", "--is-inside-work-tree").strip()
    except GitError as error:
        if "dubious ownership" in error.what:
            raise GitError(
                "git does not trust this folder, it belongs to somebody else",
                mend=f"run `git config --global --add safe.directory {root}`",
            ) from None
        if "not a git repository" in error.what:
            inside = ""
        else:
            raise
    if inside != "true":
        raise GitError("the project is in no git repository", where=str(root), mend="run `git init` and commit it")


def _remote_and_branch(root: Path, ref: str) -> tuple[str, str]:
    """Where a ref would be fetched from, and its name there."""
    try:
        remotes = git(root, "remote").split()
    except GitError:
        remotes = []
    name = ref.removeprefix("refs/remotes/").removeprefix("refs/heads/").removeprefix("refs/tags/")
    remote, slash, branch = name.partition("/")
    if slash and (remote in remotes or remote == "origin"):
        return remote, branch
    return ("origin" if "origin" in remotes or not remotes else remotes[0]), name


def _fetch_command(root: Path, ref: str) -> str:
    """The command after which `ref` is known with its whole history, as part of a sentence."""
    remote, branch = _remote_and_branch(root, ref)
    if ref.startswith((f"{remote}/", "refs/remotes/")):
        wanted = f"{branch}:refs/remotes/{remote}/{branch}"
    else:
        wanted = ref if _HASH.fullmatch(ref) else f"{branch}:{branch}"
    try:
        shallow = _is_shallow(root)
        known = _knows(root, ref)
        inner = bool(git(root, "rev-parse", "--show-superproject-working-tree").strip())
        head = git(root, "rev-parse", "--verify", "--quiet", "HEAD").strip() if shallow else ""
    except GitError:
        return f"run `git fetch {remote} {wanted}`"
    # Without HEAD's own hash, git completes the history of the fetched branch and leaves that of HEAD cut off.
    words = [*(("--unshallow", remote, head) if shallow else (remote,)), *(() if shallow and known else (wanted,))]
    mend = f"run `git fetch {' '.join(words)}`"
    if not known and wanted == f"{branch}:{branch}":
        mend += f", or `git fetch {remote} tag {branch}` if it is a tag"
    if inner:
        mend += "; the project lies in a submodule, so the ref must be one of the submodule's own"
    return mend


def _is_shallow(root: Path) -> bool:
    return git(root, "rev-parse", "--is-shallow-repository").strip() == "true"


def _knows(root: Path, ref: str) -> bool:
    try:
        return bool(git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}"))
    except GitError:
        return False

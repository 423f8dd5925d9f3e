"""Compares an experiment in a process of its own: `python -m llmexp_tui.tui.comparing ROOT DB EXPERIMENT [--trust]`.

A comparison of hundreds of thousands of rows takes many seconds and stalls every thread of its process for tenths of
a second. The app asks for it here and reads the stored answer. Errors go to standard error as one sentence.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from llmexp_tui.errors import LlmexpError, RunError
from llmexp_tui.workflows.session import Session, open_session


def compare_apart(experiment: str, session: Session) -> None:
    """Compare in a child process and store the answer. Raises RunError with the child's sentence."""
    command = [
        sys.executable,
        "-m",
        "llmexp_tui.tui.comparing",
        str(session.root),
        str(session.store.path),
        experiment,
    ]
    command += ["--trust"] if session.flag_trust else []
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=dict(session.env),
        check=False,
    )  # fmt: skip
    if done.returncode:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise RunError(lines[-1] if lines else f"the comparison ended with code {done.returncode}", where=experiment)


def main(arguments: list[str]) -> int:
    """The child: 0 where the comparison is stored."""
    import os

    from llmexp_tui.tui.reads.results import compare_and_keep

    root, db, experiment, *rest = arguments
    try:
        with open_session(Path(root), db=Path(db), env=os.environ, trust="--trust" in rest) as session:
            compare_and_keep(experiment, session)
    except LlmexpError as error:
        sys.stderr.write(f"{error.sentence}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Compares an experiment in a process of its own: `python -m llmexp_tui.tui.comparing ROOT DB EXPERIMENT [--trust]`.

A comparison of hundreds of thousands of rows takes many seconds and stalls every thread of its process for tenths of
a second. The app asks for it here and reads the stored answer. The child says on standard output how much is done, a
share a line; errors go to standard error as one sentence.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryFile

from llmexp_tui.domain.watch import Watch, tell
from llmexp_tui.errors import LlmexpError, RunError
from llmexp_tui.workflows.session import Session, open_session

_BEHIND = 5
"""How far the child stands back: on a busy machine the window is drawn first."""
_LOOK_S = 0.1
"""How soon the child hears that nobody waits for it."""


def compare_apart(experiment: str, session: Session, watch: Watch) -> None:
    """Compare in a child process and store the answer.

    Raises CalledOffError once `watch` says so (the child is ended), RunError with the child's sentence.
    """
    command = [sys.executable, "-m", "llmexp_tui.tui.comparing", str(session.root), str(session.store.path)]
    command += [experiment, *(["--trust"] if session.flag_trust else [])]
    with TemporaryFile() as said:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said, env=dict(session.env)
        )
        try:
            _listen(process, watch)
        finally:
            process.terminate()
            code = process.wait()
        said.seek(0)
        lines = said.read().decode("utf-8", "replace").strip().splitlines()
    if code:
        raise RunError(lines[-1] if lines else f"the comparison ended with code {code}", where=experiment)


def _listen(process: subprocess.Popen[bytes], watch: Watch) -> None:
    """Hand on how much is done until the child has ended. Raises CalledOffError."""
    assert process.stdout is not None
    with process.stdout as output:
        while True:
            heard = select.select([output], [], [], _LOOK_S)[0]
            data = os.read(output.fileno(), 4096) if heard else None
            if data == b"":
                process.wait()
                return
            tell(watch, float(data.split()[-1]) if data else None)


def _tell(share: float) -> None:
    os.write(1, f"{share:.3f}\n".encode())


def main(arguments: list[str]) -> int:
    """The child: 0 where the comparison is stored."""
    from llmexp_tui.tui.reads.results import compare_and_keep

    os.nice(_BEHIND)
    root, db, experiment, *rest = arguments
    try:
        with open_session(Path(root), db=Path(db), env=os.environ, trust="--trust" in rest) as session:
            compare_and_keep(experiment, session, _tell)
    except LlmexpError as error:
        sys.stderr.write(f"{error.sentence}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

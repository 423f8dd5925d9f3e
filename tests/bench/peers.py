"""The same calls by the programs that people come from, beside ours, in one run against one server.

    python -m tests.bench.peers [--python PATH] [--promptfoo PATH] [--rows 1000] [--delay-ms 50]

`--python` is the interpreter of an environment that has openai, litellm, deepeval, ragas and inspect-ai (which may
need one of its own: it wants a newer openai than litellm allows). A program that is not there, or that ends badly, is
named and left out. Every one runs at 32 calls at a time, as a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

from tests.bench.engine import CONCURRENCY, FLOOR, PROGRAM, project, served, show
from tests.bench.peer_programs import PROGRAMS
from tests.fakes.processes import ROOT, model_server_process

PEERS = ROOT / "tests" / "bench" / "peer_programs.py"


def is_there(python: str, module: str) -> bool:
    """Whether an interpreter can import a module."""
    return subprocess.run([python, "-c", f"import {module}"], capture_output=True, check=False).returncode == 0


def promptfoo_project(folder: Path, port: int) -> Path:
    """The same two prompts, rows and scorer as promptfoo's own file."""
    config = {
        "prompts": ["long {{text}}", "short {{text}}"],
        "providers": [{"id": "openai:chat:gpt-x",
                       "config": {"apiBaseUrl": f"http://127.0.0.1:{port}/v1", "apiKey": "k"}}],
        "defaultTest": {"assert": [{"type": "equals", "value": "{{expected}}"}]},
        "tests": "items.csv",
    }  # fmt: skip
    path = folder / "promptfooconfig.json"
    path.write_text(json.dumps(config))
    return path


def main() -> int:
    """Prints one table, the least first, ours next."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--promptfoo")
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--delay-ms", type=int, default=50)
    args = parser.parse_args()
    os.environ.update(PROMPTFOO_DISABLE_TELEMETRY="1", PROMPTFOO_DISABLE_UPDATE="1")
    limit = 2 * args.rows * args.delay_ms / 1000 / CONCURRENCY
    print(f"{f'2 x {args.rows} rows, limit {limit:.2f} s':34} {'wall s':>8} {'span s':>8} {'CPU s':>8} {'MiB':>8}")
    with model_server_process("--delay-ms", str(args.delay_ms), "--answer", "yes") as port:
        for name in ("plain aiohttp", "llmexp-tui", *PROGRAMS, "promptfoo"):
            with project(port, args.rows) as folder:
                words: list[str | Path] = [args.python, PEERS, name, str(port), str(CONCURRENCY)]
                if name == "plain aiohttp":
                    words = [sys.executable, FLOOR, str(port), str(CONCURRENCY)]
                elif name == "llmexp-tui":
                    words = [*PROGRAM, "run", "tone"]
                elif name == "promptfoo":
                    if args.promptfoo is None:
                        continue
                    os.environ["PROMPTFOO_CONFIG_DIR"] = str(folder.root / "promptfoo")
                    config = promptfoo_project(folder.root, port)
                    words = [args.promptfoo, "eval", "--no-cache", "--no-table", "-j", str(CONCURRENCY), "-c", config]
                elif not is_there(args.python, name):
                    print(f"{name:34} is not there")
                    continue
                try:
                    show(name, [served(words, folder.root, port)])
                except RuntimeError as error:
                    print(f"{name:34} {error}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The process that runs what the app queued: `python -m llmexp_tui.worker`. It outlives the terminal it came from.

It takes only commands queued by the login and session that started it, because its keys are that person's. It talks
to nobody but the store. It ends when there is nothing to do and the process that started it is gone.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib
import logging
import os
import sys
import traceback
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from llmexp_tui.engine.signals import stopping_on_signals
from llmexp_tui.engine.stop import StopFlag, StopMode
from llmexp_tui.errors import InterruptedRunError, LlmexpError, UsageError
from llmexp_tui.project.prompts import compile_prompt
from llmexp_tui.providers.base import lane_of, redact, warm_lane
from llmexp_tui.store import queue
from llmexp_tui.store.processes import this_process
from llmexp_tui.store.queue import QueueState
from llmexp_tui.workflows.session import Session, open_session
from llmexp_tui.workflows.versions import resolve_prompt

POLL_S = 0.05
LOG = logging.getLogger("llmexp_tui.worker")


def main(arguments: list[str] | None = None) -> int:
    """Runs queued commands until there is nothing left to wait for."""
    parser = argparse.ArgumentParser(prog="python -m llmexp_tui.worker", description=__doc__)
    parser.add_argument("--project", type=Path, required=True)
    parser.add_argument("--db", type=Path, required=True)
    parser.add_argument("--session", type=int, required=True, help="the login session whose commands are taken")
    parser.add_argument("--trust", action="store_true")
    parser.add_argument("--parent", type=int, help="the process whose end is this one's, once nothing is left to do")
    parser.add_argument("--once", action="store_true", help="end when the queue is empty")
    options = parser.parse_args(arguments)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(message)s")
    try:
        with open_session(options.project, db=options.db, env=os.environ, trust=options.trust) as session:
            asyncio.run(_work(session, options))
    except LlmexpError as error:
        LOG.error("%s", error.sentence)
        return error.exit_code
    return 0


async def _work(session: Session, options: argparse.Namespace) -> None:
    worker = replace(this_process(), session=options.session)
    shutdown = StopFlag()
    with stopping_on_signals(shutdown):
        warming = asyncio.create_task(asyncio.to_thread(_warm, session))
        try:
            seen = None
            while not shutdown.requested:
                version = session.store.data_version()  # 10 µs: a waiting worker looks no further
                claimed = None if version == seen else queue.claim(session.store, worker, at=session.at())
                if claimed is not None:
                    await _perform(options, claimed, shutdown)
                    continue
                seen = version
                if options.once or (options.parent is not None and os.getppid() != options.parent):
                    return
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(shutdown.event.wait(), POLL_S)
        finally:
            await asyncio.gather(warming, return_exceptions=True)


def _warm(session: Session) -> None:
    """Loads, while the user is still looking, what the first call would wait for: only what the project needs."""
    for name in ("aa", "check", "resume", "run"):
        importlib.import_module(f"llmexp_tui.workflows.{name}")
    for prompt in session.project.prompts:
        with contextlib.suppress(LlmexpError):
            compile_prompt(resolve_prompt(session, prompt))
    lanes = set()
    for model in session.project.models.values():
        with contextlib.suppress(LlmexpError):
            lanes.add(lane_of(model))
    for lane in sorted(lanes):
        warm_lane(lane)
    LOG.info("ready for %s", ", ".join(sorted(lanes)) or "no model")


async def _perform(options: argparse.Namespace, claimed: queue.Claim, shutdown: StopFlag) -> None:
    """Runs one command and says in the queue how it ended. The worker's boundary: nothing that a command raises

    ends the worker.
    """
    LOG.info("starting %s", claimed.command)
    state, reason = QueueState.DONE, None
    flag = StopFlag()  # its own: the stop of one command is not the end of the worker
    passing_on = asyncio.create_task(_pass_on(shutdown, flag))
    with open_session(options.project, db=options.db, env=os.environ, trust=options.trust) as session:
        try:
            reason = await _run_command(session, claimed, flag)
        except InterruptedRunError as error:
            state, reason = QueueState.CANCELLED, error.sentence
        except LlmexpError as error:
            state, reason = QueueState.FAILED, error.sentence
        except Exception as error:  # whatever it is, the next command must still be served
            LOG.error("%s", redact("".join(traceback.format_exception(error)), os.environ))
            state, reason = QueueState.FAILED, f"internal error ({type(error).__name__}), see the worker's log"
        finally:
            passing_on.cancel()
        queue.release(session.store, claimed.group, state, at=session.at(), reason=reason)
    LOG.info("ended %s: %s%s", claimed.group, state, f" ({reason})" if reason else "")


async def _pass_on(shutdown: StopFlag, flag: StopFlag) -> None:
    """The end of the worker is the end of its command."""
    for event, mode in ((shutdown.event, StopMode.DRAIN), (shutdown.cancelled, StopMode.CANCEL)):
        await event.wait()
        assert shutdown.error is not None
        flag.request(mode, shutdown.error)


async def _run_command(session: Session, claimed: queue.Claim, flag: StopFlag) -> str | None:
    """What stopped the command, None where it is complete."""
    from llmexp_tui.workflows.aa import run_aa
    from llmexp_tui.workflows.check import CheckOptions, check
    from llmexp_tui.workflows.rejudge import rejudge
    from llmexp_tui.workflows.resume import resume
    from llmexp_tui.workflows.run import RunOptions, run_experiment

    kind, experiment = str(claimed.command["kind"]), str(claimed.command["experiment"])
    given: Mapping[str, Any] = claimed.command.get("options", {})
    if kind == "check":
        wanted = CheckOptions(experiments=(experiment,), **_fields(CheckOptions, given))
        report = await check(session, wanted, flag=flag)
        return "; ".join(report.experiments[0].reasons) or None
    if kind == "resume":
        outcome = await resume(session, given.get("run"), group=given.get("group"), flag=flag)
        return outcome.stop_reason
    if kind == "judge":
        judged = await rejudge(session, tuple(given.get("runs", (experiment,))), RunOptions(), flag=flag)
        return None if judged.error is None else judged.error.sentence
    options = RunOptions(**{**_fields(RunOptions, given), "group": claimed.group})
    if kind == "aa":
        return (await run_aa(session, experiment, given.get("variant"), options, flag=flag)).stop_reason
    if kind == "run":
        return (await run_experiment(session, experiment, options, flag=flag)).stop_reason
    raise UsageError(f'unknown command "{kind}" in the queue')


def _fields(options: type[Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The given options that the dataclass has; lists become tuples again."""
    names = options.__dataclass_fields__
    return {k: tuple(v) if isinstance(v, list) else v for k, v in given.items() if k in names}


if __name__ == "__main__":
    sys.exit(main())

"""For teams whose gate is a test run: `assert_no_regression` runs `--check` inside a test and fails as it fails."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from llmexp_tui.reports.record import CheckReport
from llmexp_tui.reports.text_panel import experiment_panel
from llmexp_tui.workflows.check import CheckOptions, check
from llmexp_tui.workflows.session import open_session

__all__ = ["assert_no_regression"]


def assert_no_regression(
    *experiments: str,
    project: str | os.PathLike[str] | None = None,
    base: str | None = None,
    db: str | os.PathLike[str] | None = None,
    fresh: bool = False,
    offline: bool = False,
    trust: bool = False,
    max_cost: float | None = None,
    seed: int | None = None,
) -> CheckReport:
    """Judges the registered gates of the experiments (all that have gates unless named); the report if they pass.

    It runs an event loop of its own, from a plain test or an `async def` one; the test's own loop stands still until
    all is judged, so a model that is served in that loop cannot answer.

    project: the folder of llmexp.toml or one below it (the working directory unless given). base: compare with the
    merge base of this git ref. The other arguments are those of `llmexp-tui --check`.

    Raises AssertionError with the results panels where a gate failed, or could not be judged (a gate that tolerates
    being inconclusive says so in the project file). Raises LlmexpError for what is wrong before anything was called.
    """
    options = CheckOptions(
        experiments=experiments, base=base, fresh=fresh, offline=offline, max_cost=max_cost, seed=seed
    )
    where, chosen_db = (None if path is None else Path(path) for path in (project, db))

    def judged() -> CheckReport:
        with open_session(where, db=chosen_db, env=os.environ, trust=trust) as session:
            return asyncio.run(check(session, options))

    report = _beside(judged) if _in_loop() else judged()
    if report.status != "pass":
        worse = [experiment_panel(e) for e in report.experiments if e.status != "pass"]
        raise AssertionError("\n\n".join(worse))
    return report


def _in_loop() -> bool:
    """Whether an event loop runs in this thread, beside which there can be no second one."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _beside(judged: Callable[[], CheckReport]) -> CheckReport:
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(judged).result()

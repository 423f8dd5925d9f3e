"""The app has stored answers judged by a key: the real screens, queue and worker, a loopback judge."""

from __future__ import annotations

from pathlib import Path

from llmexp_tui.store import comparisons, queue
from llmexp_tui.tui.app import LlmexpApp
from llmexp_tui.tui.reads.results import read_report
from llmexp_tui.tui.screens.confirm import ConfirmScreen
from llmexp_tui.tui.screens.home import HomeScreen
from llmexp_tui.tui.screens.results import ResultsScreen
from llmexp_tui.tui.settings import Settings
from llmexp_tui.tui.state.cells import plain
from llmexp_tui.tui.state.results import asks_for_judges, sentences
from llmexp_tui.workflows import start
from llmexp_tui.workflows.rejudge import rejudge
from llmexp_tui.workflows.run import RunOptions, run_experiment
from tests.fakes.judges import MODELS, RUBRIC, court, judge_requests
from tests.fakes.programs import environment
from tests.fakes.projects import ProjectFolder
from tests.tui.waiting import filled, on_screen, until

ROWS = 6


async def test_arms_judged_differently_are_judged_alike_by_a_key(tmp_path: Path) -> None:
    with court() as server:
        folder = ProjectFolder(tmp_path, server, rows=ROWS, gates=(), scorers=["exact_match", RUBRIC], models=MODELS)
        with folder.session() as session:
            assert (await run_experiment(session, "tone", RunOptions())).exit_code == 0
            asked, called = len(judge_requests(server)), server.count
            folder.scorers[1] = {**RUBRIC, "scale": [1, 10]}
            folder.write()
            app = LlmexpApp(
                lambda: folder.session(env=environment()), env=environment(), settings=Settings(theme="dark")
            )
            try:
                async with app.run_test(notifications=True) as pilot:
                    await on_screen(pilot, HomeScreen)
                    await filled(pilot, "#experiments")
                    await pilot.press("enter")
                    results = await on_screen(pilot, ResultsScreen)
                    await filled(pilot, "#metrics")
                    assert results.report is not None
                    said = [plain(line) for line in sentences(results.report, None)]
                    assert any("not compared" in line for line in said) and "J asks" in said[0]
                    await pilot.press("J")
                    await on_screen(pilot, ConfirmScreen)
                    assert server.count == called, "nothing is asked before the answer"
                    await pilot.press("y")

                    def delta() -> float | None:
                        report = results.report
                        assert report is not None
                        return next(m for m in report.metrics if m.metric == "tone").delta

                    await until(pilot, lambda: delta() is not None, "both arms judged alike")
                    await pilot.press("J")
                    await until(pilot, lambda: any("judged" in note.message for note in app._notifications), "a word")
                    assert not isinstance(pilot.app.screen, ConfirmScreen), "there is nothing left to ask"
            finally:
                worker = start._started.pop(str(session.store.path), None)
                if worker is not None:
                    worker.kill()
                    worker.wait()
            assert len(judge_requests(server)) == asked + 2 * ROWS
            assert server.count == called + 2 * ROWS, "no variant was called"
            assert [entry.command["kind"] for entry in queue.entries(session.store)] == ["judge"]


async def test_what_a_judge_said_meanwhile_is_in_the_results_whoever_asked_it(tmp_path: Path) -> None:
    with court() as server:
        folder = ProjectFolder(tmp_path, server, rows=ROWS, gates=(), scorers=["exact_match", RUBRIC], models=MODELS)
        with folder.session() as session:
            assert (await run_experiment(session, "tone", RunOptions())).exit_code == 0
        folder.scorers[1] = {**RUBRIC, "criteria": "Is it short?"}
        folder.write()
        with folder.session() as app, folder.session() as other:
            before = read_report("tone", app)
            assert asks_for_judges(before)
            assert (await rejudge(other, ("tone",), RunOptions())).calls == 2 * ROWS
            after = read_report("tone", app)
            assert not asks_for_judges(after)
            assert next(m for m in after.metrics if m.metric == "tone").n_pairs == ROWS
            compared = len(comparisons.history(app.store, "tone"))
            assert read_report("tone", app) == after and len(comparisons.history(app.store, "tone")) == compared

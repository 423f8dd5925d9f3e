"""What joins after the runs: a scorer whose scores are seen wherever scores are, an arm that ran alone."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from llmexp_tui.domain.run import RunStatus
from llmexp_tui.store import comparisons, runs
from llmexp_tui.tui.reads.results import read_report
from llmexp_tui.tui.screens.home import HomeScreen
from llmexp_tui.tui.screens.results import ResultsScreen
from llmexp_tui.tui.screens.rows import RowsScreen
from llmexp_tui.tui.state.cells import plain
from llmexp_tui.tui.state.results import metrics_of
from llmexp_tui.workflows.session import Session
from tests.tui.build import NOW, run_group
from tests.tui.conftest import MakeApp
from tests.tui.waiting import filled, on_screen, until

LATER = 'scorers = ["exact_match", "length", { type = "char_count", name = "letters" }]'


async def test_a_scorer_added_while_the_app_is_open_scores_stored_answers(make_app: MakeApp, project: Path) -> None:
    async with make_app().run_test() as pilot:
        home = await on_screen(pilot, HomeScreen)
        await filled(pilot, "#experiments")
        session = home.home_app.session()
        file = project / "llmexp.toml"
        file.write_text(file.read_text().replace('scorers = ["exact_match", "length"]', LATER))
        await until(pilot, lambda: len(session.project.experiments["tone"].scorers) == 3)
        await pilot.press("enter")
        results = await on_screen(pilot, ResultsScreen)
        await filled(pilot, "#metrics")
        report = results.report
        assert report is not None
        names = [metric.metric for metric in metrics_of(report, "short")]
        assert "letters" in names
        for _ in range(names.index("letters")):
            await pilot.press("j")
        await until(pilot, lambda: results.metric is not None and results.metric.metric == "letters")
        await pilot.press("enter")
        rows = await on_screen(pilot, RowsScreen)
        table = await filled(pilot, "#rows")
        source = table.source
        assert source is not None
        first = source.page(0, 1)[0]
        assert "–" not in plain(first.cells[1])
        await until(pilot, lambda: rows.detail is not None)
        assert rows.detail is not None and "letters" in rows.detail.baseline.scores[0]


async def test_a_broken_project_file_is_told_and_the_old_one_stays(make_app: MakeApp, project: Path) -> None:
    app = make_app()
    async with app.run_test(notifications=True) as pilot:
        await on_screen(pilot, HomeScreen)
        await filled(pilot, "#experiments")
        (project / "llmexp.toml").write_text("[experiments.tone\n")
        await until(pilot, lambda: any(note.title == "That did not work" for note in app._notifications))
        assert set(app.session().project.experiments) == {"tone", "cheaper", "fresh"}


def test_an_arm_that_ran_alone_is_compared_once(session: Session) -> None:
    before = len(comparisons.history(session.store, "tone"))
    session.now = lambda: NOW + timedelta(minutes=1)
    records = run_group(
        session, "tone", 6, good={"short": 30}, status=RunStatus.RUNNING, variants=("short",)
    )
    runs.set_status(session.store, [run.id for run in records], RunStatus.COMPLETE, at=session.at())
    session.now = lambda: NOW + timedelta(minutes=2)
    for _ in range(3):
        report = read_report("tone", session)
        assert report.candidates[0].id == records[0].id
    assert len(comparisons.history(session.store, "tone")) == before + 1

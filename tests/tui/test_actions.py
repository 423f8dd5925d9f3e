"""What the app changes: labels, versions, datasets of marked rows, scores, settings, queued runs. All by keys."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from textual.screen import Screen
from textual.widgets import Input, Static

from llmexp_tui.domain.run import RunStatus
from llmexp_tui.store import comparisons, datasets, prompts, queue, runs, scores
from llmexp_tui.tui.app import LlmexpApp
from llmexp_tui.tui.screens.confirm import ConfirmScreen
from llmexp_tui.tui.screens.dataset_diff import DatasetDiffScreen
from llmexp_tui.tui.screens.datasets import DatasetsScreen
from llmexp_tui.tui.screens.histogram import HistogramScreen
from llmexp_tui.tui.screens.home import HomeScreen
from llmexp_tui.tui.screens.keys import KeysScreen
from llmexp_tui.tui.screens.label import LabelScreen
from llmexp_tui.tui.screens.launch import LaunchScreen
from llmexp_tui.tui.screens.marked import MarkedScreen
from llmexp_tui.tui.screens.prompts import PromptsScreen
from llmexp_tui.tui.screens.quit import QuitScreen
from llmexp_tui.tui.screens.results import ResultsScreen
from llmexp_tui.tui.screens.rows import RowsScreen
from llmexp_tui.tui.screens.runs import RunsScreen
from llmexp_tui.tui.screens.scoring import ScoringScreen
from llmexp_tui.tui.screens.settings import SettingsScreen
from llmexp_tui.tui.screens.tag import TagScreen
from llmexp_tui.tui.screens.welcome import WelcomeScreen
from llmexp_tui.tui.screens.which_label import WhichLabelScreen
from llmexp_tui.tui.settings import load_settings
from llmexp_tui.tui.state.rows import name_of
from llmexp_tui.tui.themes import THEME_NAMES
from llmexp_tui.tui.widgets.key_bar import KeyBar
from llmexp_tui.workflows import start
from llmexp_tui.workflows.human import human_fingerprint
from llmexp_tui.workflows.label import move_label
from llmexp_tui.workflows.session import Session
from tests.tui.build import NOW, run_group
from tests.tui.conftest import MakeApp
from tests.tui.waiting import at_results, filled, on_screen, until


@pytest.fixture
def queued(monkeypatch: pytest.MonkeyPatch) -> None:
    """Queue without a worker process: what is queued stays so."""
    monkeypatch.setattr(start, "ensure_worker", lambda session: None)


async def test_a_label_moves_with_its_reason_and_comes_back(make_app: MakeApp, session: Session) -> None:
    async with make_app().run_test() as pilot:
        await on_screen(pilot, HomeScreen)
        await pilot.press("4")
        await on_screen(pilot, PromptsScreen)
        await filled(pilot, "#versions")
        await pilot.press("j", "l")
        await on_screen(pilot, LabelScreen)
        await pilot.press("tab", *"good", "enter")
        await on_screen(pilot, PromptsScreen)

        def stands() -> str:
            return prompts.resolve(session.store, "short", "production").hash

        newest = prompts.versions(session.store, "short")[0].hash
        await until(pilot, lambda: stands() == newest)
        move = prompts.label_history(session.store, "short", "production")[0]
        assert (move.reason, move.who) == ("good", session.who)
        await until(pilot, lambda: "production" in pilot.app.screen.items[1].version.labels)  # type: ignore[attr-defined]
        await pilot.press("b")
        await on_screen(pilot, ConfirmScreen)
        await pilot.press("n")
        await on_screen(pilot, PromptsScreen)
        assert stands() == newest, "no is no"
        await pilot.press("b")
        await on_screen(pilot, ConfirmScreen)
        await pilot.press("y")
        await until(pilot, lambda: stands() != newest)


async def test_of_two_labels_the_one_that_is_meant_goes_back(make_app: MakeApp, session: Session) -> None:
    old = prompts.resolve(session.store, "short", "production").hash
    new = prompts.versions(session.store, "short")[0].hash
    for label in ("canary", "staging", "production"):
        move_label(session, "short", label, old)
        move_label(session, "short", label, new)
    async with make_app().run_test() as pilot:
        await filled(pilot)
        await pilot.press("4")
        await on_screen(pilot, PromptsScreen)
        await filled(pilot, "#versions")
        await pilot.press("j", "b")
        await on_screen(pilot, WhichLabelScreen)
        await pilot.press("j", "enter")
        await on_screen(pilot, ConfirmScreen)
        await pilot.press("y")
        await until(pilot, lambda: prompts.resolve(session.store, "short", "production").hash == old)
        assert all(prompts.resolve(session.store, "short", name).hash == new for name in ("canary", "staging"))


async def test_a_run_is_queued_with_what_was_chosen(make_app: MakeApp, session: Session, queued: None) -> None:
    async with make_app().run_test() as pilot:
        await on_screen(pilot, HomeScreen)
        await filled(pilot, "#experiments")
        await pilot.press("r")
        launch = await on_screen(pilot, LaunchScreen)
        await until(pilot, lambda: launch.preflight is not None)
        assert launch.choice.kind == "check" and not launch.query_one("#inputs").display
        await pilot.press("n", "t", "n", "1", "2", "escape", "f", "enter")
        await until(pilot, lambda: bool(queue.entries(session.store)))
        await on_screen(pilot, HomeScreen)
        entry = queue.entries(session.store)[0]
        assert entry.command == {"kind": "run", "experiment": "tone", "options": {"rows": 12, "fresh": True}}
        app = pilot.app
        assert isinstance(app, LlmexpApp)
        await until(pilot, lambda: any(group.status == "queued" for group in app.groups))


async def test_what_has_no_gates_is_run_and_not_checked(make_app: MakeApp, session: Session, queued: None) -> None:
    async with make_app().run_test() as pilot:
        await on_screen(pilot, HomeScreen)
        await filled(pilot, "#experiments")
        await pilot.press("G", "r")
        launch = await on_screen(pilot, LaunchScreen)
        await until(pilot, lambda: launch.preflight is not None)
        await pilot.press("t", "t", "enter")
        await until(pilot, lambda: bool(queue.entries(session.store)))
        assert queue.entries(session.store)[0].command == {"kind": "run", "experiment": "fresh", "options": {}}
        await on_screen(pilot, HomeScreen)


@pytest.mark.parametrize("ran", [False, True])
async def test_a_check_tells_once_what_it_found_whether_it_called_anything_or_not(
    ran: bool, make_app: MakeApp, session: Session, queued: None
) -> None:
    app = make_app()
    async with app.run_test(notifications=True) as pilot:
        await on_screen(pilot, HomeScreen)
        await filled(pilot, "#experiments")
        session.now = lambda: NOW + timedelta(seconds=1)
        group = start.queue_run(session, "check", "tone", {})
        await until(pilot, lambda: any(line.group == group for line in app.groups))
        queue.claim(session.store, session.store.process, at=session.at())
        if ran:
            run_group(session, "tone", 4, good={"long": 42, "short": 53})
        queue.release(session.store, group, queue.QueueState.DONE, at=session.at())
        await until(pilot, lambda: not any(line.active for line in app.groups))
        await until(pilot, lambda: all(w.is_finished for w in app.workers if w.group.startswith("announce")))
        told = [note.message for note in app._notifications]
        stored = ["tone: ✓ GATE PASSES, everything was stored"]
        # The run of its own tells, where the follower saw it between its first cell and its last.
        assert told == stored if not ran else len(told) <= 1 and told != stored


async def test_quitting_while_a_run_goes_asks_and_can_stop_it(
    make_app: MakeApp, session: Session, queued: None
) -> None:
    start.queue_run(session, "run", "tone", {})
    app = make_app()
    async with app.run_test() as pilot:
        await on_screen(pilot, HomeScreen)
        await until(pilot, lambda: bool(app.groups))
        await pilot.press("q")
        await on_screen(pilot, QuitScreen)
        await pilot.press("escape")
        await on_screen(pilot, HomeScreen)
        await pilot.press("q")
        await on_screen(pilot, QuitScreen)
        await pilot.press("c")
        await until(pilot, lambda: queue.entries(session.store)[0].state == "cancelled")
        await until(pilot, lambda: not app.is_running or app._exit)
    assert app.return_code == 0


async def test_quitting_with_nothing_running_asks_nothing(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        await on_screen(pilot, HomeScreen)
        await pilot.press("q")
        await until(pilot, lambda: app._exit)
    assert app.return_code == 0


async def test_progress_is_seen_while_somebody_else_writes(make_app: MakeApp, session: Session) -> None:
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await on_screen(pilot, HomeScreen)
        await filled(pilot, "#experiments")
        run_group(session, "fresh", 5, good={"long": 20, "short": 20}, status=RunStatus.RUNNING, done=15)
        await until(pilot, lambda: bool(app.groups) and app.groups[0].done == 30)
        await pilot.press("2")
        screen = await on_screen(pilot, RunsScreen)
        await until(pilot, lambda: screen.group is not None and screen.group.experiment == "fresh")
        assert screen.group is not None and screen.group.total == 120
        runs.set_status(
            session.store, [arm.record.id for arm in screen.group.arms], RunStatus.CANCELLED, at=session.at()
        )
        await until(pilot, lambda: not app.groups)


async def test_marked_rows_become_a_dataset_of_the_project(
    make_app: MakeApp, session: Session, project: Path
) -> None:
    async with make_app().run_test() as pilot:
        await on_screen(pilot, HomeScreen)
        await filled(pilot, "#experiments")
        await pilot.press("j", "enter")
        await on_screen(pilot, ResultsScreen)
        await filled(pilot, "#metrics")
        await pilot.press("n")
        await on_screen(pilot, RowsScreen)
        await filled(pilot, "#rows")
        await pilot.press("space", "space", "m")
        await on_screen(pilot, MarkedScreen)
        await pilot.press("enter")
        await on_screen(pilot, RowsScreen)
        await until(pilot, lambda: bool(datasets.versions(session.store, "tickets-hard")))
    version = datasets.versions(session.store, "tickets-hard")[0]
    assert version.rows == 2
    table = tomllib.loads((project / "llmexp.toml").read_text())
    assert table["datasets"]["tickets-hard"]["id"] == "id" and "tone" in table["experiments"]


async def test_marked_rows_become_a_slice_of_their_dataset(
    make_app: MakeApp, session: Session, project: Path
) -> None:
    async with make_app().run_test() as pilot:
        await on_screen(pilot, HomeScreen)
        await filled(pilot, "#experiments")
        await pilot.press("j", "enter")
        await on_screen(pilot, ResultsScreen)
        await filled(pilot, "#metrics")
        await pilot.press("n")
        await on_screen(pilot, RowsScreen)
        table = await filled(pilot, "#rows")
        await pilot.press("space", "space", "m")
        asked = await on_screen(pilot, MarkedScreen)
        await until(pilot, lambda: not asked.query_one(Input).cursor_blink, "nothing moves unasked")
        await pilot.press("tab", "enter")
        await on_screen(pilot, RowsScreen)
        marked = {name_of(key) for key in table.marked}
        await until(pilot, lambda: len(datasets.versions(session.store, "tickets")) == 3)
    version = datasets.versions(session.store, "tickets")[0]
    assert version.changelog == '2 rows marked as slice "hard"'
    found = list(datasets.iter_rows(session.store, version.hash))
    assert len(marked) == 2 and {row.key for row in found if row.values["hard"] == "yes"} == marked
    assert sum(row.values["hard"] == "no" for row in found) == 58
    entry = tomllib.loads((project / "llmexp.toml").read_text())["datasets"]["tickets"]
    assert entry["slices"] == ["hard", "channel"]


async def test_a_changed_file_is_recorded_and_compared(make_app: MakeApp, project: Path) -> None:
    async with make_app().run_test() as pilot:
        await on_screen(pilot, HomeScreen)
        await pilot.press("3")
        screen = await on_screen(pilot, DatasetsScreen)
        await filled(pilot, "#versions")
        path = project / "tickets.csv"
        path.write_text(path.read_text().replace("my refund is late", "my refund is very late", 1))
        await pilot.press("n")
        await until(pilot, lambda: len(screen.versions) == 3)
        await pilot.press("g", "d")
        await on_screen(pilot, DatasetDiffScreen)
        table = await filled(pilot, "#rows")
        assert table.total == 1 and table.cursor_key == "t000"


async def test_scoring_by_hand_is_blind_kept_and_undone(make_app: MakeApp, session: Session) -> None:
    async with make_app().run_test() as pilot:
        await at_results(pilot)
        await pilot.press("b")
        screen = await on_screen(pilot, ScoringScreen)
        for number in range(1, 11):
            await until(pilot, lambda: screen.sitting is not None and screen.shown == screen.sitting.scoring.item)
            await pilot.press("3" if number == 10 else "1")
            await until(
                pilot,
                lambda number=number: screen.sitting is not None and len(screen.sitting.scoring.given) == number,  # type: ignore[misc]
            )
        await until(pilot, lambda: "exact_match" in screen.agreement and "on 10" in screen.agreement)
        await pilot.press("u")
        assert screen.sitting is not None and len(screen.sitting.scoring.given) == 9
        await until(pilot, lambda: all(w.is_finished for w in pilot.app.workers if w.group.startswith("keep")))
        await pilot.press("escape")
        await on_screen(pilot, ResultsScreen)
        await pilot.press("b")
        again = await on_screen(pilot, ScoringScreen)
        await until(pilot, lambda: again.sitting is not None)
        assert again.sitting is not None
        assert again.sitting.scoring.given == screen.sitting.scoring.given


async def test_grades_are_kept_for_the_answer_that_was_shown(make_app: MakeApp, session: Session) -> None:
    async with make_app().run_test() as pilot:
        results = await at_results(pilot)
        await pilot.press("b", "m")
        screen = await on_screen(pilot, ScoringScreen)
        said = {}
        for number in range(4):
            await until(pilot, lambda: screen.sitting is not None and screen.shown == screen.sitting.scoring.item)
            assert screen.shown is not None
            said[screen.shown] = float(number + 1)
            await pilot.press(str(number + 1))
        await until(pilot, lambda: all(w.is_finished for w in pilot.app.workers if w.group.startswith("keep")))
    report = results.report
    assert report is not None and report.baseline is not None
    assert {item.side for item in said} - {"same"} == {"baseline", "candidate"}
    for item in said:
        for run, side in ((report.baseline.id, "baseline"), (report.candidates[0].id, "candidate")):
            stored = scores.ratings(session.store, run, human_fingerprint("rubric")).get((item.row, 0), {})
            wanted = {i.side: g for i, g in said.items() if i.row == item.row}
            expected = wanted.get("same", wanted.get(side))
            assert (stored[session.who].value if stored else None) == expected


async def test_settings_are_kept_and_themes_change(make_app: MakeApp) -> None:
    app = make_app("dark")
    async with app.run_test() as pilot:
        await on_screen(pilot, HomeScreen)
        await pilot.press("comma")
        await on_screen(pilot, SettingsScreen)
        await filled(pilot, "#list")
        await pilot.press("enter")
        assert app.theme == THEME_NAMES[1]
        await pilot.press("j", "enter", *"nano", "enter", "j", "enter", "escape")
        await on_screen(pilot, HomeScreen)
    kept = load_settings(app.folder)
    assert (kept.theme, kept.editor, kept.confirm_quit) == (THEME_NAMES[1], "nano", False)


async def test_a_users_keys_replace_ours(make_app: MakeApp) -> None:
    app = make_app(keymap={"experiment.open": "x"})
    async with app.run_test() as pilot:
        await on_screen(pilot, HomeScreen)
        await filled(pilot, "#experiments")
        await pilot.press("x")
        await on_screen(pilot, ResultsScreen)


async def test_help_lists_the_live_keys(make_app: MakeApp) -> None:
    async with make_app().run_test() as pilot:
        await on_screen(pilot, HomeScreen)
        await pilot.press("question_mark")
        screen = await on_screen(pilot, KeysScreen)
        titles = [title for title, _ in screen._groups]
        assert titles == ["This screen", "In the part that has the focus", "Everywhere"]
        texts = {entry.text for _, entries in screen._groups for entry in entries}
        assert "Run the experiment under the cursor" in texts
        shown = str(screen.query_one(Static).content)
        assert "measures the\n" + " " * 21 + "noise floor" in shown, "words go on under words, not under keys"
        await pilot.press("escape")
        await on_screen(pilot, HomeScreen)


async def test_the_palette_reaches_objects_and_actions(make_app: MakeApp) -> None:
    async with make_app().run_test() as pilot:
        await on_screen(pilot, HomeScreen)
        await filled(pilot, "#experiments")
        await pilot.press("ctrl+p")
        await until(pilot, lambda: type(pilot.app.screen).__name__ == "CommandPalette")
        await pilot.press(*"cheaper")
        await until(pilot, lambda: _first_option(pilot.app.screen).startswith("Experiment: cheaper"))
        await pilot.press("enter")
        screen = await on_screen(pilot, ResultsScreen)
        assert screen.experiment == "cheaper"


def _first_option(screen: Any) -> str:
    from textual.command import CommandList

    found = screen.query_one(CommandList)
    return str(found.get_option_at_index(0).prompt) if found.option_count else ""


async def test_the_way_to_bring_your_own_is_one_that_can_be_gone(
    tmp_path: Path, isolation: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    app = LlmexpApp(None, env={"HOME": str(isolation), "LLMEXP_CONFIG_DIR": str(isolation / "settings")})
    async with app.run_test(size=(80, 24)) as pilot:
        await on_screen(pilot, WelcomeScreen)
        await filled(pilot, "#choices")
        await pilot.press("end", "enter")
        await on_screen(pilot, HomeScreen)
        await filled(pilot, "#experiments")
        assert (tmp_path / "llmexp.toml").exists()
        assert any("o opens it" in note.message for note in app._notifications)


async def test_without_a_project_one_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    env: Mapping[str, str] = {"HOME": str(tmp_path), "LLMEXP_CONFIG_DIR": str(tmp_path / "cfg"), "LC_ALL": "C.UTF-8"}
    app = LlmexpApp(None, env=env)
    async with app.run_test() as pilot:
        await on_screen(pilot, WelcomeScreen)
        await pilot.press("2")
        assert isinstance(app.screen, WelcomeScreen), "there is nowhere to go yet"
        await pilot.press("n")
        await on_screen(pilot, HomeScreen)
        table = await filled(pilot, "#experiments")
        assert table.total == 1
    assert (tmp_path / "llmexp.toml").is_file()


async def test_a_project_that_cannot_be_read_says_so(make_app: MakeApp, project: Path) -> None:
    (project / "llmexp.toml").write_text("[datasets]\nx = 1\n")
    app = make_app()
    async with app.run_test() as pilot:
        screen = await on_screen(pilot, HomeScreen)
        await until(pilot, lambda: screen.query_one("#nothing").display)
        assert "llmexp.toml" in str(screen.query_one("#nothing").text)  # type: ignore[attr-defined]
        await pilot.press("q")
        await until(pilot, lambda: app._exit)


async def test_results_are_compared_and_kept_where_a_run_was_never_judged(
    make_app: MakeApp, session: Session
) -> None:
    run_group(session, "fresh", 6, good={"long": 30, "short": 45}, status=RunStatus.COMPLETE)
    before = len(comparisons.history(session.store, "fresh"))
    async with make_app().run_test() as pilot:
        await on_screen(pilot, HomeScreen)
        await filled(pilot, "#experiments")
        await pilot.press("G", "enter")
        screen = await on_screen(pilot, ResultsScreen)
        await until(pilot, lambda: screen.report is not None)
        await pilot.press("u")
        await until(pilot, lambda: len(comparisons.history(session.store, "fresh")) == before + 1)


async def test_typing_in_an_input_never_triggers_keys(make_app: MakeApp) -> None:
    async with make_app().run_test() as pilot:
        await at_results(pilot)
        await pilot.press("enter")
        screen = await on_screen(pilot, RowsScreen)
        await filled(pilot, "#rows")
        await pilot.press("slash", *"q?12", "enter")
        assert screen.query_one("#filter Input", Input).value == "q?12"
        await until(pilot, lambda: screen.asked.text == "q?12")
        await until(pilot, lambda: bool(screen.query_one("#nothing").display))
        await pilot.press("escape")
        await until(pilot, lambda: screen.asked.text == "" and not screen.query_one("#nothing").display)


@pytest.mark.parametrize(
    ("typed", "screen"),
    [
        ("worst regression cheaper", RowsScreen),
        ("score by hand tone", ScoringScreen),
        ("label short", LabelScreen),
        ("changes of dataset tickets", DatasetDiffScreen),
        ("theme light", HomeScreen),
    ],
)
async def test_the_palette_does_from_home_what_other_screens_do(
    typed: str, screen: type[Screen[Any]], make_app: MakeApp
) -> None:
    async with make_app().run_test() as pilot:
        await on_screen(pilot, HomeScreen)
        await filled(pilot, "#experiments")
        await pilot.press("ctrl+p")
        await until(pilot, lambda: type(pilot.app.screen).__name__ == "CommandPalette")
        pilot.app.screen.query_one(Input).value = typed
        wanted = typed.split()
        await until(pilot, lambda: all(word in _first_option(pilot.app.screen).lower() for word in wanted))
        await pilot.press("enter")
        await on_screen(pilot, screen)


async def test_the_bar_shows_the_way_back_where_there_is_one(make_app: MakeApp) -> None:
    async with make_app().run_test() as pilot:
        home = await on_screen(pilot, HomeScreen)
        await filled(pilot, "#experiments")
        await pilot.press("question_mark")
        await on_screen(pilot, KeysScreen)
        assert "back" not in [hint.text for hint in home.query_one(KeyBar).hints()], "a window over it is no way on"
        await pilot.press("escape", "enter")
        await on_screen(pilot, ResultsScreen)
        await filled(pilot, "#metrics")
        await pilot.press("h")
        histogram = await on_screen(pilot, HistogramScreen)
        assert [hint.text for hint in histogram.query_one(KeyBar).hints()] == ["back", "keys", "quit"]


async def test_the_next_candidate_has_a_key_only_where_there_is_one(make_app: MakeApp) -> None:
    async with make_app().run_test() as pilot:
        results = await at_results(pilot)
        assert "next_candidate" not in {active.binding.action for active in results.active_bindings.values()}
        assert results.report is not None
        other = [replace(metric, candidate="other") for metric in results.report.metrics]
        results._show(replace(results.report, metrics=(*results.report.metrics, *other)))
        await pilot.press("c")
        assert results.candidate == "other"


async def test_escape_leaves_the_table_of_all_candidates_before_the_results(make_app: MakeApp) -> None:
    async with make_app().run_test() as pilot:
        await on_screen(pilot, HomeScreen)
        await filled(pilot, "#experiments")
        await pilot.press("enter")
        results = await on_screen(pilot, ResultsScreen)
        table = await filled(pilot, "#metrics")
        await pilot.press("j", "v")
        await until(pilot, lambda: table.columns[1].key == "level")
        assert results.metric is not None and (results.metric.metric, results.metric.candidate) == ("cost", "short")
        await pilot.press("escape")
        await until(pilot, lambda: table.columns[1].key == "values")
        assert pilot.app.screen is results and results.metric is not None and results.metric.metric == "cost"


async def test_trust_is_asked_once_before_anything_is_planned(
    make_app: MakeApp, project: Path, session: Session, queued: None
) -> None:
    file = project / "llmexp.toml"
    power = 'model = "openai/x"\nlane = "direct"\napi_base = "http://127.0.0.1:9/v1"\n'
    file.write_text(file.read_text().replace('model = "demo/icl"\n', power))
    async with make_app().run_test() as pilot:
        await on_screen(pilot, HomeScreen)
        await filled(pilot, "#experiments")
        await pilot.press("r")
        await on_screen(pilot, ConfirmScreen)
        await pilot.press("enter", "n")
        launch = await on_screen(pilot, LaunchScreen)
        await pilot.press("enter")
        await on_screen(pilot, ConfirmScreen)
        await pilot.press("y")
        await on_screen(pilot, LaunchScreen)
        await until(pilot, lambda: launch.preflight is not None)
        await pilot.press("enter")
        await until(pilot, lambda: bool(queue.entries(session.store)))
        await on_screen(pilot, HomeScreen)


async def test_a_run_is_resumed_once_the_project_is_trusted(
    make_app: MakeApp, project: Path, session: Session, queued: None
) -> None:
    run_group(session, "fresh", 3, good={"long": 4, "short": 5}, status=RunStatus.INTERRUPTED, done=9)
    file = project / "llmexp.toml"
    power = 'model = "openai/x"\nlane = "direct"\napi_base = "http://127.0.0.1:9/v1"\n'
    file.write_text(file.read_text().replace('model = "demo/icl"\n', power))
    async with make_app().run_test() as pilot:
        await on_screen(pilot, HomeScreen)
        await pilot.press("2")
        await on_screen(pilot, RunsScreen)
        await filled(pilot, "#groups")
        for answer in ("n", "y"):
            assert not queue.entries(session.store), "nothing is queued that would be refused"
            await pilot.press("R")
            await on_screen(pilot, ConfirmScreen)
            await pilot.press(answer)
            await on_screen(pilot, RunsScreen)
        await until(pilot, lambda: [e.command["kind"] for e in queue.entries(session.store)] == ["resume"])


async def test_home_compares_what_ended_while_nobody_looked(make_app: MakeApp, session: Session) -> None:
    run_group(session, "fresh", 3, good={"long": 40, "short": 50}, status=RunStatus.RUNNING)
    running = runs.find_runs(session.store, experiment="fresh")
    runs.set_status(session.store, [run.id for run in running], RunStatus.COMPLETE, at=session.at())
    assert not comparisons.latest(session.store, "fresh")
    async with make_app().run_test() as pilot:
        home = await on_screen(pilot, HomeScreen)
        await until(pilot, lambda: bool(comparisons.latest(session.store, "fresh")))
        await until(pilot, lambda: home.view is not None and home.view.experiments[2].report is not None)


async def test_a_version_gets_a_tag_that_stays(make_app: MakeApp, session: Session) -> None:
    async with make_app().run_test() as pilot:
        await on_screen(pilot, HomeScreen)
        await pilot.press("3")
        await on_screen(pilot, DatasetsScreen)
        await filled(pilot, "#versions")
        await pilot.press("t")
        await on_screen(pilot, TagScreen)
        await pilot.press(*"9.0.0", "enter")
        await on_screen(pilot, DatasetsScreen)
        await until(pilot, lambda: datasets.versions(session.store, "tickets")[0].tag == "9.0.0")


async def test_where_no_editor_can_take_over_the_app_says_so(make_app: MakeApp) -> None:
    app = make_app(editor="true")
    async with app.run_test(notifications=True) as pilot:
        await on_screen(pilot, HomeScreen)
        await filled(pilot, "#experiments")
        await pilot.press("o")
        await until(pilot, lambda: any("llmexp.toml" in note.message for note in app._notifications))
        assert app.is_running


async def test_after_an_aa_alone_home_compares_nothing_and_knows_the_floor(
    make_app: MakeApp, session: Session
) -> None:
    records = run_group(
        session, "fresh", 5, good={"long": 40, "short": 50}, aa=True, status=RunStatus.RUNNING, variants=("long",)
    )
    runs.set_status(session.store, [run.id for run in records], RunStatus.COMPLETE, at=session.at())
    async with make_app().run_test() as pilot:
        home = await on_screen(pilot, HomeScreen)
        await filled(pilot, "#experiments")
        assert home.view is not None
        fresh = home.view.experiments[2]
        assert fresh.uncompared is None and fresh.floor_at is not None

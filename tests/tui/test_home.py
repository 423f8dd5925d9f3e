"""Home says what is out of date, and which experiment to run for it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from sqlalchemy import text
from textual.command import CommandPalette
from textual.screen import Screen
from textual.widgets import Static

from llmexp_tui.domain.run import RunStatus
from llmexp_tui.errors import PromptError
from llmexp_tui.store import liveness, queue, runs
from llmexp_tui.tui.announce import _words
from llmexp_tui.tui.app import LlmexpApp
from llmexp_tui.tui.follow import Follower
from llmexp_tui.tui.palette import ActionProvider
from llmexp_tui.tui.reads.estimate import read_estimate
from llmexp_tui.tui.reads.home import read_home
from llmexp_tui.tui.reads.launch import file_of
from llmexp_tui.tui.reads.runs import group_lines, read_active, read_groups
from llmexp_tui.tui.screens import home
from llmexp_tui.tui.screens.home import HomeScreen
from llmexp_tui.tui.screens.keys import collect_keys
from llmexp_tui.tui.screens.launch import LaunchScreen
from llmexp_tui.tui.screens.results import ResultsScreen
from llmexp_tui.tui.screens.runs import RunsScreen
from llmexp_tui.tui.state.activity import activity_line
from llmexp_tui.tui.state.cells import plain, width
from llmexp_tui.tui.state.home import table_rows
from llmexp_tui.tui.state.interval import Scale
from llmexp_tui.tui.state.runs import RESUMABLE, GroupLine, progress_lines, progress_title
from llmexp_tui.tui.widgets.empty_state import EmptyState
from llmexp_tui.tui.widgets.key_bar import KeyBar
from llmexp_tui.tui.widgets.paged_table import PagedTable
from llmexp_tui.workflows.session import Session, open_session
from tests.tui.build import NOW, open_fixed, run_group, write_project
from tests.tui.conftest import MakeApp
from tests.tui.waiting import filled, on_screen, until


async def test_a_change_names_what_to_run_and_what_it_made_old(make_app: MakeApp, project: Path) -> None:
    prompt = project / "prompts" / "short.md"
    prompt.write_text(prompt.read_text() + "Please.\n")
    async with make_app().run_test(size=(120, 40)) as pilot:
        home = await on_screen(pilot, HomeScreen)
        await filled(pilot, "#experiments")
        assert home.view is not None
        stale = [item.name for item in home.view.experiments if item.stale]
        assert "tone" in stale
        said = str(home.query_one("#changed", Static).visual)
        assert f"r on {', '.join(stale)}" in said
        await until(pilot, lambda: "older than what is there now" in str(home.query_one("#question", Static).visual))


async def test_where_nothing_ever_ran_nothing_is_said_to_be_as_it_was_run(make_app: MakeApp, tmp_path: Path) -> None:
    folder = write_project(tmp_path / "new")
    async with make_app(opener=lambda: open_fixed(folder)).run_test() as pilot:
        home = await on_screen(pilot, HomeScreen)
        await filled(pilot, "#experiments")
        assert "Nothing has run yet" in str(home.query_one("#changed", Static).visual)


def test_what_was_run_is_known_to_have_run(session: Session) -> None:
    assert read_home(session).ran


async def test_the_palette_begins_with_what_the_screen_does(make_app: MakeApp) -> None:
    async with make_app().run_test() as pilot:
        home = await on_screen(pilot, HomeScreen)
        await filled(pilot, "#experiments")
        await pilot.press("ctrl+p")
        await until(pilot, lambda: isinstance(pilot.app.screen, CommandPalette))
        names = [entry.name for entry in ActionProvider(home).entries() if not entry.name.startswith("Theme")]
    own = [names.index(text) for text in ("Open", "Run the experiment under the cursor")]
    assert max(own) < names.index("Focus Next"), names


def test_a_stop_is_told_with_the_key_that_goes_on(session: Session) -> None:
    stopped = run_group(session, "tone", 9, good={"long": 4, "short": 5}, status=RunStatus.INTERRUPTED)
    runs.set_status(
        session.store, [run.id for run in stopped], RunStatus.INTERRUPTED, at=session.at(),
        reason="stopped on request; what finished is stored; `llmexp-tui resume` finishes it",
    )  # fmt: skip
    found = runs.find_runs(session.store, group=stopped[0].group)
    words, _ = _words(session, group_lines(session, found)[0])
    assert words == "tone interrupted: stopped on request; what finished is stored; R under Runs goes on from there"


def test_what_goes_on_once_every_answer_is_in_is_called_scoring(session: Session) -> None:
    going = run_group(session, "tone", 9, good={"long": 4, "short": 5}, status=RunStatus.RUNNING)
    (group,) = group_lines(session, runs.find_runs(session.store, group=going[0].group))
    assert plain(progress_title(replace(group, eta_s=0.0))) == "tone  running, every answer is in: scoring"
    assert plain(activity_line([group], "off")) == "▸ tone scoring" and group.far == "120 of 120, scoring"
    judging = GroupLine("g", "tone", (), kind="judge")
    assert judging.far == "judge waits for the worker" and judging.status == "queued"
    assert plain(activity_line([group, judging], "off")) == "▸ 2 runs scoring"
    begun = replace(judging, begun=True)
    assert begun.far == "judge goes on" and plain(activity_line([begun], "off")) == "▸ tone judge"


async def test_home_says_of_what_never_came_to_a_result_how_it_ended(make_app: MakeApp, session: Session) -> None:
    failed = run_group(session, "fresh", 9, good={"long": 4, "short": 5}, status=RunStatus.RUNNING, done=9)
    runs.set_status(
        session.store, [run.id for run in failed], RunStatus.FAILED, at=session.at(),
        reason="failed the first 5 calls; mend the cause, then finish with `llmexp-tui resume`",
    )  # fmt: skip
    async with make_app().run_test() as pilot:
        home = await on_screen(pilot, HomeScreen)
        await filled(pilot, "#experiments")
        await pilot.press("G")
        question = home.query_one("#question", Static)
        told = "✗ failed  failed the first 5 calls; mend the cause, then finish with R under Runs"
        await until(pilot, lambda: told in str(question.content))
        assert home.view is not None
        verdicts = [plain(row.cells[1]) for row in table_rows(home.view.experiments, NOW, Scale())]
        assert verdicts == ["✓ improved", "✗ regressed", "✗ failed"]


@pytest.mark.parametrize(("key", "screen"), [("r", LaunchScreen), ("a", LaunchScreen), ("enter", ResultsScreen)])
async def test_a_key_that_is_pressed_while_the_project_opens_is_not_lost(
    make_app: MakeApp, project: Path, key: str, screen: type[LaunchScreen | ResultsScreen]
) -> None:
    pressed = Event()

    def open_late() -> Session:
        pressed.wait(10)
        return open_fixed(project)

    async with make_app(opener=open_late).run_test(size=(60, 20)) as pilot:
        await on_screen(pilot, HomeScreen)
        await pilot.press(key)
        assert isinstance(pilot.app.screen, HomeScreen), "nothing is read yet"
        pressed.set()
        assert (await on_screen(pilot, screen)).experiment == "tone"


def offered(screen: Screen[Any]) -> list[str]:
    return [hint.shown for hint in screen.query_one(KeyBar).hints()]


@pytest.mark.parametrize(("place", "keys"), [("2", []), ("3", ["n"]), ("4", ["n"])])
async def test_where_nothing_is_listed_only_keys_that_work_are_offered(
    make_app: MakeApp, tmp_path: Path, place: str, keys: list[str]
) -> None:
    folder = write_project(tmp_path / "new")
    async with make_app(opener=lambda: open_fixed(folder)).run_test(size=(80, 24)) as pilot:
        await filled(pilot, "#experiments")
        await pilot.press(place)
        await until(pilot, lambda: any(found.display for found in pilot.app.screen.query(EmptyState)))
        assert offered(pilot.app.screen) == [*keys, "?", "q"]


async def test_pause_and_resume_are_offered_where_they_do_something(
    make_app: MakeApp, project: Path, session: Session
) -> None:
    run_group(session, "tone", 9, good={"long": 4, "short": 5}, status=RunStatus.INTERRUPTED)
    async with make_app().run_test(size=(80, 24)) as pilot:
        await filled(pilot, "#experiments")
        await pilot.press("2")
        screen = await on_screen(pilot, RunsScreen)
        await filled(pilot, "#groups")
        seen = set()
        for at, group in enumerate(screen.groups):
            screen.query_one("#groups", PagedTable).move_to(at)
            await until(pilot, lambda key=group.group: screen.group is not None and screen.group.group == key)
            keys = {"s", "R"} & set(offered(screen))
            assert keys == ({"R"} if group.status in RESUMABLE else {"s"} if group.active else set()), group.status
            assert "R" not in keys or screen.active_bindings["R"].binding.action == "resume"
            seen.add(group.status)
        assert seen == {"complete", "interrupted"}


async def test_help_begins_with_what_home_does(make_app: MakeApp) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        await filled(pilot, "#experiments")
        _, keys = collect_keys(pilot.app.screen)[0]
        assert keys[0].text == "Open", "and not with the way back, of which there is none"


async def test_in_a_window_left_open_ages_go_on(make_app: MakeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home, "_AGES_EVERY_S", 0.02)
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await on_screen(pilot, HomeScreen)
        await filled(pilot, "#experiments")
        monkeypatch.setattr(app, "now", lambda: NOW + timedelta(days=9))
        await until(pilot, lambda: "9 d ago" in str(screen.query_one("#question", Static).visual))


@pytest.mark.parametrize(
    ("where", "file"), [("loose.md:3", "loose.md"), ("prompts/short.md:1", "prompts/short.md"),
                        ("experiments.tone", "llmexp.toml"), (None, "llmexp.toml")],
)  # fmt: skip
def test_the_file_to_mend_is_the_one_that_is_named(project: Path, where: str | None, file: str) -> None:
    (project / "loose.md").write_text("hello")
    assert file_of(PromptError("text before the first role", where=where), project) == file


def killed(session: Session) -> str:
    """A group whose process was killed while it ran a claimed check; its id."""
    gone = replace(session.store.process, pid=1, started="never")
    queue.enqueue(session.store, "asked", {"kind": "check"}, at=session.at(), experiment="tone")
    assert queue.claim(session.store, at=session.at()) is not None
    made = run_group(session, "tone", 9, good={"long": 4, "short": 5}, status=RunStatus.RUNNING)
    with session.store.write() as connection:
        number = liveness.register(connection, gone, session.at())
        connection.execute(text("UPDATE run SET process_no = :no WHERE status = 'running'"), {"no": number})
        connection.execute(text("UPDATE queue SET worker_no = :no WHERE state = 'claimed'"), {"no": number})
    return made[0].group


def tone_runs(session: Session) -> bool:
    return next(line for line in read_home(session).experiments if line.name == "tone").running


def test_a_run_whose_worker_is_gone_is_interrupted_everywhere_and_can_be_resumed(session: Session) -> None:
    group = killed(session)
    follower = Follower(session)
    follower.look(0.0)
    assert [line.group for line in read_groups(session) if line.status == "queued"] == []
    line = next(line for line in read_groups(session) if line.group == group)
    assert line.status in RESUMABLE and not tone_runs(session)
    assert read_active(session) == ()
    assert [entry.reason for entry in queue.entries(session.store)] == ["the process that ran it is gone"]


def test_who_may_only_read_sees_it_too(session: Session, project: Path) -> None:
    group = killed(session)
    with open_session(project, env={}, read_only=True) as reader:
        Follower(reader).look(0.0)
        assert next(line for line in read_groups(reader) if line.group == group).status == "interrupted"
        assert not tone_runs(reader)


def test_another_model_than_was_run_has_changed(session: Session, project: Path) -> None:
    assert not read_home(session).changed
    file = project / "llmexp.toml"
    file.write_text(file.read_text().replace('model = "demo/icl"', 'model = "demo/icl"\ntemperature = 0.5'))
    with open_fixed(project) as edited:
        found = read_home(edited).changed
    assert [(item.path, item.what) for item in found] == [("llmexp.toml", "settings of long, short")]
    assert found[0].experiments == ("cheaper", "tone")


def test_of_equal_answers_no_interval_is_claimed(session: Session) -> None:
    going = run_group(session, "tone", 9, good={"long": 42, "short": 42}, status=RunStatus.RUNNING, done=20)
    found = runs.find_runs(session.store, group=going[0].group)
    words = read_estimate(group_lines(session, found)[0], session)
    assert words == "short no row differs in exact_match so far, on 20 of 60 rows"


async def test_a_project_that_cannot_be_opened_is_opened_once_its_file_is_mended(
    project: Path, isolation: Path
) -> None:
    file = project / "llmexp.toml"
    right = file.read_text()
    file.write_text(right.replace('axis = "prompt"', 'axs = "prompt"'))
    env = {"HOME": str(isolation), "LC_ALL": "C.UTF-8", "LLMEXP_CONFIG_DIR": str(isolation / "settings")}
    app = LlmexpApp(lambda: open_fixed(project), env=env, now=lambda: NOW, project_file=file)
    async with app.run_test() as pilot:
        home = await on_screen(pilot, HomeScreen)
        nothing = home.query_one("#nothing", EmptyState)
        await until(pilot, lambda: "axs" in str(nothing.text))
        assert "o opens llmexp.toml" in str(nothing.text)
        assert [hint.text for hint in home.query_one(KeyBar).hints()] == ["keys", "quit"]
        file.write_text(right.replace('axis = "prompt"', 'axi = "prompt"'))
        await until(pilot, lambda: '"axi"' in str(nothing.text))
        file.write_text(right)
        table = await filled(pilot, "#experiments")
        assert table.display and not nothing.display
        assert "open" in [hint.text for hint in home.query_one(KeyBar).hints()]


def test_wide_names_leave_a_bar_its_line(session: Session) -> None:
    (first, *_), cells = run_group(session, "tone", 9, good={"long": 4, "short": 5}, status=RunStatus.RUNNING), 60
    (group,) = group_lines(session, [first])
    for name in ("候補のとても長い名前の変種二番目", "a-variant-with-a-name-that-goes-on", "b"):
        arm = replace(group.arms[0], record=replace(first, variant=name))
        bars = progress_lines(replace(group, arms=(arm, group.arms[0])), cells)[:2]
        assert [width(bar) for bar in bars] == [cells, cells], name

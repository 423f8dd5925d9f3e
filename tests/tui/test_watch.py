"""Watch mode on real files: a save becomes a version, what it touches is queued, the difference is on the screen."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmexp_tui.errors import LlmexpError
from llmexp_tui.store import prompts, queue
from llmexp_tui.tui.app import LlmexpApp
from llmexp_tui.tui.reads.project import reread
from llmexp_tui.tui.reads.watch import react, read_watched, watched_paths
from llmexp_tui.tui.screens.home import HomeScreen
from llmexp_tui.tui.screens.watch import WatchScreen
from llmexp_tui.tui.widgets.diff_view import DiffView
from llmexp_tui.workflows import start
from llmexp_tui.workflows.session import Session
from tests.tui.build import SHORT, run_group
from tests.tui.conftest import MakeApp
from tests.tui.waiting import filled, on_screen, until


@pytest.fixture(autouse=True)
def no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is queued stays queued."""
    monkeypatch.setattr(start, "ensure_worker", lambda session: None)


async def test_a_saved_prompt_is_a_version_and_runs_what_uses_it(
    make_app: MakeApp, session: Session, project: Path
) -> None:
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await on_screen(pilot, HomeScreen)
        await filled(pilot, "#experiments")
        await pilot.press("w")
        screen = await on_screen(pilot, WatchScreen)
        assert app.watching.on
        path = project / "prompts" / "short.md"
        temporary = path.with_suffix(".new")
        temporary.write_text(SHORT.replace("one word", "exactly one word"))

        async def saved_until_seen() -> None:
            # The watch begins in a thread; a save before it would be its first look. So save until one is seen.
            for number in range(200):
                temporary.write_text(SHORT.replace("one word", f"exactly {number} words"))
                temporary.replace(path)
                for _ in range(60):
                    await pilot.pause(0.01)
                    if app.watching.seen is not None:
                        return

        await saved_until_seen()
        assert app.watching.seen is not None
        assert app.watching.seen.paths == ("prompts/short.md",)
        view = screen.query_one("#prompt", DiffView)
        await until(pilot, lambda: view.diff is not None and not view.diff.same)
        entries = queue.entries(session.store)
        assert {entry.experiment for entry in entries} == {"tone", "cheaper", "fresh"}
        kinds = {entry.experiment: entry.command["kind"] for entry in entries}
        assert kinds == {"tone": "check", "cheaper": "check", "fresh": "run"}
        assert "words" in prompts.versions(session.store, "short")[0].prompt.text
        await pilot.press("w")
        assert not app.watching.on


def test_a_second_save_stops_what_the_first_one_queued(session: Session, project: Path) -> None:
    changed = frozenset({Path("prompts/short.md")})
    for number in range(2):
        (project / "prompts" / "short.md").write_text(SHORT + f"\n{number}\n")
        react(changed, session, session.project)
    states = [entry.state for entry in queue.entries(session.store)]
    assert states.count(queue.QueueState.CANCELLED) == 3 and states.count(queue.QueueState.QUEUED) == 3


def test_a_changed_dataset_touches_only_what_uses_it(session: Session, project: Path) -> None:
    reaction = react(frozenset({Path("elsewhere.csv")}), session, session.project)
    assert reaction.experiments == () and "no experiment" in reaction.words
    path = project / "tickets.csv"
    path.write_text(path.read_text().replace("late", "very late", 1))
    reaction = react(frozenset({path.relative_to(project)}), session, session.project)
    assert reaction.experiments == ("tone", "cheaper", "fresh")


def test_everything_a_prompt_pulls_in_is_watched(session: Session, project: Path) -> None:
    (project / "prompts" / "shots.jsonl").write_text('{"text": "a", "label": "b"}\n')
    (project / "prompts" / "short.md").write_text('+++\nfew_shot = "shots.jsonl"\n+++\n' + SHORT)
    assert {str(path) for path in watched_paths(session)} == {
        "llmexp.toml", "tickets.csv", "prompts/long.md", "prompts/short.md", "prompts/shots.jsonl",
    }  # fmt: skip
    (project / "prompts" / "shots.jsonl").write_text('{"text": "a", "label": "c"}\n')
    reaction = react(frozenset({Path("prompts/shots.jsonl")}), session, session.project)
    assert [version.prompt.name for _, version in reaction.prompts] == ["short"]
    (project / "prompts" / "shots.jsonl").unlink()
    with pytest.raises(LlmexpError, match="shots"):
        react(frozenset({Path("prompts/shots.jsonl")}), session, session.project)


def test_scorers_code_and_rubrics_are_watched(session: Session, project: Path) -> None:
    text = (project / "llmexp.toml").read_text()
    added = '{ type = "python", name = "own", python = "own.py:score" }, { type = "json_schema", schema = "a.json" }'
    (project / "own.py").write_text("from helper import one\ndef score(row, output): return one\n")
    (project / "helper.py").write_text("one = 1\n")
    (project / "a.json").write_text("{}")
    first = text.index("scorers = [") + len("scorers = [")
    (project / "llmexp.toml").write_text(text[:first] + added + ", " + text[first:])
    (touched,) = react(frozenset({Path("llmexp.toml")}), session, session.project).experiments
    assert {"own.py", "helper.py", "a.json"} < {str(path) for path in watched_paths(session)}
    for name in ("own.py", "helper.py", "a.json"):
        assert react(frozenset({Path(name)}), session, session.project).experiments == (touched,)


def test_a_changed_project_file_runs_only_the_experiments_it_changes(session: Session, project: Path) -> None:
    path = project / "llmexp.toml"
    path.write_text(path.read_text() + "\n# a remark\n")
    assert react(frozenset({Path("llmexp.toml")}), session, session.project).experiments == ()
    path.write_text(path.read_text().replace("margin = 0.05", "margin = 0.04", 1))
    assert len(react(frozenset({Path("llmexp.toml")}), session, session.project).experiments) == 1


def test_a_project_file_that_was_read_anew_before_has_still_changed(session: Session, project: Path) -> None:
    before, path = session.project, project / "llmexp.toml"
    assert not reread(session)
    path.write_text(path.read_text().replace("margin = 0.05", "margin = 0.04", 1))
    assert reread(session), "as whoever follows the runs does, four times a second"
    reaction = react(frozenset({Path("llmexp.toml")}), session, before)
    assert len(reaction.experiments) == 1
    assert react(frozenset({Path("llmexp.toml")}), session, reaction.project).experiments == ()


async def test_the_palette_goes_to_a_prompt(make_app: MakeApp) -> None:
    app: LlmexpApp = make_app()
    async with app.run_test() as pilot:
        await on_screen(pilot, HomeScreen)
        await filled(pilot, "#experiments")
        from llmexp_tui.tui.navigation import open_place
        from llmexp_tui.tui.screens.prompts import PromptsScreen

        await open_place(app, "prompts", "short")
        screen = await on_screen(pilot, PromptsScreen)
        table = await filled(pilot, "#versions")
        await until(pilot, lambda: table.cursor == 1)
        assert screen.version is not None and screen.version.prompt.name == "short"


def test_an_earlier_run_is_not_what_a_save_came_to(session: Session, project: Path) -> None:
    (project / "prompts" / "short.md").write_text(SHORT.replace("one word", "two words"))
    reaction = react(frozenset({Path("prompts/short.md")}), session, session.project)
    watched = read_watched(reaction, session)
    assert watched is not None and watched.asked is None, "the run of the save is still queued"
    run_group(session, watched.experiment, 8, good={"long": 42, "short": 50})
    watched = read_watched(reaction, session)
    assert watched is not None and watched.asked is not None

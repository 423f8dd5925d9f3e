"""Every screen as a picture, at the declared floor and wider, dark and light.

Pictures change with Textual and Rich: update them in a commit of its own, with --snapshot-update, and look at them.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from llmexp_tui.store import prompts
from llmexp_tui.tui import screens
from llmexp_tui.tui.app import LlmexpApp
from llmexp_tui.tui.reads.watch import Reaction
from llmexp_tui.tui.settings import Settings
from llmexp_tui.tui.widgets.diff_view import DiffView
from llmexp_tui.workflows import start
from llmexp_tui.workflows.label import move_label
from llmexp_tui.workflows.session import Session
from tests.tui.build import NOW, open_fixed, run_group
from tests.tui.conftest import MakeApp
from tests.tui.waiting import until

Compare = Callable[..., bool]

SIZES = {"80x24": (80, 24), "120x40": (120, 40)}
WALKS: dict[str, tuple[str, ...]] = {
    "home": (),
    "results": ("HomeScreen", "enter"),
    "variants": ("HomeScreen", "enter", "ResultsScreen", "v"),
    "rows": ("HomeScreen", "j", "enter", "ResultsScreen", "n"),
    "row": ("HomeScreen", "j", "enter", "ResultsScreen", "n", "RowsScreen", "enter"),
    "runs": ("HomeScreen", "2"),
    "datasets": ("HomeScreen", "3"),
    "dataset-rows": ("HomeScreen", "3", "DatasetsScreen", "enter"),
    "dataset-diff": ("HomeScreen", "3", "DatasetsScreen", "d"),
    "prompts": ("HomeScreen", "4", "PromptsScreen", "j"),
    "prompt-diff": ("HomeScreen", "4", "PromptsScreen", "j", "enter"),
    "launch": ("HomeScreen", "r"),
    "histogram": ("HomeScreen", "enter", "ResultsScreen", "h"),
    "slices": ("HomeScreen", "enter", "ResultsScreen", "s"),
    "differences": ("HomeScreen", "enter", "ResultsScreen", "d"),
    "scoring": ("HomeScreen", "enter", "ResultsScreen", "b"),
    "keys": ("HomeScreen", "question_mark"),
    "watch": ("HomeScreen", "w", "WatchScreen"),
    "label": ("HomeScreen", "4", "PromptsScreen", "l"),
    "history": ("HomeScreen", "4", "PromptsScreen", "j", "H"),
    "used-by": ("HomeScreen", "4", "PromptsScreen", "t"),
    "confirm": ("HomeScreen", "enter", "ResultsScreen", "enter", "RowsScreen", "enter", "plus"),
    "which-label": ("HomeScreen", "4", "PromptsScreen", "j", "b"),
    "marked": ("HomeScreen", "j", "enter", "ResultsScreen", "n", "RowsScreen", "space", "m", "tab"),
    "tag": ("HomeScreen", "3", "DatasetsScreen", "t"),
    "settings": ("HomeScreen", "comma"),
    "quit": ("HomeScreen", "a run goes", "q"),
    "welcome": ("WelcomeScreen",),
    "palette": ("HomeScreen", "ctrl+p", *"tone"),
}

STATES: dict[str, tuple[str, ...]] = {
    "watch-begun": ("HomeScreen", "w"),
    "no-rows": ("HomeScreen", "enter", "ResultsScreen", "enter", "RowsScreen", "slash", *"zzz", "enter"),
    "launch-aa": ("HomeScreen", "a"),
    "grades": ("HomeScreen", "enter", "ResultsScreen", "b", "ScoringScreen", "m"),
    "not-run": ("HomeScreen", "G", "enter"),
    "three-candidates": ("HomeScreen", "G", "enter", "ResultsScreen", "c"),
    "three-candidates-together": ("HomeScreen", "G", "enter", "ResultsScreen", "v"),
}
"""Other states of a screen: one picture each."""

_FOUR = """
[prompts.terse]
path = "prompts/terse.md"

[experiments.wording]
question = "Which wording sorts best?"
dataset = "tickets"
axis = "prompt"
baseline = "long"
scorers = ["exact_match"]
variants.long = { prompt = "long", model = "demo" }
variants.short = { prompt = "short", model = "demo" }
variants.before = { prompt = "short@production", model = "demo" }
variants.terse = { prompt = "terse", model = "demo" }

[[experiments.wording.gates]]
metric = "exact_match"
margin = 0.05
"""


def walk(steps: tuple[str, ...]) -> Callable[[Pilot[Any]], Any]:
    """Press the keys; a screen's name waits until that screen is in front and has read what it shows."""

    async def go(pilot: Pilot[Any]) -> None:
        for step in steps:
            if step.endswith("Screen"):
                await until(pilot, lambda name=step: type(pilot.app.screen).__name__ == name, step)  # type: ignore[misc]
                await settled(pilot)
            elif step == "a run goes":
                await until(pilot, lambda: bool(pilot.app.groups), step)  # type: ignore[attr-defined]
            else:
                await pilot.press(step)
        await settled(pilot)

    return go


async def settled(pilot: Pilot[Any]) -> None:
    """Every reading thread is done (following goes on for ever) and what it read is on the screen."""

    def quiet() -> bool:
        return all(worker.is_finished or worker.group in ("follow", "watch") for worker in pilot.app.workers)

    for _ in range(3):
        await until(pilot, quiet, "all reading done")
        await pilot.pause()
    for view in pilot.app.screen.query(DiffView):
        await until(pilot, lambda view=view: view.diff is not None or not view.display, "compared")  # type: ignore[misc]


def welcomed(theme: str) -> LlmexpApp:
    return LlmexpApp(
        None, env={"LC_ALL": "C.UTF-8", "LLMEXP_CONFIG_DIR": "/nonexistent"}, settings=Settings(theme=theme)
    )


def saved(app: LlmexpApp, session: Session) -> None:
    """A prompt was saved and what it touches was run."""
    now, before = prompts.versions(session.store, "short")
    app.watching.seen = Reaction(("prompts/short.md",), session.project, ((before, now),), ("cheaper",))


def going(app: LlmexpApp, session: Session) -> None:
    """A run goes."""
    start.queue_run(session, "check", "tone", {})


def settings_kept(app: LlmexpApp, session: Session) -> None:
    """Their folder is the same on every machine."""
    app.folder = Path("/home/ada/.config/llmexp")


def labelled(app: LlmexpApp, session: Session) -> None:
    """Two labels came to the newest version from the one before."""
    new, old = prompts.versions(session.store, "short")
    for label in ("production", "staging"):
        move_label(session, "short", label, old.hash)
        move_label(session, "short", label, new.hash)


def three_candidates(app: LlmexpApp, session: Session) -> None:
    """Three prompts were held against one."""
    file = session.root / "llmexp.toml"
    file.write_text(file.read_text() + _FOUR)
    (session.root / "prompts" / "terse.md").write_text("Sort: {{ text }}\n")
    with open_fixed(session.root, at=NOW - timedelta(minutes=1)) as edited:
        run_group(edited, "wording", 3, good={"long": 45, "short": 53, "before": 44, "terse": 33}, aa=True)


def run_before(app: LlmexpApp, session: Session) -> None:
    """It was run several times."""
    for number, right in enumerate((44, 41, 47, 50, 53), 3):
        with open_fixed(session.root, at=NOW - timedelta(minutes=9 - number)) as earlier:
            run_group(earlier, "tone", number, good={"long": 42, "short": right}, aa=number == 7)


BEFORE: dict[str, Callable[[LlmexpApp, Session], None]] = {
    "home": run_before, "watch": saved, "quit": going, "settings": settings_kept, "which-label": labelled,
    "three-candidates": three_candidates, "three-candidates-together": three_candidates,
}  # fmt: skip


@pytest.fixture
def no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is queued stays queued."""
    monkeypatch.setattr(start, "ensure_worker", lambda session: None)


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", WALKS)
def test_screen(
    name: str, size: str, theme: str, make_app: MakeApp, session: Session, no_worker: None, snap_compare: Compare
) -> None:
    app = welcomed(theme) if name == "welcome" else make_app(theme)
    BEFORE.get(name, lambda app, session: None)(app, session)
    steps = WALKS[name] or ("HomeScreen",)
    assert snap_compare(app, terminal_size=SIZES[size], run_before=walk(steps))


def test_every_screen_has_its_pictures() -> None:
    files = {path.stem for path in Path(screens.__file__).parent.glob("*.py")}
    assert files - {"__init__", "base"} <= {name.replace("-", "_") for name in WALKS}


@pytest.mark.parametrize("name", STATES)
def test_state(
    name: str, make_app: MakeApp, session: Session, no_worker: None, snap_compare: Compare
) -> None:
    app = make_app("dark")
    BEFORE.get(name, lambda app, session: None)(app, session)
    assert snap_compare(app, terminal_size=SIZES["80x24"], run_before=walk(STATES[name]))


@pytest.mark.parametrize("theme", ["high-contrast", "ansi-dark"])
def test_other_themes(theme: str, make_app: MakeApp, snap_compare: Compare) -> None:
    assert snap_compare(make_app(theme), terminal_size=SIZES["80x24"], run_before=walk(WALKS["results"]))


def test_too_small(make_app: MakeApp, snap_compare: Compare) -> None:
    assert snap_compare(make_app(), terminal_size=(38, 12), run_before=walk(("HomeScreen",)))


@pytest.mark.parametrize("name", ["home", "results", "rows"])
def test_small(name: str, make_app: MakeApp, snap_compare: Compare) -> None:
    assert snap_compare(make_app("dark"), terminal_size=(40, 12), run_before=walk(WALKS[name] or ("HomeScreen",)))

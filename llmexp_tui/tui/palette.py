"""The palette: every action of the screen and every object of the project by name."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from textual.binding import ActiveBinding, Binding
from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from llmexp_tui.domain.text import one_line
from llmexp_tui.errors import LlmexpError
from llmexp_tui.tui.navigation import open_launch, open_place, open_results
from llmexp_tui.tui.state.format import short_hash
from llmexp_tui.tui.state.versions import version_key

if TYPE_CHECKING:
    from llmexp_tui.tui.app import LlmexpApp
    from llmexp_tui.workflows.session import Session

_SHOWN_FIRST = 40


class Entry(NamedTuple):
    """One thing that can be chosen. `name` is matched and may hold anything; it is shown as it is."""

    name: str
    help: str
    run: Callable[[], Any]


class _Entries(Provider):
    """A provider over a list of entries."""

    def entries(self) -> Iterable[Entry]:
        """The entries, read or made beforehand."""
        return ()

    async def discover(self) -> Hits:
        """What is shown before anything is typed."""
        for entry in list(self.entries())[:_SHOWN_FIRST]:
            yield DiscoveryHit(Content(entry.name), entry.run, entry.name, entry.help)

    async def search(self, query: str) -> Hits:
        """What matches."""
        matcher = self.matcher(query)
        for entry in self.entries():
            score = matcher.match(entry.name)
            if score > 0:
                yield Hit(score, Content(entry.name), entry.run, entry.name, entry.help)


class ActionProvider(_Entries):
    """Every binding that works here, by its description."""

    def entries(self) -> Iterable[Entry]:
        """One entry an action."""
        seen: set[str] = set()
        active_bindings = sorted(self.screen.active_bindings.values(), key=self._far)
        for active in active_bindings:
            binding = active.binding
            if active.enabled and binding.description and not binding.system and binding.action not in seen:
                seen.add(binding.action)
                text = binding.tooltip or binding.description
                run = partial(self._run, active.node, binding)
                yield Entry(text, self.app.get_key_display(binding), run)
        yield from self._themes()

    def _far(self, active: ActiveBinding) -> int:
        """What the screen does stands first, then what the app does; moving about, in a list or by tab, is last."""
        if not active.binding.id:
            return 3
        return 0 if active.node is self.screen else 1 if active.node is self.app else 2

    def _run(self, node: Any, binding: Binding) -> Any:
        return self.app.run_action(binding.action, node)

    def _themes(self) -> Iterable[Entry]:
        app = cast("LlmexpApp", self.app)
        from llmexp_tui.tui.themes import THEME_NAMES

        for name in THEME_NAMES:
            yield Entry(f"Theme: {name}", "colours", partial(app.choose_theme, name))


class ObjectProvider(_Entries):
    """Experiments, prompts, datasets and runs of the project."""

    def __init__(self, screen: Any, match_style: Any = None) -> None:
        super().__init__(screen, match_style)
        self._entries: tuple[Entry, ...] = ()

    async def startup(self) -> None:
        """Read the names once, in a thread, when the palette opens."""
        app = cast("LlmexpApp", self.app)
        if not app.has_project:
            return
        try:
            names = await asyncio.to_thread(_read_names, app)
        except LlmexpError:
            return
        self._entries = tuple(_entries_of(app, names))

    def entries(self) -> Iterable[Entry]:
        """What was read."""
        return self._entries


class Names(NamedTuple):
    """The names of everything in a project; of versions and runs the key in their list, and words."""

    experiments: tuple[str, ...]
    prompts: tuple[str, ...]
    datasets: tuple[str, ...]
    prompt_versions: tuple[tuple[str, str], ...]
    dataset_versions: tuple[tuple[str, str], ...]
    runs: tuple[tuple[str, str], ...]


def _read_names(app: LlmexpApp) -> Names:
    from llmexp_tui.store import datasets, prompts, runs

    session: Session = app.session()
    store = session.store
    recent = runs.find_runs(store, limit=200)
    texts = [version for name in prompts.names(store) for version in prompts.versions(store, name)]
    return Names(
        tuple(session.project.experiments),
        tuple(session.project.prompts),
        tuple(session.project.datasets),
        tuple(
            (version_key(v.prompt.name, v.hash), " ".join((v.prompt.name, short_hash(v.hash), *v.labels)))
            for v in texts
        ),
        tuple((version_key(v.name, v.hash), f"{v.name} {v.label}") for v in datasets.versions(store)),
        tuple((record.id, f"{record.experiment} {record.variant}") for record in recent),
    )


_OF_RESULTS = (
    ("Worst regression", "its rows, worst first", "worst"),
    ("Score by hand", "blind", "score"),
    ("Variants side by side", "all candidates in one table", "side_by_side"),
    ("Variants' differences", "prompts and settings", "differences"),
)
_OF_PROMPTS = (
    ("Label", "put a label on its newest version", "label"),
    ("Label history", "every move, who and why", "history"),
    ("Edit prompt", "in your editor", "edit"),
)
_OF_DATASETS = (
    ("Rows of dataset", "its newest version", "open"),
    ("Tag dataset", "a name for its newest version", "tag"),
    ("Changes of dataset", "against the version before", "diff"),
    ("Edit dataset", "in your editor", "edit"),
)


def _entries_of(app: LlmexpApp, names: Names) -> Iterable[Entry]:
    for name in names.experiments:
        shown = one_line(name, 60)
        yield Entry(f"Experiment: {shown}", "its results", partial(open_results, app, name))
        yield Entry(f"Run: {shown}", "pre-flight of a check or a run", partial(open_launch, app, name))
        yield Entry(f"A/A: {shown}", "the baseline against itself", partial(open_launch, app, name, "aa"))
        for title, words, action in _OF_RESULTS:
            yield Entry(f"{title}: {shown}", words, partial(open_results, app, name, action))
    for place, found, title, actions in (
        ("prompts", names.prompts, "Prompt", _OF_PROMPTS),
        ("datasets", names.datasets, "Dataset", _OF_DATASETS),
    ):
        for name in found:
            shown = one_line(name, 60)
            yield Entry(f"{title}: {shown}", "its versions", partial(open_place, app, place, name))
            for words, help, action in actions:
                yield Entry(f"{words}: {shown}", help, partial(open_place, app, place, name, action))
    for place, title, listed in (
        ("prompts", "Prompt version", names.prompt_versions),
        ("datasets", "Dataset version", names.dataset_versions),
        ("runs", "Run record", names.runs),
    ):
        for key, text in listed:
            entry = f"{title}: {one_line(text, 60)}" + (f" {key}" if place == "runs" else "")
            yield Entry(entry, "in its list", partial(open_place, app, place, key))

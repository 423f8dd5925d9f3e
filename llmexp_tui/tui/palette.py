"""The palette: every action of the screen and every object of the project by name."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from textual.binding import Binding
from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from llmexp_tui.domain.text import one_line
from llmexp_tui.errors import LlmexpError
from llmexp_tui.tui.navigation import open_launch, open_place, open_results

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
        for active in self.screen.active_bindings.values():
            binding = active.binding
            if active.enabled and binding.description and not binding.system and binding.action not in seen:
                seen.add(binding.action)
                text = binding.tooltip or binding.description
                run = partial(self._run, active.node, binding)
                yield Entry(text, self.app.get_key_display(binding), run)
        yield from self._themes()

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
    """The names of everything in a project."""

    experiments: tuple[str, ...]
    prompts: tuple[str, ...]
    datasets: tuple[str, ...]
    runs: tuple[tuple[str, str], ...]


def _read_names(app: LlmexpApp) -> Names:
    from llmexp_tui.store import runs

    session: Session = app.session()
    recent = runs.find_runs(session.store, limit=200)
    return Names(
        tuple(session.project.experiments),
        tuple(session.project.prompts),
        tuple(session.project.datasets),
        tuple((record.id, f"{record.experiment} {record.variant}") for record in recent),
    )


def _entries_of(app: LlmexpApp, names: Names) -> Iterable[Entry]:
    for name in names.experiments:
        shown = one_line(name, 60)
        yield Entry(f"Experiment: {shown}", "its results", partial(open_results, app, name))
        yield Entry(f"Run: {shown}", "pre-flight of a run", partial(open_launch, app, name))
        yield Entry(f"A/A: {shown}", "the baseline against itself", partial(open_launch, app, name, "aa"))
    for name in names.prompts:
        yield Entry(f"Prompt: {one_line(name, 60)}", "its versions", partial(open_place, app, "prompts", name))
    for name in names.datasets:
        yield Entry(f"Dataset: {one_line(name, 60)}", "its versions", partial(open_place, app, "datasets", name))
    for run, text in names.runs:
        yield Entry(f"Run record: {one_line(text, 60)} {run}", "its record", partial(open_place, app, "runs", run))
